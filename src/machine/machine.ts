/**
 * A machine: a PC put together from a configuration, with a guest loaded, that can be run, paused, looked at
 * and disposed of.
 *
 * `run` executes in bursts of a few milliseconds and lets the host's event loop breathe in between, so input,
 * timers and other machines get their turn.
 */
import { defaultAcpiConfig } from "../boot/acpi/config.js";
import { writeAcpiTables } from "../boot/acpi/tables.js";
import { loadKernel } from "../boot/detect.js";
import { memoryMap } from "../boot/e820.js";
import { writeSmbiosTables } from "../boot/smbios.js";
import type { DebuggerStop } from "../cpu/debugger.js";
import type { VmxObserver } from "../cpu/vmx/observer.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { type TranslationObserver, tellAll } from "../engine/translator/observer.js";
import { gunzip } from "../host/gunzip.js";
import { breathe, Sleep } from "../host/pause.js";
import { NOT_RAM } from "../memory/physical.js";
import { TICKS_PER_SECOND } from "../time/timeline.js";
import { checkMemory, DEFAULT_CPU, DEFAULT_MEMORY, type MachineConfig } from "./config.js";
import { SerialConsole } from "./console.js";
import { DebugControl, isDebuggerStop } from "./debug-control.js";
import type { TransitionStop } from "./debug-transitions.js";
import { applyEntryState } from "./entry.js";
import { HostPace } from "./host-pace.js";
import { type LogKind, Pc, type PcStatistics } from "./pc.js";
import { type RegisterFile, readRegisters } from "./registers.js";
import { stateHash } from "./state-hash.js";

/** Why a run ended. */
export type MachineExit =
  /** The guest switched the machine off. */
  | { readonly reason: "power-off" }
  /** The guest wrote to the debug-exit port. QEMU's process status would be `code * 2 + 1`. */
  | { readonly reason: "debug-exit"; readonly code: number }
  /** The guest asked for a reset, and `onReset` is `stop`. */
  | { readonly reason: "reset" }
  /** Triple fault, and `onReset` is `stop`. */
  | { readonly reason: "triple-fault" }
  /** {@link Machine.pause} was called. */
  | { readonly reason: "paused" }
  /** The next instruction has a breakpoint of {@link Machine.debug}, or the last one met a watchpoint. */
  | DebuggerStop
  /** A VM exit or VM entry that {@link Machine.debug} was to stop after. */
  | TransitionStop;

/** Whether running again goes on. */
const isPause = ({ reason }: MachineExit): boolean => reason === "paused" || isDebuggerStop(reason);

/** Host milliseconds of one burst. */
const BURST_MS = 8;
/** Timer events that may pass in {@link Machine.runInstructions} while the guest sleeps: nothing may ever wake it up. */
const MOST_SKIPS = 100_000;
/** Instructions between two looks at the host's clock. */
const SLICE = 50_000;

export class Machine {
  readonly console = new SerialConsole();
  readonly debug = new DebugControl(() => this.pc);
  /** Bytes that the guest writes to the debug console (ports 402h and E9h). */
  onDebugByte: ((byte: number) => void) | undefined;
  /** Told of every access to hardware that is not there. */
  onLog: ((kind: LogKind, text: string) => void) | undefined;
  private pc!: Pc;
  private exit: MachineExit | undefined;
  private resetRequested = false;
  private running = false;
  private pauseRequested = false;
  private disposed = false;
  private readonly sleep = new Sleep();
  private readonly config: Required<Pick<MachineConfig, "memory" | "cpu" | "clock" | "onReset">> &
    MachineConfig;
  private readonly pace = new HostPace();
  private kernel!: Uint8Array;
  private readonly translationObservers: TranslationObserver[] = [];

  private constructor(config: MachineConfig) {
    this.config = {
      ...config,
      memory: checkMemory(config.memory ?? DEFAULT_MEMORY),
      cpu: config.cpu ?? DEFAULT_CPU,
      clock: config.clock ?? "host",
      onReset: config.onReset ?? "reboot",
    };
    this.console.onInput = () => this.sleep.wake();
  }

  /** Loads what all machines need. {@link create} does that too, but whoever has files to read may do both at once. */
  static prepare(): Promise<void> {
    return prepareTier0();
  }

  /**
   * Builds a machine with its guest loaded, ready to run.
   * @throws UsageError when the configuration or an image is not usable
   */
  static async create(config: MachineConfig): Promise<Machine> {
    const machine = new Machine(config);
    await Machine.prepare();
    machine.kernel = await gunzip(config.kernel.data, config.kernel.name);
    machine.powerOn();
    return machine;
  }

  /** Builds the PC (again) and loads the guest into it. */
  private powerOn(): void {
    const { config } = this;
    const memory = this.pc?.memory;
    this.pc = new Pc({
      config,
      memory,
      events: {
        powerOff: () => this.stop({ reason: "power-off" }),
        debugExit: (code) => this.stop({ reason: "debug-exit", code }),
        reset: () => {
          this.resetRequested = true;
          this.pc.cpu.interrupt();
        },
        debugByte: (byte) => this.onDebugByte?.(byte),
        serial: (byte) => this.console.print(byte),
      },
      log: (kind, text) => this.onLog?.(kind, text),
    });
    const { pc } = this;
    if (pc.translator && this.translationObservers.length > 0)
      pc.translator.observer = tellAll(this.translationObservers);
    const boot = pc.bootMemory;
    const rsdp = writeAcpiTables(boot, defaultAcpiConfig(boot.lowRam, boot.highRam, 1));
    writeSmbiosTables(boot, {
      ...boot,
      processors: 1,
      version: "0.1",
      megahertz: TICKS_PER_SECOND / 1_000_000,
    });
    const entry = loadKernel(boot, {
      kernel: this.kernel,
      name: config.kernel.name,
      commandLine: config.kernel.commandLine ?? "",
      modules: (config.modules ?? []).map(({ name, data, commandLine }) => ({
        data,
        commandLine: commandLine ?? name,
      })),
      memoryMap: memoryMap(boot),
      rsdp,
    });
    applyEntryState(pc.cpu, entry);
    this.console.attach(pc.board.com1);
    this.debug.arm();
    this.pace.begin(0);
  }

  private stop(exit: MachineExit): void {
    this.exit = exit;
    this.pc.cpu.interrupt();
  }

  /** Runs until the guest ends or {@link pause} is called. */
  async run(): Promise<MachineExit> {
    if (this.disposed) throw new Error("the machine was disposed of");
    if (this.running) throw new Error("the machine is running already");
    if (this.exit && !isPause(this.exit)) return this.exit;
    this.running = true;
    this.pauseRequested = false;
    this.exit = undefined;
    this.debug.arm();
    this.pace.begin(this.pc.cpu.now());
    try {
      while (!this.exit) {
        const idleUntil = this.burst();
        this.console.flush();
        if (this.pauseRequested && !this.exit) this.exit = { reason: "paused" };
        if (this.exit) break;
        if (idleUntil === undefined) await breathe();
        else await this.idle(idleUntil);
      }
    } finally {
      this.running = false;
      this.console.flush();
    }
    if (!isPause(this.exit) || this.disposed) this.console.end();
    return this.exit;
  }

  /** Executes for a few milliseconds. Returns the tick until which the guest sleeps, if it does. */
  private burst(): number | undefined {
    const end = performance.now() + BURST_MS;
    const { cpu, timeline } = this.pc;
    cpu.shouldYield = () => performance.now() >= end;
    do {
      if (this.config.clock === "host") this.keepPace();
      timeline.runDue(cpu.now());
      if (cpu.idle) {
        if (this.config.clock === "host" || timeline.next === Number.POSITIVE_INFINITY) return timeline.next;
        cpu.skipTo(timeline.next);
        continue;
      }
      cpu.execute(cpu.now() + SLICE, true);
      this.exit ??= this.debug.takeStop();
      if (this.exit) return undefined;
      if (cpu.shutdown || this.resetRequested) {
        this.handleReset(cpu.shutdown);
        return undefined;
      }
    } while (performance.now() < end);
    return undefined;
  }

  private handleReset(tripleFault: boolean): void {
    this.resetRequested = false;
    if (this.config.onReset === "stop") this.exit = { reason: tripleFault ? "triple-fault" : "reset" };
    else this.powerOn();
  }

  /** Moves guest time forward to the host's where it lags behind. */
  private keepPace(): void {
    const { cpu, timeline } = this.pc;
    cpu.skipTo(this.pace.follow(cpu.now(), cpu.idle ? timeline.next : undefined));
  }

  /** The guest sleeps: waits for the tick (on the host's clock), or for input. */
  private async idle(until: number): Promise<void> {
    const now = this.pc.cpu.now();
    const milliseconds = this.pace.sleep(now, until);
    if (milliseconds < 1) await breathe();
    else await this.sleep.wait(milliseconds);
    this.pace.slept(now);
  }

  /** Ends {@link run} soon, with reason `paused`. Running again goes on where it stopped. */
  pause(): void {
    this.pauseRequested = true;
    this.sleep.wake();
  }

  /** Executes exactly `count` instructions (fewer if the guest sleeps or ends), without pacing. For tests and debuggers. */
  runInstructions(count: number): void {
    const { cpu, timeline } = this.pc;
    const end = cpu.instructions + count;
    let skips = 0;
    if (this.exit && isPause(this.exit)) this.exit = undefined;
    while (cpu.instructions < end && !this.exit && !cpu.shutdown && !this.resetRequested) {
      timeline.runDue(cpu.now());
      if (cpu.idle) {
        if (timeline.next === Number.POSITIVE_INFINITY || ++skips > MOST_SKIPS) return;
        cpu.skipTo(timeline.next);
        continue;
      }
      skips = 0;
      cpu.execute(Math.min(timeline.next, cpu.now() + (end - cpu.instructions)));
      this.exit ??= this.debug.takeStop();
    }
  }

  /** After {@link runInstructions}: how the guest has ended, if it has. A reset that does not end it starts it again. */
  conclude(): MachineExit | undefined {
    if (!this.exit && (this.pc.cpu.shutdown || this.resetRequested)) this.handleReset(this.pc.cpu.shutdown);
    return this.exit;
  }

  /**
   * Executes one instruction of a machine that does not run, and takes no interrupt before it; if the processor sleeps,
   * time passes until it wakes up. Returns how the guest ended, if it did, or why a debugger wants to know of it.
   */
  stepInstruction(): MachineExit | undefined {
    if (this.exit && !isPause(this.exit)) return this.exit;
    const { cpu, timeline } = this.pc;
    this.exit = undefined;
    this.debug.arm();
    timeline.runDue(cpu.now());
    if (cpu.halted) {
      while (cpu.idle && timeline.next !== Number.POSITIVE_INFINITY) {
        cpu.skipTo(timeline.next);
        timeline.runDue(cpu.now());
      }
      cpu.execute(cpu.now() + 1);
    } else cpu.stepInstruction();
    const stop = this.debug.takeStop();
    this.conclude();
    this.console.flush();
    return this.exit ?? stop;
  }

  /** Presses the reset button. */
  reset(): void {
    this.resetRequested = false;
    this.powerOn();
    this.sleep.wake();
  }

  /** Whether the guest has ended: switched off, or in shutdown. */
  get ended(): boolean {
    return (this.exit !== undefined && !isPause(this.exit)) || this.pc.cpu.shutdown || this.resetRequested;
  }

  /** Instructions retired since power-on. */
  get instructions(): number {
    return this.pc.cpu.instructions;
  }

  /** Guest time since power-on, in nanoseconds. */
  get time(): number {
    return this.pc.cpu.now();
  }

  /** What engine and events have counted; for `--stats`. */
  get statistics(): PcStatistics {
    return this.pc.statistics;
  }

  /** @internal The whole memory, with the CPU's state and tables in front of guest RAM (memory-layout.ts). */
  get rawMemory(): ArrayBuffer {
    return this.pc.memory.buffer;
  }

  /** Tells `observer` of VM entries and VM exits, until it is another or none; a CPU without VMX has nothing to tell. */
  observeVmx(observer: VmxObserver | undefined): void {
    this.debug.observeVmx(observer);
  }

  /** Tells `observer`, from now on, what is translated; where only the interpreter runs, there is nothing to tell. */
  observeTranslation(observer: TranslationObserver): void {
    this.translationObservers.push(observer);
    if (this.pc.translator) this.pc.translator.observer = tellAll(this.translationObservers);
  }

  /** @internal The PC until the next reset, for what looks into it (src/inspect/). */
  get parts(): Pc {
    return this.pc;
  }

  registers(): RegisterFile {
    return readRegisters(this.pc.cpu.state);
  }

  /**
   * Reads guest-physical memory. Where there is no RAM the bytes are FFh; devices are not touched.
   */
  readPhysical(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(this.pc.memory.buffer);
    const result = new Uint8Array(length).fill(0xff);
    for (let done = 0; done < length; ) {
      const at = address + done;
      const size = Math.min(length - done, 4096 - (at % 4096));
      const host = this.pc.physical.hostAddress(at, false);
      if (host !== NOT_RAM) result.set(bytes.subarray(host, host + size), done);
      done += size;
    }
    return result;
  }

  /** Writes guest-physical memory; what is not RAM is left alone. */
  writePhysical(address: number, data: Uint8Array): void {
    this.pc.bootMemory.write(address, data);
  }

  /** SHA-256 over RAM and the CPU's architectural state: equal for equal runs. */
  hash(): Promise<string> {
    return stateHash(this.pc);
  }

  /** Presses the power button: an ACPI guest shuts down. */
  pressPowerButton(): void {
    this.pc.board.pm.pressPowerButton();
    this.sleep.wake();
  }

  /** Ends the machine for good; its memory is free once no reference to it is left. */
  dispose(): void {
    this.disposed = true;
    this.pause();
    if (!this.running) this.console.end();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
