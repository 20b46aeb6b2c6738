/**
 * Compares what generated code does in place with what the processor's own code does, from many states: one machine has
 * all that generated code needs, another one lacks it.
 */
import assert from "node:assert/strict";
import type { Cpu } from "../cpu/cpu.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import type { CodeSize } from "../isa/instruction.js";
import * as S from "../isa/state.js";
import { CodeWriter } from "./fuzz/code-writer.js";
import { FuzzPc } from "./fuzz/fuzz-pc.js";
import { At } from "./fuzz/layout.js";
import { Mode, type ModeName } from "./fuzz/modes.js";
import { Random } from "./fuzz/random.js";

await prepareTier0();

/** One way to begin. */
export interface Situation {
  readonly mode: ModeName;
  /** The instruction's bytes. */
  readonly code: (random: Random, size: CodeSize) => readonly number[];
  /** Changes the state that the mode begins with. */
  readonly prepare: (cpu: Cpu, random: Random) => void;
}

/** What follows from other parts of the state. */
const DERIVED = [S.MODE, S.MODE_TAG, S.MODE_TAG + 4, S.FLAT, S.STACK_MASK, S.STACK_MASK + 4];
const VIEW = [S.TLB_READ, S.TLB_WRITE, S.JUMP_CACHE];
const NAMES = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"];

export class InPlace {
  private readonly inPlace: Side;
  private readonly byProcessor: Side;

  /** @param cpu name of the model */
  constructor(cpu = "max") {
    this.inPlace = new Side(cpu, true);
    this.byProcessor = new Side(cpu, false);
  }

  /** Returns how many of the situations were dealt with in place and without a fault. */
  compare(situation: Situation, cases: number): number {
    let done = 0;
    for (let seed = 1; seed <= cases; seed++) {
      const a = this.inPlace.execute(situation, seed);
      const b = this.byProcessor.execute(situation, seed);
      assert.deepEqual(a.state, b.state, `${situation.mode}, seed ${seed}`);
      assert.equal(b.inPlace, false, `${situation.mode}, seed ${seed}: not by the processor`);
      if (a.inPlace) done++;
    }
    return done;
  }
}

class Side {
  private readonly machine: FuzzPc;
  private slow = 0;

  constructor(
    model: string,
    private readonly mayBeInPlace: boolean,
  ) {
    this.machine = new FuzzPc(model);
    const { cpu } = this.machine.pc;
    const slowOperation = cpu.slowOperation.bind(cpu);
    cpu.slowOperation = () => {
      this.slow++;
      return slowOperation();
    };
  }

  execute(
    { mode, code, prepare }: Situation,
    seed: number,
  ): { state: Map<string, unknown>; inPlace: boolean } {
    const { machine } = this;
    const { cpu } = machine.pc;
    const { state } = cpu;
    const random = new Random(seed);
    const size = Mode[mode].code;
    const writer = new CodeWriter(size, At.code);
    writer.emit(...code(random, size));
    machine.load({ mode, code: writer, seed });
    const before = cpu.instructions;
    prepare(cpu, random);
    // CS may have got a base.
    if (size !== 64) state.rip = BigInt(At.code) - state.segmentBase(1);
    cpu.modeChanged();
    this.arrange();
    this.slow = 0;
    machine.run(1, true);
    // The run loop itself asks once whether it should yield; so do helpers, and faults.
    const inPlace = this.slow === 1;
    const after = snapshot(cpu, cpu.instructions - before);
    state.setU32(S.INTERRUPT_PENDING, 0);
    return { state: after, inPlace };
  }

  /** Provides what generated code needs, or takes it away. */
  private arrange(): void {
    const { cpu } = this.machine.pc;
    const { state, mmu } = cpu;
    mmu.privilegeIsWatched = !this.mayBeInPlace;
    const clearsBase = this.mayBeInPlace && cpu.features.vendor === "intel";
    state.setU32(S.NULL_CLEARS_BASE, clearsBase ? 1 : 0);
    if (!this.mayBeInPlace) {
      cpu.tlb.flushAll();
      return;
    }
    // Both views of the space exist once both privileges were in use.
    const { cpl } = state;
    for (const other of [cpl === 3 ? 0 : 3, cpl]) {
      state.cpl = other;
      mmu.selectPrivilege();
      const stack = (state.segmentBase(2) + (state.gpr(4) & 0xffffn)) & ~0xfffn;
      for (const page of [BigInt(At.gdt), stack, stack + 0x1000n]) {
        try {
          mmu.read(page, 1);
        } catch {
          // What is not mapped can't be entered in a TLB.
        }
      }
    }
  }
}

function snapshot(cpu: Cpu, instructions: number): Map<string, unknown> {
  const { state } = cpu;
  const words = (offsets: readonly number[]) => offsets.map((offset) => state.u32(offset));
  const derived = words(DERIVED);
  const view = words(VIEW);
  cpu.modeChanged();
  return new Map<string, unknown>([
    ["registers", Array.from({ length: 16 }, (_, i) => state.gpr(i))],
    ["RIP", state.rip],
    ["RFLAGS", state.rflags],
    ["CPL", state.cpl],
    ["CR2", state.cr2],
    ["shadow", state.u32(S.SHADOW)],
    ["mode", derived],
    ["mode as it follows", words(DERIVED)],
    ["view as it follows", view.every((word, i) => word === words(VIEW)[i])],
    ["instructions", instructions],
    ...NAMES.map((name, i): [string, unknown] => [name, state.segment(i)]),
  ]);
}

/** One time in `n`, one of the first segment registers gets a base, limit or rights that are not flat. */
export function unusualSegment(cpu: Cpu, random: Random, n: number): void {
  if (!random.oneIn(n)) return;
  const { state } = cpu;
  const index = random.below(4);
  const segment = state.segment(index);
  const change = random.below(3);
  state.setSegment(index, {
    ...segment,
    base: change === 0 ? BigInt(random.below(4) * 16) : segment.base,
    limit: change === 1 ? 0xfffff : segment.limit,
    rights: change === 2 ? segment.rights ^ random.pick([0x4000, 2, 4, 0x10000]) : segment.rights,
  });
}
