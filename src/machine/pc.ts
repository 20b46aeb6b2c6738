/**
 * One incarnation of the PC: memory, CPU, engine, chipset, from power-on to the next reset.
 */
import type { BootMemory } from "../boot/guest-memory.js";
import { ApicBus } from "../cpu/apic/apic-bus.js";
import { APIC_TIMER_HZ } from "../cpu/apic/apic-timer.js";
import { setVirtualWireMode } from "../cpu/apic/firmware.js";
import { LocalApic } from "../cpu/apic/local-apic.js";
import type { CpuContext } from "../cpu/context.js";
import { Cpu } from "../cpu/cpu.js";
import { systemHelpers } from "../cpu/helpers-system.js";
import { parseCpu } from "../cpu/models/cpu-string.js";
import { CpuidTable } from "../cpu/models/cpuid.js";
import { decoderFeatures, systemFeatures } from "../cpu/models/derive.js";
import { flatTopology } from "../cpu/models/topology.js";
import { Msr } from "../cpu/msr/architectural.js";
import { setFirmwareMemoryTypes } from "../cpu/msr/firmware.js";
import { MsrFile } from "../cpu/msr/msr-file.js";
import { pmuMsrs } from "../cpu/pmu/msrs.js";
import { Pmu } from "../cpu/pmu/pmu.js";
import { createVmx } from "../cpu/vmx/create.js";
import { vmxHelpers } from "../cpu/vmx/helpers-vmx.js";
import { type HelperFunction, Interpreter } from "../engine/interpreter/interpreter.js";
import { tier0 } from "../engine/interpreter/tier0.js";
import type { TranslatorStatistics } from "../engine/translator/statistics.js";
import { Translator } from "../engine/translator/translator.js";
import { randomSource } from "../host/random.js";
import { UsageError } from "../host/usage-error.js";
import { arithmeticHelpers } from "../isa/families/helpers.js";
import * as S from "../isa/state.js";
import { NOT_RAM, PhysicalMap } from "../memory/physical.js";
import { PortSpace } from "../memory/ports.js";
import { TICKS_PER_SECOND, Timeline } from "../time/timeline.js";
import { Board, type BoardEvents } from "./board.js";
import { type MachineConfig, VIRTUAL_START } from "./config.js";
import {
  ARENA_AT,
  ARENA_SIZE,
  DEVICE_WINDOW,
  EMPTY_PAGE_AT,
  RAM_AT,
  type RamSplit,
  STATE_AT,
  splitRam,
  VIEWS_AT,
  VMCS_LAYOUT_AT,
} from "./memory-layout.js";

export interface PcOptions {
  readonly config: MachineConfig & {
    readonly memory: number;
    readonly cpu: string;
    readonly clock: "host" | "virtual";
  };
  /** Memory of the previous incarnation, to be used again; absent at power-on. */
  readonly memory: WebAssembly.Memory | undefined;
  readonly events: Omit<BoardEvents, "intr">;
  /** Told of every access to hardware that is not there. */
  readonly log: (kind: LogKind, text: string) => void;
}

/** What has been counted since power-on. */
export interface PcStatistics {
  readonly exceptions: number;
  readonly interrupts: number;
  readonly vmExits: number;
  readonly decodedInstructions: number;
  /** How often all decoded code was dropped. */
  readonly codeFlushes: number;
  /** Absent where only the interpreter runs. */
  readonly translator: Readonly<TranslatorStatistics> | undefined;
}

/** `unclaimed`: ports and physical addresses that nobody answers; `msr`: model-specific registers that do not exist. */
export type LogKind = "unclaimed" | "msr";

const APIC_PAGE = 0x1000;
/** VMX helpers that can take microseconds. */
const SLOW_VMX_HELPERS: ReadonlySet<string> = new Set(["vmEntry", "vmxPointer", "invalidateTranslations"]);
/** The hole for video memory and option ROMs that is not RAM. */
const VGA_START = 0xa0000;
const VGA_END = 0xc0000;

/** The machine's one memory, with room for `ram` bytes of guest RAM. */
function allocate(ram: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: Math.ceil((RAM_AT + ram) / 65536) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(
      `The host cannot give the guest ${Math.ceil(ram / 0x100000)} MiB of memory: ask for less.`,
    );
  }
}

export class Pc {
  readonly memory: WebAssembly.Memory;
  readonly physical = new PhysicalMap();
  readonly ports = new PortSpace();
  readonly timeline: Timeline;
  readonly cpu: Cpu;
  readonly apic: LocalApic;
  readonly apicBus = new ApicBus();
  readonly board: Board;
  readonly msrs: MsrFile;
  private readonly interpreter: Interpreter;
  /** Absent with `engine: "interpreter"`. */
  readonly translator: Translator | undefined;
  private readonly ram: RamSplit;
  private apicAt = -1;

  constructor({ config, memory, events, log }: PcOptions) {
    const model = parseCpu(config.cpu);
    this.ram = splitRam(config.memory);
    this.memory = memory ?? allocate(config.memory);
    if (memory) new Uint8Array(memory.buffer).fill(0, STATE_AT);
    this.mapRam();
    this.logUnclaimed(log);

    const cpuid = new CpuidTable(model, flatTopology(1), {
      tscHertz: TICKS_PER_SECOND,
      crystalHertz: APIC_TIMER_HZ,
    });
    this.cpu = new Cpu({
      memory: this.memory,
      stateAt: STATE_AT,
      viewsAt: VIEWS_AT,
      emptyPageAt: EMPTY_PAGE_AT,
      physical: this.physical,
      ports: this.ports,
      features: systemFeatures(model),
      page1g: model.features.has("pdpe1gb"),
      cpuid: (leaf, subleaf) => cpuid.query(leaf, subleaf, this.dynamicCpuid()),
    });
    const { cpu } = this;
    // INIT resets this, the only processor.
    cpu.onInit = () => events.reset();
    if (model.features.has("vmx")) cpu.vmx = createVmx(cpu, cpu.mmu, model, this.physical, VMCS_LAYOUT_AT);
    this.timeline = new Timeline(() => cpu.now());
    this.apic = new LocalApic({
      id: 0,
      timeline: this.timeline,
      bus: this.apicBus,
      tscDeadline: { supported: model.features.has("tsc-deadline"), now: () => cpu.ownTsc() },
      x2apicSupported: model.features.has("x2apic"),
      physicalAddressBits: model.physBits,
      hooks: {
        onInterruptChange: () => cpu.onInterruptChange(),
        onNmi: () => cpu.nmi(),
        onInit: () => cpu.init(),
        // Only a guest in VMX can wait for a startup IPI.
        onStartup: (vector) => cpu.startupIpi(vector),
        onSmi: () => {},
        extIntAcknowledge: () => this.board.pic.acknowledge(),
        onBaseChange: () => this.mapApic(),
      },
    });
    this.msrs = new MsrFile({
      state: cpu.state,
      model,
      tsc: () => cpu.ownTsc(),
      setTsc: (value) => {
        cpu.tscOffset.own = value - BigInt(cpu.now());
        this.apic.tscChanged();
      },
      apic: this.apic,
      onUnknown: (index, write) => log("msr", `${write ? "write to" : "read of"} MSR ${index.toString(16)}h`),
      eferChanged: () => cpu.modeChanged(),
    });
    if (model.features.has("vmx")) this.msrs.add(cpu.vmx.capabilities.msrRows());
    if (model.features.has("pmu")) this.addPerformanceCounters();
    this.interpreter = new Interpreter({
      memory: this.memory,
      cpu,
      features: decoderFeatures(model),
      tier0: tier0(),
      arena: { at: ARENA_AT, size: ARENA_SIZE },
      helpers: this.helpers(config.clock === "virtual"),
    });
    if (config.engine !== "interpreter") {
      const eager = config.engine === "translator";
      this.translator = new Translator(this.memory, cpu, this.interpreter, eager);
    }
    this.msrs.reset("power-on");
    setFirmwareMemoryTypes(this.msrs, model.physBits, BigInt(DEVICE_WINDOW));
    this.mapApic();
    cpu.connect(this.interpreter, this.timeline, this.apic, this.msrs);
    this.board = new Board({
      timeline: this.timeline,
      ports: this.ports,
      physical: this.physical,
      bus: this.apicBus,
      startTime: config.startTime ?? (config.clock === "virtual" ? VIRTUAL_START : Date.now()),
      ram: this.ram,
      testDevices: config.testDevices ?? false,
      events: { ...events, intr: (level) => this.apic.lint(0, level) },
    });
    if (model.features.has("apic")) setVirtualWireMode(this.apic);
    else this.apic.writeMsr(Msr.APIC_BASE, 0n);
  }

  private addPerformanceCounters(): void {
    const { cpu, apic, timeline } = this;
    cpu.pmu = new Pmu({
      timeline,
      get cpl() {
        return cpu.state.cpl;
      },
      get halted() {
        return cpu.halted;
      },
      get instructions() {
        return cpu.instructions;
      },
      get unhaltedCycles() {
        return cpu.now() - cpu.slept;
      },
      performanceInterrupt: () => apic.performanceInterrupt(),
      watchPrivilege: (watched) => {
        cpu.mmu.privilegeIsWatched = watched;
      },
    });
    this.msrs.add(pmuMsrs(cpu.pmu));
  }

  /** Puts the APIC's page where IA32_APIC_BASE says. */
  private mapApic(): void {
    this.physical.removeMmio(this.apicAt, this.apic);
    this.apicAt = this.apic.mmioBase;
    if (this.apicAt >= 0) this.physical.addMmio(this.apicAt, APIC_PAGE, this.apic);
  }

  private logUnclaimed(log: PcOptions["log"]): void {
    const say = (place: string) => (at: number, size: number, write: boolean) =>
      log("unclaimed", `${write ? "write to" : "read of"} ${place} ${at.toString(16)}h, ${size} bytes`);
    this.ports.onUnclaimed = say("port");
    this.physical.onUnclaimed = say("address");
  }

  private mapRam(): void {
    const { low, high } = this.ram;
    this.physical.addRam(0, VGA_START, RAM_AT);
    this.physical.addRam(VGA_END, low - VGA_END, RAM_AT + VGA_END);
    if (high > 0) this.physical.addRam(0x1_0000_0000, high, RAM_AT + low);
  }

  private dynamicCpuid() {
    const { state } = this.cpu;
    return {
      osxsave: (state.cr4 & 0x40000) !== 0,
      ospke: (state.cr4 & 0x400000) !== 0,
      xcr0: state.u64(S.XCR0),
      apicId: 0,
      apicEnabled: this.apic.globallyEnabled,
      limited: this.msrs.limitsCpuid,
      monitorHidden: this.msrs.hidesMonitor,
    };
  }

  /** Binds every helper that the instruction set declares. */
  private helpers(repeatable: boolean): Map<string, HelperFunction> {
    const view = new DataView(this.memory.buffer);
    const { cpu } = this;
    const context: CpuContext = cpu;
    const bound = new Map<string, HelperFunction>();
    for (const [name, implementation] of Object.entries(arithmeticHelpers)) {
      bound.set(name, (record, a, b, c, d) => implementation(view, STATE_AT, record, a, b, c, d));
    }
    for (const [name, implementation] of Object.entries(systemHelpers)) {
      // Named parameters: a rest array would be allocated for every call.
      bound.set(name, (_record, a, b, c, d) => {
        cpu.slowOperation();
        return implementation(context, a, b, c, d);
      });
    }
    for (const [name, implementation] of Object.entries(vmxHelpers)) {
      const slow = SLOW_VMX_HELPERS.has(name);
      bound.set(name, (_record, a, b, c, d) => {
        if (slow) cpu.slowOperation();
        return implementation(cpu, a, b, c, d);
      });
    }
    const random = randomSource(repeatable);
    bound.set("randomNumber", () => random());
    return bound;
  }

  /** Guest memory as loaders see it. */
  get bootMemory(): BootMemory {
    const bytes = new Uint8Array(this.memory.buffer);
    const { code } = this.interpreter;
    const each = (
      physical: number,
      length: number,
      visit: (host: number, length: number, done: number) => void,
    ) => {
      for (let done = 0; done < length; ) {
        const at = physical + done;
        const size = Math.min(length - done, 4096 - (at % 4096));
        const host = this.physical.hostAddress(at, true);
        if (host !== NOT_RAM) {
          code.written(host, size);
          visit(host, size, done);
        }
        done += size;
      }
    };
    return {
      lowRam: this.ram.low,
      highRam: this.ram.high,
      write: (physical, data) =>
        each(physical, data.length, (host, size, done) => bytes.set(data.subarray(done, done + size), host)),
      fill: (physical, length, value) =>
        each(physical, length, (host, size) => bytes.fill(value, host, host + size)),
    };
  }

  get statistics(): PcStatistics {
    const { code } = this.interpreter;
    return {
      ...this.cpu.counts,
      decodedInstructions: code.decoded,
      codeFlushes: code.flushes,
      translator: this.translator?.statistics,
    };
  }
}
