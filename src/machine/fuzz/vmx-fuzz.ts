/**
 * A hostile hypervisor with a hostile guest: a VMCS with random damage, EPT structures with random entries, VMX
 * instructions with random operands, in VMX root operation and in the guest. Whatever comes of it, the machine must
 * stay a machine: no exception of the host, no WebAssembly trap, no hang.
 */
import { Cr0, Cr4 } from "../../cpu/mmu.js";
import { VMCS_FIELDS } from "../../cpu/vmx/fields.js";
import { Vmcs } from "../../cpu/vmx/vmcs.js";
import { CodeWriter } from "./code-writer.js";
import { FuzzPc, type Outcome } from "./fuzz-pc.js";
import { violations } from "./invariants.js";
import { At } from "./layout.js";
import { ProgramSource } from "./programs.js";
import { Random } from "./random.js";
import { place, VmxAt, VmxWorld } from "./vmx-world.js";

/** Cases that share a PC. A chunk runs the same whatever ran before. */
export const VMX_CHUNK = 1000;
const MODELS = ["Skylake-Server,+vmx", "Haswell,+vmx", "Skylake-Server,+vmx", "Nehalem,+vmx"] as const;
/** Milliseconds of processor time that one case may take. */
const SLOW = 2000;
/** Of one case in so many the state of the processor is checked. */
const CHECKED = 4;
/** Failures after which the run ends. */
const MOST_FAILURES = 20;

/** What happened, counted: of one case several. */
export interface VmxCounts {
  entries: number;
  exits: number;
  /** VMfail of VMLAUNCH or VMRESUME. */
  vmFails: number;
  /** Failures of VM entry with exit reasons 33, 34 and 41. */
  entryFailures: number;
  aborts: number;
  /** Cases at whose end the guest ran. */
  inGuest: number;
}

export interface VmxFuzzReport {
  readonly cases: number;
  readonly instructions: number;
  readonly counts: Readonly<VmxCounts>;
  /** VM exits by basic exit reason. */
  readonly reasons: ReadonlyMap<number, number>;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly failures: readonly string[];
  readonly slowest: { readonly number: number; readonly milliseconds: number };
}

export interface VmxFuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** First case, a multiple of {@link VMX_CHUNK}. */
  readonly first?: number;
}

const VMLAUNCH = [0x0f, 0x01, 0xc2] as const;
const VMRESUME = [0x0f, 0x01, 0xc3] as const;
const RAX = 0;
const RCX = 1;
const RBX = 3;

type Template = (w: CodeWriter, r: Random) => void;

/** An address for a memory operand: mostly that of the page for operands. */
const operand = (r: Random): number =>
  r.oneIn(5) ? r.value() & 0x7fff_ffff : VmxAt.operands + r.below(64) * 8;

const fieldEncoding = (r: Random): bigint => {
  if (r.oneIn(5)) return r.wide();
  const { encoding } = r.pick(VMCS_FIELDS);
  return BigInt(r.oneIn(6) ? encoding ^ (1 << r.below(15)) : encoding);
};

/** VMREAD and VMWRITE, of a register or of memory. */
const access: Template = (w, r) => {
  const opcode = r.oneIn(3) ? [0x0f, 0x78] : [0x0f, 0x79];
  w.loadWide(RAX, fieldEncoding(r));
  if (r.oneIn(3)) {
    w.absolute(opcode, RAX, operand(r));
    return;
  }
  w.loadWide(RCX, r.oneIn(2) ? r.wide() : place(r));
  w.emit(...opcode, 0xc0 | (RAX << 3) | RCX);
};

/** VMPTRLD, VMCLEAR, VMXON, VMPTRST. */
const pointer: Template = (w, r) => {
  const [prefix, reg] = r.pick([
    [[], 6],
    [[], 6],
    [[0x66], 6],
    [[0xf3], 6],
    [[], 7],
  ] as const);
  w.absolute([...prefix, 0x0f, 0xc7], reg, operand(r));
};

/** INVEPT and INVVPID. */
const invalidate: Template = (w, r) => {
  w.loadWide(RAX, r.oneIn(4) ? r.wide() : BigInt(r.below(5)));
  w.absolute([0x66, 0x0f, 0x38, 0x80 + r.below(2)], RAX, operand(r));
};

/** VMFUNC. */
const vmFunction: Template = (w, r) => {
  w.load(RAX, r.oneIn(4) ? r.value() : 0);
  w.load(RCX, r.oneIn(4) ? r.value() : r.below(8));
  w.emit(0x0f, 0x01, 0xd4);
};

/** VMCALL, VMLAUNCH, VMRESUME, and rarely VMXOFF. */
const plain: Template = (w, r) => w.emit(0x0f, 0x01, r.oneIn(8) ? 0xc4 : 0xc1 + r.below(3));

/** Those whose writes are virtualized. */
const APIC_REGISTERS = [
  0x20, 0x80, 0xb0, 0xd0, 0xe0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x380, 0x3e0,
] as const;

/** A load or a store somewhere: EPT violations, APIC accesses, and the structures themselves. */
const touch: Template = (w, r) => {
  const at = r.oneIn(3)
    ? VmxAt.apicAccess + (r.oneIn(3) ? r.below(0x1000) : r.pick(APIC_REGISTERS))
    : VmxAt.vmxon + r.below(VmxAt.end - VmxAt.vmxon);
  w.loadWide(RBX, r.oneIn(3) ? place(r) : BigInt(at));
  if (r.oneIn(3)) w.emit(0x48);
  w.emit(r.oneIn(2) ? 0x8b : 0x89, 0x03);
};

const TEMPLATES = [access, access, access, pointer, pointer, invalidate, vmFunction, plain, touch] as const;

/** HLT, as behind a VM entry that failed, or a jump back to where the code begins. */
function end(w: CodeWriter, halts: boolean): void {
  if (halts) w.emit(0xf4);
  w.emit(0xe9);
  w.number(-w.length - 4, 4);
}

function some(w: CodeWriter, r: Random, most: number): void {
  for (let i = r.below(most + 1); i > 0; i--) r.pick(TEMPLATES)(w, r);
}

/** What VMX root operation executes first. */
function hostCode(r: Random): CodeWriter {
  const w = new CodeWriter(64, At.code);
  if (r.oneIn(4)) some(w, r, 5);
  w.emit(...VMLAUNCH);
  some(w, r, 3);
  w.emit(...(r.oneIn(3) ? VMRESUME : VMLAUNCH));
  end(w, !r.oneIn(8));
  return w;
}

/** What the host executes after a VM exit. */
function exitCode(r: Random): CodeWriter {
  const w = new CodeWriter(64, VmxAt.exited);
  if (r.oneIn(3)) some(w, r, 4);
  // Behind an instruction of two bytes, often: VMREAD RAX, GUEST_RIP; ADD RAX, 2; VMWRITE.
  if (r.oneIn(2)) {
    w.load(RCX, 0x681e);
    w.emit(0x0f, 0x78, 0xc8, 0x48, 0x83, 0xc0, 2 + r.below(3), 0x0f, 0x79, 0xc8);
  }
  w.emit(...VMRESUME);
  some(w, r, 2);
  end(w, !r.oneIn(8));
  return w;
}

function guestCode(source: ProgramSource, r: Random): CodeWriter {
  if (r.oneIn(2)) return source.write(r, 64, VmxAt.guest);
  const w = new CodeWriter(64, VmxAt.guest);
  for (let i = 2 + r.below(6); i > 0; i--) {
    if (r.oneIn(5)) w.emit(0x0f, 0xa2);
    else if (r.oneIn(3)) touch(w, r);
    else r.pick(TEMPLATES)(w, r);
  }
  end(w, false);
  return w;
}

/** A PC of the fuzzer with the structures of VMX. */
class VmxFuzzPc {
  private readonly fuzzPc: FuzzPc;
  private readonly world: VmxWorld;

  constructor(
    model: string,
    private readonly source: ProgramSource,
    memory: WebAssembly.Memory | undefined,
    counts: VmxCounts,
    reasons: Map<number, number>,
  ) {
    this.fuzzPc = new FuzzPc(model, memory);
    const { vmx } = this.fuzzPc.pc.cpu;
    this.world = new VmxWorld(vmx.capabilities);
    vmx.observer = {
      onEntry: () => counts.entries++,
      onExit: ({ reason }) => {
        counts.exits++;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      },
      onEntryFailure: ({ reason }) => {
        if (reason === undefined) counts.vmFails++;
        else counts.entryFailures++;
      },
      onAbort: () => counts.aborts++,
    };
  }

  get memory(): WebAssembly.Memory {
    return this.fuzzPc.pc.memory;
  }
  get cpu() {
    return this.fuzzPc.pc.cpu;
  }

  /** Makes a case and runs it. */
  run(r: Random): Outcome {
    const { fuzzPc, world, source } = this;
    const { cpu, bootMemory, physical } = fuzzPc.pc;
    const { state, vmx } = cpu;
    fuzzPc.load({ mode: "long", code: hostCode(r), seed: r.u32() });
    world.fill(r);
    this.operands(r);
    const exit = exitCode(r);
    world.write(VmxAt.exited, exit.bytes.subarray(0, exit.length));
    const guest = guestCode(source, r);
    world.write(VmxAt.guest, guest.bytes.subarray(0, guest.length));
    bootMemory.write(VmxAt.vmxon, world.bytes);
    state.cr0 |= Cr0.NE;
    state.cr4 |= Cr4.VMXE;
    cpu.modeChanged();
    vmx.enterOperation(BigInt(VmxAt.vmxon));
    vmx.current = Vmcs.at(state.view, physical, BigInt(VmxAt.vmcs));
    return fuzzPc.run(r.oneIn(8) ? 60 + r.below(140) : 60);
  }

  /** Pointers and descriptors for instructions with memory operands. */
  private operands(r: Random): void {
    const bytes = new Uint8Array(64 * 8);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 64; i++) {
      view.setBigUint64(i * 8, r.oneIn(2) ? place(r) : r.oneIn(2) ? r.wide() : BigInt(r.below(4)), true);
    }
    this.world.write(VmxAt.operands, bytes);
  }
}

export function fuzzVmx({ cases, seed, first = 0 }: VmxFuzzOptions): VmxFuzzReport {
  const source = new ProgramSource();
  const outcomes: Record<Outcome, number> = { running: 0, halted: 0, shutdown: 0, reset: 0, "power-off": 0 };
  const counts: VmxCounts = { entries: 0, exits: 0, vmFails: 0, entryFailures: 0, aborts: 0, inGuest: 0 };
  const reasons = new Map<number, number>();
  const failures: string[] = [];
  let slowest = { number: 0, milliseconds: 0 };
  let instructions = 0;
  let pc: VmxFuzzPc | undefined;
  let memory: WebAssembly.Memory | undefined;

  for (let number = first; number < first + cases && failures.length < MOST_FAILURES; number++) {
    const model = MODELS[Math.floor(number / VMX_CHUNK) % MODELS.length]!;
    if (number % VMX_CHUNK === 0 || !pc) {
      pc = new VmxFuzzPc(model, source, memory, counts, reasons);
      memory = pc.memory;
    }
    const began = process.cpuUsage();
    const before = pc.cpu.instructions;
    let failure: string | undefined;
    try {
      outcomes[pc.run(new Random(Math.imul(seed, 0x9e3779b1) + number))]++;
      if (pc.cpu.guest.active) counts.inGuest++;
      instructions += pc.cpu.instructions - before;
      const { user, system } = process.cpuUsage(began);
      const milliseconds = (user + system) / 1000;
      if (milliseconds > slowest.milliseconds) slowest = { number, milliseconds };
      if (number % CHECKED === 0 && !pc.cpu.shutdown) failure = violations(pc.cpu)[0];
      if (milliseconds > SLOW) failure = `took ${Math.round(milliseconds)} ms`;
    } catch (thrown) {
      failure = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    }
    if (failure === undefined) continue;
    failures.push(`case ${number} of seed ${seed} (${model}): ${failure}`);
    // What follows on this PC would only repeat it.
    pc = undefined;
  }
  return { cases, instructions, counts, reasons, outcomes, failures, slowest };
}
