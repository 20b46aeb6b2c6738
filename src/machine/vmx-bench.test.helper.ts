/**
 * A PC whose processor is in VMX root operation, in 64-bit mode with identity-mapped memory, and a VMCS that its tests
 * fill in. The guest is code that a test writes; a VM exit leads to an HLT of the host, so that the test can look.
 */
import assert from "node:assert/strict";
import { SegmentIndex } from "../cpu/cpu-state.js";
import { VMCS_REVISION } from "../cpu/vmx/capabilities.js";
import {
  EntryControl,
  ExitControl,
  PinControl,
  PrimaryControl,
  SecondaryControl,
} from "../cpu/vmx/controls.js";
import { VmcsField, type VmcsFieldName } from "../cpu/vmx/fields.js";
import { Vmcs } from "../cpu/vmx/vmcs.js";
import { Assembler } from "../guests/assembler/assembler.js";
import * as S from "../isa/state.js";
import { Pc } from "./pc.js";

export const At = {
  vmxon: 0x1000,
  vmcs: 0x2000,
  pml4: 0x3000,
  pdpt: 0x4000,
  directory: 0x5000,
  hostGdt: 0x6000,
  guestGdt: 0x7000,
  guestIdt: 0x8000,
  hostIdt: 0x9000,
  /** VMLAUNCH, VMRESUME, and what the host executes after a VM exit. */
  launch: 0xa000,
  resume: 0xa100,
  exited: 0xa200,
  guestStack: 0xc000,
  hostStack: 0xd000,
  guest: 0x10000,
  /** Pages for tests. */
  free: 0x20000,
} as const;

const CODE64 = 0x00af9b000000ffffn;
const DATA = 0x00cf93000000ffffn;
const CODE = 8;
const STACK = 0x10;
const TSS = 0x18;
const CR0 = 0x8001_0031;
const CR4 = 0x2620;
const EFER = 0xd01;
const PRESENT = 3n;
const LARGE = 0x80n;
const RIGHTS = { code: 0xa09b, data: 0xc093, tss: 0x8b, unusable: 0x10000 } as const;

const DEFAULT1 = { pin: 0x16, primary: 0x0401_e172 & ~0x18000, exit: 0x36dff, entry: 0x11ff } as const;

type Names<T> = readonly (keyof T)[];
export interface Controls {
  readonly pin?: Names<typeof PinControl>;
  readonly primary?: Names<typeof PrimaryControl>;
  readonly secondary?: Names<typeof SecondaryControl>;
  readonly exit?: Names<typeof ExitControl>;
  readonly entry?: Names<typeof EntryControl>;
}

const masks = <T extends Readonly<Record<string, number>>>(table: T, names: Names<T> = []): number =>
  names.reduce((bits, name) => (bits | table[name]!) >>> 0, 0);

export class VmxBench {
  readonly pc: Pc;
  readonly vmcs: Vmcs;
  readonly serial: number[] = [];
  /** Resets that were asked for. */
  resets = 0;
  private launched = false;

  constructor(controls: Controls = {}, model = "Skylake-Server,+vmx") {
    this.pc = new Pc({
      config: {
        kernel: { name: "test", data: new Uint8Array() },
        memory: 64 << 20,
        cpu: model,
        clock: "virtual",
      },
      memory: undefined,
      log: () => {},
      events: {
        powerOff: () => {},
        debugExit: () => {},
        reset: () => {
          this.resets++;
          this.pc.cpu.interrupt();
        },
        debugByte: (byte) => this.serial.push(byte),
        serial: (byte) => this.serial.push(byte),
      },
    });
    this.tables();
    this.host();
    this.put32(At.vmxon, VMCS_REVISION);
    this.put32(At.vmcs, VMCS_REVISION);
    const { cpu } = this.pc;
    cpu.vmx.enterOperation(BigInt(At.vmxon));
    this.vmcs = Vmcs.at(cpu.state.view, this.pc.physical, BigInt(At.vmcs))!;
    cpu.vmx.current = this.vmcs;
    this.hostArea();
    this.guestArea();
    this.controls(controls);
  }

  // --- memory ---

  put32(address: number, value: number): void {
    this.pc.cpu.physicalMemory.write32(address, value);
  }
  put64(address: number, value: bigint): void {
    this.pc.cpu.physicalMemory.write64(address, value);
  }
  get32(address: number): number {
    return this.pc.cpu.physicalMemory.read32(address);
  }
  get64(address: number): bigint {
    return this.pc.cpu.physicalMemory.read64(address);
  }
  assemble(at: number, write: (a: Assembler) => void, bits: 16 | 32 | 64 = 64): void {
    const a = new Assembler(at, bits);
    write(a);
    this.pc.bootMemory.write(at, a.finish());
  }

  private tables(): void {
    this.put64(At.pml4, BigInt(At.pdpt) | PRESENT);
    this.put64(At.pdpt, BigInt(At.directory) | PRESENT);
    this.put64(At.pdpt + 24, 0xc000_0000n | PRESENT | LARGE);
    for (let i = 0; i < 32; i++) this.put64(At.directory + i * 8, (BigInt(i) << 21n) | PRESENT | LARGE);
    for (const gdt of [At.hostGdt, At.guestGdt]) {
      this.put64(gdt + CODE, CODE64);
      this.put64(gdt + STACK, DATA);
    }
    this.assemble(At.launch, (a) => {
      a.vmlaunch();
      a.hlt();
    });
    this.assemble(At.resume, (a) => {
      a.vmresume();
      a.hlt();
    });
    this.assemble(At.exited, (a) => a.hlt());
  }

  private host(): void {
    const { cpu } = this.pc;
    const { state } = cpu;
    state.cr0 = CR0;
    state.cr3 = BigInt(At.pml4);
    state.cr4 = CR4;
    state.efer = EFER;
    state.rflags = 2;
    for (let i = 0; i < 6; i++) {
      const code = i === SegmentIndex.CS;
      const rights = code ? RIGHTS.code : RIGHTS.data;
      state.setSegment(i, { selector: code ? CODE : STACK, base: 0n, limit: 0xffff_ffff, rights });
    }
    state.setSegment(SegmentIndex.TR, { selector: TSS, base: 0n, limit: 0x67, rights: RIGHTS.tss });
    state.setSegment(SegmentIndex.LDTR, { selector: 0, base: 0n, limit: 0, rights: RIGHTS.unusable });
    state.setU64(S.GDTR_BASE, BigInt(At.hostGdt));
    state.setU32(S.GDTR_LIMIT, 0xff);
    state.cpl = 0;
    cpu.modeChanged();
  }

  // --- the VMCS ---

  write(field: VmcsFieldName, value: bigint | number): void {
    this.vmcs.write(VmcsField[field], BigInt(value));
  }
  read(field: VmcsFieldName): number {
    return Number(this.vmcs.read(VmcsField[field]));
  }

  controls({ pin, primary, secondary, exit, entry }: Controls): void {
    this.write("PIN_CONTROLS", DEFAULT1.pin | masks(PinControl, pin));
    const second = secondary ? PrimaryControl.activateSecondaryControls : 0;
    this.write("PRIMARY_CONTROLS", (DEFAULT1.primary | masks(PrimaryControl, primary) | second) >>> 0);
    this.write("SECONDARY_CONTROLS", masks(SecondaryControl, secondary));
    this.write("EXIT_CONTROLS", DEFAULT1.exit | ExitControl.hostAddressSpaceSize | masks(ExitControl, exit));
    this.write("ENTRY_CONTROLS", DEFAULT1.entry | EntryControl.ia32eModeGuest | masks(EntryControl, entry));
  }

  private hostArea(): void {
    this.write("HOST_CR0", CR0);
    this.write("HOST_CR3", At.pml4);
    this.write("HOST_CR4", CR4);
    this.write("HOST_CS_SELECTOR", CODE);
    this.write("HOST_SS_SELECTOR", STACK);
    this.write("HOST_TR_SELECTOR", TSS);
    this.write("HOST_GDTR_BASE", At.hostGdt);
    this.write("HOST_IDTR_BASE", At.hostIdt);
    this.write("HOST_RSP", At.hostStack);
    this.write("HOST_RIP", At.exited);
  }

  private guestArea(): void {
    this.write("GUEST_CR0", CR0);
    this.write("GUEST_CR3", At.pml4);
    this.write("GUEST_CR4", CR4);
    this.write("GUEST_DR7", 0x400);
    this.write("GUEST_RFLAGS", 2);
    this.write("GUEST_RIP", At.guest);
    this.write("GUEST_RSP", At.guestStack);
    this.write("VMCS_LINK_POINTER", 0xffff_ffff_ffff_ffffn);
    for (let i = 0; i < 8; i++) {
      const rights =
        i === SegmentIndex.CS
          ? RIGHTS.code
          : i === SegmentIndex.TR
            ? RIGHTS.tss
            : i === SegmentIndex.LDTR
              ? RIGHTS.unusable
              : RIGHTS.data;
      const selector =
        i === SegmentIndex.CS ? CODE : i === SegmentIndex.TR ? TSS : i === SegmentIndex.LDTR ? 0 : STACK;
      this.vmcs.write(VmcsField.GUEST_ES_SELECTOR + i * 2, BigInt(selector));
      this.vmcs.write(VmcsField.GUEST_ES_LIMIT + i * 2, i === SegmentIndex.TR ? 0x67n : 0xffff_ffffn);
      this.vmcs.write(VmcsField.GUEST_ES_ACCESS_RIGHTS + i * 2, BigInt(rights));
    }
    this.write("GUEST_GDTR_BASE", At.guestGdt);
    this.write("GUEST_GDTR_LIMIT", 0xff);
    this.write("GUEST_IDTR_BASE", At.guestIdt);
    this.write("GUEST_IDTR_LIMIT", 0xfff);
  }

  /** EPT structures from `at` on that map the first 64 MiB as they are. */
  identityEpt(at: number): void {
    const [pdpt, directory] = [at + 0x1000, at + 0x2000];
    this.put64(at, BigInt(pdpt) | 7n);
    this.put64(pdpt, BigInt(directory) | 7n);
    for (let i = 0; i < 32; i++) this.put64(directory + i * 8, (BigInt(i) << 21n) | 0xb7n);
    this.write("EPT_POINTER", at | 0x1e);
  }

  /** The guest is in real-address mode, at the same place. */
  realMode(): void {
    this.write("GUEST_CR0", 0x30);
    this.write("GUEST_CR4", 0x2000);
    this.write("GUEST_CR3", 0);
    this.write("GUEST_RIP", At.guest % 0x10000);
    for (let i = 0; i < 6; i++) {
      const base = i === SegmentIndex.CS ? At.guest & ~0xffff : 0;
      this.vmcs.write(VmcsField.GUEST_ES_SELECTOR + i * 2, BigInt(base >>> 4));
      this.vmcs.write(VmcsField.GUEST_ES_BASE + i * 2, BigInt(base));
      this.vmcs.write(VmcsField.GUEST_ES_LIMIT + i * 2, 0xffffn);
      this.vmcs.write(VmcsField.GUEST_ES_ACCESS_RIGHTS + i * 2, i === SegmentIndex.CS ? 0x9bn : 0x93n);
    }
  }

  // --- running ---

  /** A handler of the guest, at an interrupt gate of its IDT. */
  handler(vector: number, at: number, write: (a: Assembler) => void): void {
    this.assemble(at, write);
    const gate = At.guestIdt + vector * 16;
    this.put64(
      gate,
      BigInt(at & 0xffff) | (BigInt(CODE) << 16n) | 0x8e00_0000_0000n | (BigInt(at >>> 16) << 48n),
    );
    this.put64(gate + 8, 0n);
  }

  guest(write: (a: Assembler) => void): void {
    this.assemble(At.guest, write);
  }

  /** VMLAUNCH, then VMRESUME; runs until the host halts. Returns the exit reason. */
  run(ticks = 100_000): number {
    const { cpu, timeline } = this.pc;
    cpu.state.rip = BigInt(this.launched ? At.resume : At.launch);
    cpu.halted = false;
    const end = cpu.now() + ticks;
    while (cpu.now() < end && !cpu.shutdown) {
      timeline.runDue(cpu.now());
      if (cpu.halted && !cpu.guest.active) break;
      if (cpu.idle) cpu.skipTo(Math.min(timeline.next, end));
      else cpu.execute(Math.min(timeline.next, end));
    }
    this.launched = this.vmcs.launched;
    assert.ok(!cpu.guest.active, `the guest still runs, at ${cpu.state.rip.toString(16)}h`);
    const { rip } = cpu.state;
    const { lastFailure } = cpu.vmx;
    assert.equal(rip, BigInt(At.exited + 1), `no VM exit: ${lastFailure?.rule.name ?? "no rule failed"}`);
    return this.read("EXIT_REASON");
  }

  /** Moves the guest behind the instruction that caused the VM exit. */
  skip(): void {
    this.write("GUEST_RIP", this.read("GUEST_RIP") + this.read("EXIT_INSTRUCTION_LENGTH"));
  }
}
