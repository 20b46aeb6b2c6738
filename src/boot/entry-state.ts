/**
 * The state of the boot processor at the first instruction of a guest that is started without firmware.
 *
 * A loader describes it; the machine writes it into the CPU. Registers that are not named are 0.
 * Segment caches follow Intel SDM volume 3, 26.4.1 (guest register state), control registers 2.5.
 */

import { type BootMemory, StructWriter } from "./guest-memory.js";
import { GDT_ADDRESS } from "./layout.js";

export type GprName =
  | "rax"
  | "rcx"
  | "rdx"
  | "rbx"
  | "rsp"
  | "rbp"
  | "rsi"
  | "rdi"
  | "r8"
  | "r9"
  | "r10"
  | "r11"
  | "r12"
  | "r13"
  | "r14"
  | "r15";

export type SegmentName = "cs" | "ds" | "es" | "fs" | "gs" | "ss" | "ldtr" | "tr";

/** A segment register with its hidden part. */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, after scaling by the granularity bit. */
  readonly limit: number;
  /**
   * Access rights in the VMX encoding: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15, and
   * bit 16 set when the register is unusable (a null selector).
   */
  readonly rights: number;
}

export interface EntryState {
  readonly mode: "long" | "protected" | "real";
  readonly rip: bigint;
  readonly rflags: bigint;
  readonly registers: Partial<Record<GprName, bigint>>;
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly gdtBase: bigint;
  readonly gdtLimit: number;
  readonly idtBase: bigint;
  readonly idtLimit: number;
  readonly segments: Readonly<Record<SegmentName, SegmentState>>;
}

/** RFLAGS with only its fixed bit 1: interrupts off, direction up. */
const RFLAGS_FIXED = 0x2n;

const CR0_PE = 1n << 0n;
const CR0_ET = 1n << 4n;
const CR0_NE = 1n << 5n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;

const RIGHTS_CODE64 = 0xa09b;
const RIGHTS_CODE32 = 0xc09b;
const RIGHTS_DATA = 0xc093;
const RIGHTS_BUSY_TSS = 0x008b;
const RIGHTS_UNUSABLE = 0x10000;

/** The Linux boot protocol wants these two selectors (`__BOOT_CS`, `__BOOT_DS`); the other protocols accept any. */
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const TSS_SELECTOR = 0x20;

const TSS_LIMIT = 0x67;
/** Null, unused, code, data, and a TSS of 16 bytes (as long mode has it). */
const GDT_LIMIT = 6 * 8 - 1;

function flat(selector: number, rights: number): SegmentState {
  return { selector, base: 0n, limit: 0xffffffff, rights };
}

function segments(codeRights: number): Record<SegmentName, SegmentState> {
  const data = flat(DATA_SELECTOR, RIGHTS_DATA);
  return {
    cs: flat(CODE_SELECTOR, codeRights),
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    ldtr: { selector: 0, base: 0n, limit: 0, rights: RIGHTS_UNUSABLE },
    tr: { selector: TSS_SELECTOR, base: 0n, limit: TSS_LIMIT, rights: RIGHTS_BUSY_TSS },
  };
}

/** Segment descriptor (SDM volume 3, 3.4.5) of a segment with base 0. */
function descriptor(limit: number, rights: number): bigint {
  const scaled = rights & 0x8000 ? limit >>> 12 : limit;
  return BigInt(scaled & 0xffff) | (BigInt(rights & 0xf0ff) << 40n) | (BigInt((scaled >>> 16) & 0xf) << 48n);
}

function writeGdt(memory: BootMemory, codeRights: number): void {
  const gdt = new StructWriter()
    .u64(0)
    .u64(0)
    .u64(descriptor(0xffffffff, codeRights))
    .u64(descriptor(0xffffffff, RIGHTS_DATA))
    .u64(descriptor(TSS_LIMIT, RIGHTS_BUSY_TSS))
    .u64(0);
  memory.write(GDT_ADDRESS, gdt.finish());
}

/** 32-bit protected mode, flat segments, paging and interrupts off. Puts the GDT into guest memory. */
export function protectedEntry(
  memory: BootMemory,
  eip: number,
  registers: Partial<Record<GprName, bigint>>,
): EntryState {
  writeGdt(memory, RIGHTS_CODE32);
  return {
    mode: "protected",
    rip: BigInt(eip),
    rflags: RFLAGS_FIXED,
    registers,
    cr0: CR0_PE | CR0_ET,
    cr3: 0n,
    cr4: 0n,
    efer: 0n,
    gdtBase: BigInt(GDT_ADDRESS),
    gdtLimit: GDT_LIMIT,
    idtBase: 0n,
    idtLimit: 0,
    segments: segments(RIGHTS_CODE32),
  };
}

/** 64-bit mode with the 4-level page tables at `pageTables`, interrupts off. Puts the GDT into guest memory. */
export function longEntry(
  memory: BootMemory,
  rip: number,
  pageTables: number,
  registers: Partial<Record<GprName, bigint>>,
): EntryState {
  writeGdt(memory, RIGHTS_CODE64);
  return {
    mode: "long",
    rip: BigInt(rip),
    rflags: RFLAGS_FIXED,
    registers,
    cr0: CR0_PE | CR0_ET | CR0_NE | CR0_PG,
    cr3: BigInt(pageTables),
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
    gdtBase: BigInt(GDT_ADDRESS),
    gdtLimit: GDT_LIMIT,
    idtBase: 0n,
    idtLimit: 0,
    segments: segments(RIGHTS_CODE64),
  };
}
