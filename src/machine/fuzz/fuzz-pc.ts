/**
 * A PC for the fuzzer: programs run one after the other in the same memory, with the same devices. Devices keep
 * what earlier programs left in them; the CPU, its APIC and the tables in memory begin afresh.
 */
import * as S from "../../isa/state.js";
import type { Engine } from "../config.js";
import { LEAST_RAM } from "../memory-layout.js";
import { Pc } from "../pc.js";
import type { CodeWriter } from "./code-writer.js";
import { markUnused } from "./invariants.js";
import { At, imageOf } from "./layout.js";
import { Mode, type ModeName } from "./modes.js";
import { Random } from "./random.js";
import { startState } from "./start-state.js";

export type Outcome = "running" | "halted" | "shutdown" | "reset" | "power-off";

/** Everything about a program that is not code. */
export interface Start {
  readonly mode: ModeName;
  readonly code: CodeWriter;
  /** Seed of registers and of damage to the tables. */
  readonly seed: number;
}

/** Times that a program may wake from HLT. */
const MOST_WAKES = 64;

const images = new Map<ModeName, Uint8Array>();
function image(mode: ModeName): Uint8Array {
  let bytes = images.get(mode);
  if (!bytes) {
    bytes = imageOf(mode);
    images.set(mode, bytes);
  }
  return bytes;
}

export class FuzzPc {
  readonly pc: Pc;
  /** What the devices asked for during the current program. */
  private asked: Outcome | undefined;
  private readonly scratch = new Uint8Array(At.end);

  constructor(cpu: string, memory?: WebAssembly.Memory, engine: Engine = "interpreter") {
    const ask = (outcome: Outcome) => {
      this.asked = outcome;
      this.pc.cpu.interrupt();
    };
    this.pc = new Pc({
      config: {
        kernel: { name: "fuzz", data: new Uint8Array() },
        memory: LEAST_RAM,
        cpu,
        clock: "virtual",
        engine,
      },
      memory,
      log: () => {},
      events: {
        powerOff: () => ask("power-off"),
        debugExit: () => ask("power-off"),
        reset: () => ask("reset"),
        debugByte: () => {},
        serial: () => {},
      },
    });
  }

  /** Puts a program into the machine. */
  load({ mode: name, code, seed }: Start): void {
    const mode = Mode[name];
    const { cpu, apic, bootMemory } = this.pc;
    const { state } = cpu;
    const random = new Random(seed);
    this.asked = undefined;
    apic.reset("power");
    // Time goes on, so what it is computed from stays.
    const now = cpu.now();
    new Uint8Array(state.memory).fill(0, state.base, state.base + S.FIELDS_END);
    state.setNumber(S.SLICE_END, now);
    cpu.reset();
    markUnused(cpu);
    cpu.tlb.flushAll();

    this.scratch.set(image(name));
    this.damage(random);
    bootMemory.write(0, this.scratch);
    bootMemory.write(code.origin, code.bytes.subarray(0, code.length));
    startState(cpu, mode, name === "bigReal", random);
    cpu.state.rip = BigInt(code.origin);
    cpu.modeChanged();
    if (mode.paging === "pae") cpu.loadPdptes(cpu.state.cr3);
  }

  /** Flips some bits in the tables and handlers of one program in four. */
  private damage(random: Random): void {
    if (!random.oneIn(4)) return;
    const { scratch } = this;
    for (let i = random.below(12); i >= 0; i--) {
      const at = random.pick([
        At.gdt,
        At.ldt,
        At.idt,
        At.tss,
        At.handlers,
        At.tables,
        At.directory,
        At.directory32,
        At.pml4,
      ]);
      scratch[at + random.below(random.oneIn(2) ? 0x100 : 0x1000)] = random.u32();
    }
    if (random.oneIn(4)) random.bytes(scratch, At.handlers, At.handlers + 0x100);
  }

  /**
   * Runs up to `budget` instructions.
   * @param stepwise one at a time
   */
  run(budget: number, stepwise = false): Outcome {
    const { cpu, timeline } = this.pc;
    const end = cpu.instructions + budget;
    let wakes = 0;
    while (cpu.instructions < end) {
      timeline.runDue(cpu.now());
      if (this.asked) return this.asked;
      if (cpu.idle) {
        if (timeline.next === Number.POSITIVE_INFINITY || ++wakes > MOST_WAKES) return "halted";
        cpu.skipTo(timeline.next);
        continue;
      }
      const most = stepwise ? 1 : end - cpu.instructions;
      cpu.execute(Math.min(timeline.next, cpu.now() + most));
      if (cpu.shutdown) return "shutdown";
      if (this.asked) return this.asked;
    }
    return "running";
  }
}
