/**
 * What the GDB server needs of the machine that it debugs.
 */

/** Views of memory that VMX has: the hypervisor's linear addresses, its guest's, the guest's physical ones. */
export type VmxView = "l1" | "l2" | "l2-physical";

/** Whose memory addresses mean: what runs now sees linear ones. */
export type MemoryView = "current" | VmxView | "physical";

export const MEMORY_VIEWS: readonly MemoryView[] = ["current", "l1", "l2", "l2-physical", "physical"];

/** Why the target stopped, in GDB's terms. */
export interface StopReason {
  /** POSIX signal number: 5 SIGTRAP, 2 SIGINT, 11 SIGSEGV … */
  readonly signal: number;
  /** A breakpoint was met. */
  readonly breakpoint?: "software" | "hardware";
  /** A data watchpoint was met. */
  readonly watch?: { readonly kind: "write" | "read" | "access"; readonly address: bigint };
  /** The guest is gone: its exit status. */
  readonly exited?: number;
  /** What to tell the person, with its line ends. */
  readonly text?: string;
}

export type BreakpointKind = "software" | "hardware" | "write" | "read" | "access";

export interface DebugTarget {
  /** What {@link readMemory} and {@link writeMemory} take addresses for. */
  memoryView: MemoryView;
  /** Value of a register by its GDB name, little endian, of the size that the target description gives. */
  readRegister(name: string): Uint8Array;
  /** False where the register cannot have that value. */
  writeRegister(name: string, value: Uint8Array): boolean;
  /** Undefined where nothing is mapped. Reading has no side effects. */
  readMemory(address: bigint, length: number): Uint8Array | undefined;
  /** False where nothing is mapped. */
  writeMemory(address: bigint, data: Uint8Array): boolean;
  /** False where the kind is not supported. Addresses are linear, of what runs when they are met. */
  setBreakpoint(kind: BreakpointKind, address: bigint, length: number): boolean;
  removeBreakpoint(kind: BreakpointKind, address: bigint, length: number): boolean;
  /** Executes one instruction. */
  step(): Promise<StopReason>;
  /** Executes until something stops it. */
  resume(): Promise<StopReason>;
  /** Makes {@link resume} end with SIGINT. */
  interrupt(): void;
  /** The debugger goes: its breakpoints are removed and the guest runs on. */
  detach(): void;
  /** The debugger goes and leaves the guest as it came to it: running or standing still. */
  leave(): void;
  /** `monitor COMMAND`: text for the person. */
  monitor(command: string): string;
  /** Ends the guest. */
  kill(): void;
}
