/**
 * A machine as a debugger's target: it runs when the debugger says so, and while none is attached.
 */
import { LONGEST_WATCHPOINT, type Watchpoint } from "../machine/debug-control.js";
import type { Machine, MachineExit } from "../machine/machine.js";
import type { BreakpointKind, DebugTarget, MemoryView, StopReason } from "./gdb/target.js";
import { gdbRegisters } from "./gdb/target-description.js";
import { type MonitorExtension, monitorCommand } from "./monitor.js";

const SIGINT = 2;
const SIGTRAP = 5;

const bytesOf = new Map(gdbRegisters.map(({ name, bits }) => [name, bits / 8]));

/** The status that GDB shows when the guest has ended; QEMU's convention for the debug-exit port. */
function exitCode(exit: MachineExit): number {
  if (exit.reason === "debug-exit") return ((exit.code << 1) | 1) & 0xff;
  return exit.reason === "triple-fault" ? 1 : 0;
}

export class MachineTarget implements DebugTarget {
  /** Breakpoints by kind: GDB may set several at one address. */
  private readonly breakpoints = { software: new Set<bigint>(), hardware: new Set<bigint>() };
  /** Ends the wait of {@link run} for the debugger. */
  private wake: () => void = () => {};
  /** Tells the debugger why the machine stopped. */
  private tell: ((reason: StopReason) => void) | undefined;
  private interrupting = false;
  private over = false;

  /**
   * @param frozen the machine waits for the debugger before its first instruction
   * @param more answers `monitor` commands that monitor.ts does not know
   */
  constructor(
    private readonly machine: Machine,
    private frozen = false,
    private readonly more?: MonitorExtension,
  ) {}

  /** Runs the machine, as far as debuggers let it, until the guest ends or {@link end} is called. */
  async run(): Promise<MachineExit> {
    for (;;) {
      while (this.frozen && !this.over) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      if (this.over) return { reason: "paused" };
      // Ctrl-C can come between the command to go on and this.
      if (this.interrupting) {
        this.stopped({ signal: SIGINT });
        continue;
      }
      const exit = await this.machine.run();
      if (exit.reason === "breakpoint" || exit.reason === "watchpoint") this.stopped(this.reasonOf(exit));
      else if (exit.reason === "paused" && this.interrupting) this.stopped({ signal: SIGINT });
      else {
        this.stopped({ signal: SIGTRAP, exited: exitCode(exit) });
        return exit;
      }
    }
  }

  /** Makes {@link run} end. */
  end(): void {
    this.over = true;
    this.machine.pause();
    this.wake();
  }

  private stopped(reason: StopReason): void {
    this.frozen = true;
    this.interrupting = false;
    const { tell } = this;
    this.tell = undefined;
    tell?.(reason);
  }

  private reasonOf(exit: MachineExit): StopReason {
    if (exit.reason === "watchpoint") {
      return { signal: SIGTRAP, watch: { kind: exit.access, address: exit.address } };
    }
    if (exit.reason !== "breakpoint") return { signal: SIGTRAP };
    return {
      signal: SIGTRAP,
      breakpoint: this.breakpoints.software.has(exit.address) ? "software" : "hardware",
    };
  }

  /** A debugger comes: the guest stops. */
  attach(): Promise<void> {
    if (this.frozen || this.over) return Promise.resolve();
    return new Promise((resolve) => {
      this.tell = () => resolve();
      this.interrupt();
    });
  }

  /** The debugger has gone without a word: a guest that stood still goes on standing still. */
  lost(): void {
    this.tell = undefined;
    this.removeBreakpoints();
  }

  private removeBreakpoints(): void {
    this.breakpoints.software.clear();
    this.breakpoints.hardware.clear();
    this.machine.debug.clear();
    // The machine may be running.
    this.machine.debug.arm();
  }

  // --- DebugTarget ---

  readRegister(name: string): Uint8Array {
    let value = this.machine.debug.readRegister(name) ?? 0n;
    const bytes = new Uint8Array(bytesOf.get(name) ?? 8);
    for (let i = 0; i < bytes.length; i++, value >>= 8n) bytes[i] = Number(value & 0xffn);
    return bytes;
  }

  writeRegister(name: string, value: Uint8Array): boolean {
    return this.machine.debug.writeRegister(
      name,
      value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
    );
  }

  readMemory(view: MemoryView, address: bigint, length: number): Uint8Array | undefined {
    const { debug } = this.machine;
    return view === "linear"
      ? debug.readLinear(address, length)
      : debug.readPhysical(Number(address), length);
  }

  writeMemory(view: MemoryView, address: bigint, data: Uint8Array): boolean {
    const { debug } = this.machine;
    return view === "linear" ? debug.writeLinear(address, data) : debug.writePhysical(Number(address), data);
  }

  setBreakpoint(kind: BreakpointKind, address: bigint, length: number): boolean {
    if (kind === "software" || kind === "hardware") {
      this.breakpoints[kind].add(address);
      this.machine.debug.addBreakpoint(address);
      return true;
    }
    if (length < 1 || length > LONGEST_WATCHPOINT) return false;
    this.machine.debug.addWatchpoint(this.watchpoint(kind, address, length));
    return true;
  }

  removeBreakpoint(kind: BreakpointKind, address: bigint, length: number): boolean {
    if (kind === "software" || kind === "hardware") {
      this.breakpoints[kind].delete(address);
      const others = this.breakpoints[kind === "software" ? "hardware" : "software"];
      if (!others.has(address)) this.machine.debug.removeBreakpoint(address);
      return true;
    }
    this.machine.debug.removeWatchpoint(this.watchpoint(kind, address, length));
    return true;
  }

  private watchpoint(access: Watchpoint["access"], address: bigint, length: number): Watchpoint {
    return { access, address, length };
  }

  step(): Promise<StopReason> {
    const exit = this.machine.stepInstruction();
    if (exit === undefined || exit.reason === "watchpoint") {
      return Promise.resolve(exit ? this.reasonOf(exit) : { signal: SIGTRAP });
    }
    // The guest has ended: so does run, and that tells.
    return this.resume();
  }

  resume(): Promise<StopReason> {
    return new Promise((resolve) => {
      this.tell = resolve;
      this.goOn();
    });
  }

  private goOn(): void {
    this.frozen = false;
    this.wake();
  }

  interrupt(): void {
    if (this.frozen) return;
    this.interrupting = true;
    this.machine.pause();
  }

  detach(): void {
    this.lost();
    this.goOn();
  }

  monitor(command: string): string {
    return monitorCommand(this.machine, command, () => this.end(), this.more);
  }

  kill(): void {
    this.end();
  }
}
