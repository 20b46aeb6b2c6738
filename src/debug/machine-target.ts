/**
 * A machine as a debugger's target: it runs when the debugger says so, and while none is attached.
 */
import {
  type BreakpointScope,
  isDebuggerStop,
  LONGEST_WATCHPOINT,
  type Translation,
  type Watchpoint,
} from "../machine/debug-control.js";
import type { Machine, MachineExit } from "../machine/machine.js";
import { BreakpointTable } from "./breakpoint-table.js";
import type { DebugExtension } from "./extension.js";
import type { BreakpointKind, DebugTarget, MemoryView, StopReason } from "./gdb/target.js";
import { gdbRegisters } from "./gdb/target-description.js";
import { machineCommands, monitorCommand } from "./monitor.js";
import { type TargetSettings, targetCommands } from "./target-commands.js";

const SIGINT = 2;
const SIGTRAP = 5;

const bytesOf = new Map(gdbRegisters.map(({ name, bits }) => [name, bits / 8]));

/** The status that GDB shows when the guest has ended; QEMU's convention for the debug-exit port. */
function exitCode(exit: MachineExit): number {
  if (exit.reason === "debug-exit") return ((exit.code << 1) | 1) & 0xff;
  return exit.reason === "triple-fault" ? 1 : 0;
}

export class MachineTarget implements DebugTarget, TargetSettings {
  memoryView: MemoryView = "current";
  private readonly breakpoints: BreakpointTable;
  /** Ends the wait of {@link run} for the debugger. */
  private wake: () => void = () => {};
  /** Tells the debugger why the machine stopped. */
  private tell: ((reason: StopReason) => void) | undefined;
  private interrupting = false;
  private over = false;
  /** The guest ran when the debugger came. */
  private foundRunning = false;

  /**
   * @param frozen the machine waits for the debugger before its first instruction
   * @param extension what is known of VT-x
   */
  constructor(
    private readonly machine: Machine,
    private frozen = false,
    private readonly extension?: DebugExtension,
  ) {
    this.breakpoints = new BreakpointTable(machine.debug);
  }

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
      if (isDebuggerStop(exit.reason)) this.stopped(this.reasonOf(exit));
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
    switch (exit.reason) {
      case "watchpoint":
        return { signal: SIGTRAP, watch: { kind: exit.access, address: exit.address } };
      case "breakpoint":
        return { signal: SIGTRAP, breakpoint: this.breakpoints.kindAt(exit.address) };
      case "vm-exit":
      case "vm-entry":
      case "vm-entry-failure": {
        const lines = this.extension?.describeStop(exit) ?? [exit.reason];
        return { signal: SIGTRAP, text: lines.map((line) => `${line}\n`).join("") };
      }
      default:
        return { signal: SIGTRAP };
    }
  }

  /** A debugger comes: the guest stops. */
  attach(): Promise<void> {
    this.foundRunning = !this.frozen;
    if (this.frozen || this.over) return Promise.resolve();
    return new Promise((resolve) => {
      this.tell = () => resolve();
      this.interrupt();
    });
  }

  /** The debugger has gone without a word: a guest that stood still goes on standing still. */
  lost(): void {
    this.tell = undefined;
    this.memoryView = "current";
    this.breakpoints.clear();
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

  /** How addresses of the memory view are translated; undefined where the machine itself knows. */
  private get translation(): Translation | undefined {
    const { memoryView: view, extension } = this;
    if (view === "current" || view === "physical") return undefined;
    return (address) => extension?.translate(view, address);
  }

  hasView(view: MemoryView): boolean {
    return this.extension?.hasView(view) ?? (view === "current" || view === "physical");
  }

  readMemory(address: bigint, length: number): Uint8Array | undefined {
    const { debug } = this.machine;
    return this.memoryView === "physical"
      ? debug.readPhysical(Number(address), length)
      : debug.readLinear(address, length, this.translation);
  }

  writeMemory(address: bigint, data: Uint8Array): boolean {
    const { debug } = this.machine;
    return this.memoryView === "physical"
      ? debug.writePhysical(Number(address), data)
      : debug.writeLinear(address, data, this.translation);
  }

  get breakIn(): BreakpointScope {
    return this.breakpoints.scope;
  }
  set breakIn(scope: BreakpointScope) {
    this.breakpoints.scope = scope;
  }
  limitBreakpoint(address: bigint, scope: BreakpointScope): void {
    this.breakpoints.limit(address, scope);
  }

  setBreakpoint(kind: BreakpointKind, address: bigint, length: number): boolean {
    if (kind === "software" || kind === "hardware") {
      this.breakpoints.add(kind, address);
      return true;
    }
    if (length < 1 || length > LONGEST_WATCHPOINT) return false;
    this.machine.debug.addWatchpoint(this.watchpoint(kind, address, length));
    return true;
  }

  removeBreakpoint(kind: BreakpointKind, address: bigint, length: number): boolean {
    if (kind === "software" || kind === "hardware") {
      this.breakpoints.remove(kind, address);
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
    if (exit === undefined) return Promise.resolve({ signal: SIGTRAP });
    if (isDebuggerStop(exit.reason)) {
      const reason = this.reasonOf(exit);
      // GDB takes SIGTRAP for the end of the step, and goes on if it only stepped over a breakpoint.
      return Promise.resolve(reason.text === undefined ? reason : { ...reason, signal: SIGINT });
    }
    // The guest has ended: so does run, and that tells.
    return this.resume();
  }

  resume(): Promise<StopReason> {
    this.breakpoints.forgetRemoved();
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

  leave(): void {
    if (this.foundRunning) this.detach();
    else this.lost();
  }

  monitor(command: string): string {
    const { extension } = this;
    const commands = [
      ...(extension?.commands ?? []),
      ...targetCommands(this),
      ...machineCommands(this.machine, () => this.end()),
    ];
    return monitorCommand(command, commands, extension)
      .map((line) => `${line}\n`)
      .join("");
  }

  kill(): void {
    this.end();
  }
}
