/**
 * Two machines with the same guest, one of which only interprets, kept in step: after every few instructions the
 * registers of both are compared. `--engine check` and the tests use it; both machines need `clock: "virtual"`.
 */
import { gprNames, segmentNames } from "../cpu/names.js";
import * as S from "../isa/state.js";
import type { Machine } from "./machine.js";

/** Where the machines came apart. */
export interface Difference {
  /** Instructions retired by the interpreting machine when they were last equal, and when they were not. */
  readonly from: number;
  readonly to: number;
  /** RIP at `from`. */
  readonly rip: bigint;
  /** One line for each register that differs. */
  readonly lines: readonly string[];
  /** Slots of the translated functions that were entered in between, oldest first. */
  readonly entered: readonly number[];
}

/** A word of RAM that differs. */
export interface MemoryDifference {
  /** Guest-physical, a multiple of 4. */
  readonly address: number;
  readonly expected: number;
  readonly actual: number;
}

const hex = (value: bigint | number) => value.toString(16);

/** The fields of the state that are compared besides the general registers, with their names. */
const fields64: readonly [string, number][] = [
  ["cr0", S.CR0],
  ["cr2", S.CR2],
  ["cr3", S.CR3],
  ["cr4", S.CR4],
  ["efer", S.EFER],
];
const fields32: readonly [string, number][] = [
  ["mxcsr", S.MXCSR],
  ["fcw", S.FCW],
  ["fsw", S.FSW],
  ["ftw", S.FTW],
  ["cpl", S.CPL],
];

/** The registers of a machine by name, as text. */
function registers(machine: Machine): Map<string, string> {
  const { cpu } = machine.parts;
  const { state } = cpu;
  const found = new Map<string, string>();
  for (const [i, name] of gprNames.entries()) found.set(name, hex(state.gpr(i)));
  found.set("rip", hex(state.rip));
  found.set("rflags", hex(state.rflags));
  found.set("tick", hex(cpu.now()));
  found.set("instructions", hex(cpu.instructions));
  for (const [name, offset] of fields64) found.set(name, hex(state.u64(offset)));
  for (const [name, offset] of fields32) found.set(name, hex(state.u32(offset)));
  for (const [i, name] of segmentNames.entries()) {
    const { selector, base, limit, rights } = state.segment(i);
    found.set(name, [selector, base, limit, rights].map(hex).join(":"));
  }
  for (let i = 0; i < 16; i++) {
    const [low, high] = [S.YMM + i * 32, S.YMM + i * 32 + 16];
    const half = (at: number) =>
      hex(state.u64(at + 8)).padStart(16, "0") + hex(state.u64(at)).padStart(16, "0");
    found.set(`ymm${i}`, `${half(high)}:${half(low)}`);
  }
  for (let i = 0; i < 8; i++) {
    found.set(
      `r${i} (x87)`,
      `${hex(state.u32(S.FPR + i * 16 + 8) & 0xffff)}:${hex(state.u64(S.FPR + i * 16))}`,
    );
  }
  return found;
}

/** What is compared first, because it is quick: the words of the state from which all of that comes, but for lazy flags. */
const EXACT: readonly (readonly [number, number])[] = [
  [S.GPR, S.RIP + 8],
  [S.SEGMENT_BASE, S.SEGMENT_SELECTOR + 32],
  [S.CR0, S.EFER + 8],
  [S.MXCSR, S.MXCSR + 4],
  [S.FPR, S.YMM + 512],
];

export class Lockstep {
  private readonly words: readonly [Int32Array, Int32Array];
  /** Steps vary, so that slices end in all kinds of places. */
  private random = 1;

  /**
   * @param reference interprets
   * @param subject is compared with it
   * @param step most instructions between two comparisons
   */
  constructor(
    private readonly reference: Machine,
    private readonly subject: Machine,
    public step: number,
  ) {
    this.words = [new Int32Array(reference.rawMemory), new Int32Array(subject.rawMemory)];
  }

  /** Runs on until a difference, `limit` instructions in all, or the end of the guest. */
  run(limit = Number.POSITIVE_INFINITY): Difference | undefined {
    const { reference, subject } = this;
    while (reference.instructions < limit && !reference.ended) {
      const from = reference.instructions;
      const { rip } = reference.parts.cpu.state;
      const translator = subject.parts.translator;
      translator?.forgetEntered();
      this.random = (Math.imul(this.random, 1103515245) + 12345) & 0x7fffffff;
      const count = 1 + ((this.random >>> 8) % this.step);
      const at = [reference, subject].map((machine) => {
        machine.runInstructions(count);
        return machine.instructions;
      });
      if (at[0] === at[1] && at[0] === from && !reference.ended) return undefined;
      if (at[0] === at[1] && reference.ended === subject.ended && this.equal()) continue;
      const [expected, actual] = [registers(reference), registers(subject)];
      const lines: string[] = [];
      for (const [name, value] of expected) {
        if (actual.get(name) !== value)
          lines.push(`${name}: the interpreter has ${value}, the translation ${actual.get(name)}`);
      }
      return { from, to: at[0]!, rip, lines, entered: translator?.entered ?? [] };
    }
    return undefined;
  }

  /** Where guest RAM differs: the first word of each page, at most so many. */
  memoryDifferences(most: number): MemoryDifference[] {
    const [a, b] = this.words;
    const found: MemoryDifference[] = [];
    for (const { start, end, host } of this.reference.parts.physical.ramRegions) {
      for (let page = start; page < end && found.length < most; page += 4096) {
        const from = (host + page - start) >>> 2;
        const until = from + ((Math.min(end, page + 4096) - page) >>> 2);
        for (let i = from; i < until; i++) {
          if (a[i] === b[i]) continue;
          found.push({ address: page + (i - from) * 4, expected: a[i]! >>> 0, actual: b[i]! >>> 0 });
          break;
        }
      }
    }
    return found;
  }

  private equal(): boolean {
    const [a, b] = this.words;
    const one = this.reference.parts.cpu.state;
    const other = this.subject.parts.cpu.state;
    for (const [from, to] of EXACT) {
      for (let offset = from; offset < to; offset += 4) {
        if (a[(one.base + offset) >>> 2] !== b[(other.base + offset) >>> 2]) return false;
      }
    }
    return one.rflags === other.rflags && this.reference.time === this.subject.time;
  }
}
