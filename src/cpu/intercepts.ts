/**
 * Where a hypervisor's wishes enter the processor: the points at which VMX non-root operation and SVM guest
 * mode can leave for the hypervisor (SDM vol. 3, chapter 26; APM vol. 2, 15.9).
 *
 * Each method is called at the place the manuals give the exit in the order of checks: after the faults that
 * have priority over it (privilege, invalid operands), before those it has priority over (memory operands)
 * and before anything changes. A method leaves for the hypervisor by throwing; returning means "go on". Port accesses are
 * so frequent in guests, and an exception so dear, that {@link Intercepts.port} says what is to happen instead.
 */
import type { CpuEvent } from "./event.js";
import type { VmExit } from "./vmx/contract.js";

/** Instructions that are intercepted as a whole. Names are the manuals' mnemonics. */
export type InterceptedInstruction =
  | "cpuid"
  | "hlt"
  | "invd"
  | "invlpg"
  | "invpcid"
  | "iret"
  | "lgdt"
  | "lidt"
  | "lldt"
  | "ltr"
  | "monitor"
  | "mwait"
  | "pause"
  | "popf"
  | "pushf"
  | "rdpid"
  | "rdpmc"
  | "rdrand"
  | "rdseed"
  | "rdtsc"
  | "rdtscp"
  | "sgdt"
  | "sidt"
  | "sldt"
  | "smsw"
  | "str"
  | "int"
  | "wbinvd"
  | "wbnoinvd"
  | "xsaves"
  | "xsetbv";

export interface PortAccess {
  readonly port: number;
  readonly size: 1 | 2 | 4;
  readonly write: boolean;
  /** The port number is an immediate of the instruction, not DX. */
  readonly immediate: boolean;
  /** For INS and OUTS. */
  readonly string?: {
    readonly rep: boolean;
    readonly addressSize: 16 | 32 | 64;
    readonly linear: bigint;
  };
}

export interface Intercepts {
  /** @param operand INVLPG: the linear address; INVPCID: its descriptor's address; INT: the vector */
  instruction(which: InterceptedInstruction, operand?: bigint): void;
  /** Returns the value that the guest sees: some bits can come from a shadow. */
  readControlRegister(register: 0 | 3 | 4 | 8, value: bigint): bigint;
  /**
   * The guest writes `value`. Returns what the register gets: some bits can belong to the hypervisor and keep
   * their value. Throws #GP for bits that VMX operation fixes.
   */
  writeControlRegister(register: 0 | 3 | 4 | 8, value: bigint, by: "mov" | "lmsw" | "clts"): bigint;
  debugRegister(register: number, write: boolean): void;
  /** Returns the VM exit that takes the place of the access, if there is one: see {@link CpuContext.exitInstead}. */
  port(access: PortAccess): VmExit | undefined;
  msr(index: number, write: boolean): void;
  /** An event is about to be delivered; `during` is the one whose delivery raised it, if any. Exceptions and NMI only. */
  exception(event: CpuEvent, during: CpuEvent | undefined): void;
  /** @param source as the exit qualification counts it: 0 CALL, 1 IRET, 2 JMP, 3 task gate in the IDT */
  taskSwitch(selector: number, source: 0 | 1 | 2 | 3): void;
}
