/** A processor's memory management with 8 MiB of RAM, and builders of paging structures in it. It holds no tests. */
import { CR0, CR3, CR4, EFER } from "../../isa/state.js";
import { PhysicalMap } from "../../memory/physical.js";
import { Cr0, Cr4, Efer } from "../control-bits.js";
import { CpuState } from "../cpu-state.js";
import { MMU_BYTES, Mmu } from "../mmu.js";
import { VmExit } from "../vmx/contract.js";

const VIEWS_AT = 0x10000;
const RAM_AT = 0x3000000;
export const RAM_SIZE = 0x800000;
if (VIEWS_AT + MMU_BYTES > RAM_AT) throw new Error("the TLB views do not fit");

export const GIB = 0x4000_0000;
export const MIB = 0x10_0000;

/** Rights and flags of entries. */
export const P = 1n;
export const RW = 2n;
export const US = 4n;
export const PS = 0x80n;
export const G = 0x100n;
export const XD = 1n << 63n;
/** EPT: read, write, execute; memory type WB, which only entries that map a page have. */
export const R = 1n;
export const W = 2n;
export const X = 4n;
export const XU = 0x400n;
export const WB = 6n << 3n;
export const SUPPRESS_VE = 1n << 63n;

/** Where the guests' physical memory lies in the machine's: guest-physical 0 is here. */
export const GUEST_AT = 4 * MIB;

export class TestMmu {
  private readonly memory = new ArrayBuffer(RAM_AT + RAM_SIZE);
  private readonly view = new DataView(this.memory);
  readonly state = new CpuState(this.memory, 0);
  readonly physical = new PhysicalMap();
  readonly mmu: Mmu;
  /** Host pages with code. */
  readonly code = new Set<number>();

  constructor() {
    this.physical.addRam(0, RAM_SIZE, RAM_AT);
    const code = {
      has: (page: number) => this.code.has(page),
      overlaps: (host: number) => this.code.has(host >>> 12),
      written: () => {},
    };
    this.mmu = new Mmu(this.state, this.physical, code, VIEWS_AT, 40, () => true);
  }

  read64(physical: number): bigint {
    return this.view.getBigUint64(RAM_AT + physical, true);
  }
  write64(physical: number, value: bigint): void {
    this.view.setBigUint64(RAM_AT + physical, BigInt.asUintN(64, value), true);
  }
  /** Physical address of what {@link Mmu.resolve} answers. */
  resolved(linear: bigint, write = false): number {
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    return this.mmu.resolve(low, high, 1, write, false, false) - RAM_AT;
  }
  fetched(linear: bigint): number {
    return this.mmu.translateFetch(
      Number(BigInt.asIntN(32, linear)),
      Number(BigInt.asIntN(32, linear >> 32n)),
    );
  }

  /** 64-bit mode with 4-level paging. */
  longMode(root: number, more: { cr4?: number; pcid?: number } = {}): void {
    const { state } = this;
    state.setU32(CR0, (Cr0.PE | Cr0.PG | Cr0.WP) >>> 0);
    state.setU32(CR4, Cr4.PAE | (more.cr4 ?? 0));
    state.setU32(EFER, Efer.LME | Efer.LMA | Efer.NXE);
    state.setU64(CR3, BigInt(root + (more.pcid ?? 0)));
    this.mmu.modeChanged();
  }

  /** Protected mode without paging. */
  unpaged(): void {
    this.state.setU32(CR0, Cr0.PE);
    this.state.setU32(CR4, 0);
    this.state.setU32(EFER, 0);
    this.mmu.modeChanged();
  }
}

/** Paging structures of four levels, for ordinary paging or EPT. */
export class Tables {
  readonly root: number;
  private next: number;

  /**
   * @param at where structures are made, one page after the other
   * @param offset what to add to their addresses, and to those in entries, to find them in the machine's memory
   * @param table the bits of entries that refer to a structure
   */
  constructor(
    private readonly owner: TestMmu,
    at: number,
    private readonly table: bigint,
    private readonly offset = 0,
  ) {
    this.root = at;
    this.next = at + 0x1000;
  }

  /** Maps a page. `level` 1: 4 KiB, 2: 2 MiB, 3: 1 GiB. */
  map(address: bigint, entry: bigint, level = 1): void {
    this.owner.write64(this.offset + this.entryAddress(address, level), entry);
  }

  /** Address of the entry for an address at a level (4: PML4E), in terms of the structures' own addresses. */
  entryAddress(address: bigint, level: number): number {
    let at = this.root;
    for (let depth = 4; ; depth--) {
      const index = Number((address >> BigInt(12 + 9 * (depth - 1))) & 0x1ffn);
      const entryAt = at + index * 8;
      if (depth === level) return entryAt;
      let entry = this.owner.read64(this.offset + entryAt);
      if (entry === 0n) {
        entry = BigInt(this.next) | this.table;
        this.next += 0x1000;
        this.owner.write64(this.offset + entryAt, entry);
      }
      at = Number(entry & 0xf_ffff_ffff_f000n);
    }
  }

  entry(address: bigint, level = 1): bigint {
    return this.owner.read64(this.offset + this.entryAddress(address, level));
  }
}

/** EPTP for an EPT PML4 table: write-back, a page-walk length of 4. */
export const eptpOf = (root: number, accessedDirty = false): bigint =>
  BigInt(root) | (accessedDirty ? 0x5en : 0x1en);

/** EPT that maps the first 2 MiB of guest-physical memory, page by page, to {@link GUEST_AT}. */
export function eptTables(owner: TestMmu, at = 0x10_0000, rights = R | W | X): Tables {
  const tables = new Tables(owner, at, R | W | X);
  for (let page = 0; page < 2 * MIB; page += 0x1000) {
    tables.map(BigInt(page), BigInt(GUEST_AT + page) | WB | rights);
  }
  return tables;
}

/** Paging structures of a guest, at guest-physical address `at`. */
export const guestTables = (owner: TestMmu, at = 0x10000): Tables =>
  new Tables(owner, at, P | RW | US, GUEST_AT);

/** The VM exit that `action` causes. */
export function exitOf(action: () => void): VmExit {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof VmExit) return thrown;
    throw thrown;
  }
  throw new Error("there was no VM exit");
}
