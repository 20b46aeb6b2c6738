/**
 * The performance counters of a processor (SDM vol. 3, chapter 20). Nothing happens while they count: a counter's value
 * follows from the processor's clocks, and is worked out when something reads it, or changes what counts. Only a counter
 * that is to interrupt has an event in virtual time, at the tick of its overflow.
 *
 * One instruction takes one cycle: core cycles and reference cycles pass while the processor does not sleep.
 */
import type { Timeline, TimelineEvent } from "../../time/timeline.js";
import { Fault } from "../fault.js";
import {
  COUNTER_BITS,
  EVENTS,
  FIXED_COUNTERS,
  FIXED_SHIFT,
  FIXED_SOURCES,
  Fixed,
  GENERAL_COUNTERS,
  GLOBAL_LOW,
  GLOBAL_MASK,
  Select,
  type Source,
} from "./layout.js";

/** What the counters need of their processor. */
export interface PmuProcessor {
  readonly timeline: Timeline;
  readonly cpl: number;
  /** In HLT or MWAIT: no cycle passes. */
  readonly halted: boolean;
  /** Since power-on. */
  readonly instructions: number;
  readonly unhaltedCycles: number;
  /** To the local APIC. */
  performanceInterrupt(): void;
  /** Whether {@link Pmu.privilegeChanged} wants to be called from now on. */
  watchPrivilege(watched: boolean): void;
}

const WRAP = 2 ** COUNTER_BITS;
/** ECX of RDPMC selects a fixed counter. */
const RDPMC_FIXED = 0x4000_0000;
const GENERAL_PROTECTION = 13;

interface Counter {
  /** Its bit in the global registers. */
  readonly bit: bigint;
  /** Below 2^48. */
  value: number;
  /** What it counts and where, as its control register says; undefined: nothing. */
  source: Source | undefined;
  user: boolean;
  kernel: boolean;
  interrupts: boolean;
}

const counter = (bit: number): Counter => ({
  bit: 1n << BigInt(bit),
  value: 0,
  source: undefined,
  user: false,
  kernel: false,
  interrupts: false,
});

export class Pmu {
  private readonly general = Array.from({ length: GENERAL_COUNTERS }, (_, i) => counter(i));
  private readonly fixed = Array.from({ length: FIXED_COUNTERS }, (_, i) => counter(FIXED_SHIFT + i));
  private readonly all = [...this.general, ...this.fixed];
  private readonly selects = new Array<number>(GENERAL_COUNTERS).fill(0);
  private fixedControl = 0;
  /** After power-on the general counters are enabled here (table 10-1). */
  private globalControl = BigInt(GLOBAL_LOW);
  private status = 0n;
  private overflow: TimelineEvent | undefined;
  /** Some counter counts, at some privilege level. */
  counting = false;
  /** Some counter counts in user mode only, or outside of it only: {@link privilegeChanged} wants to be called. */
  watchesPrivilege = false;
  /** The processor sleeps, and a counter is to go on when it wakes up. */
  asleep = false;
  /** Where the counters were worked out last. */
  private user = false;
  private readonly last = { instructions: 0, cycles: 0 };

  constructor(private readonly processor: PmuProcessor) {}

  // --- MSRs ---

  readGeneral(number: number): bigint {
    return this.valueOf(this.general[number]!);
  }
  /** WRMSR: bits 31:0, sign-extended. */
  writeGeneral(number: number, value: bigint): void {
    this.setValue(this.general[number]!, Number(BigInt.asUintN(COUNTER_BITS, BigInt.asIntN(32, value))));
  }
  readFixed(number: number): bigint {
    return this.valueOf(this.fixed[number]!);
  }
  writeFixed(number: number, value: bigint): void {
    this.setValue(this.fixed[number]!, Number(BigInt.asUintN(COUNTER_BITS, value)));
  }

  readSelect(number: number): bigint {
    return BigInt(this.selects[number]!);
  }
  writeSelect(number: number, value: bigint): void {
    const select = Number(value);
    this.change(() => {
      this.selects[number] = select;
      const one = this.general[number]!;
      one.source = (select & Select.enable) !== 0 ? sourceOf(select) : undefined;
      one.user = (select & Select.USR) !== 0;
      one.kernel = (select & Select.OS) !== 0;
      one.interrupts = (select & Select.interrupt) !== 0;
    });
  }

  readFixedControl(): bigint {
    return BigInt(this.fixedControl);
  }
  writeFixedControl(value: bigint): void {
    this.change(() => {
      this.fixedControl = Number(value);
      for (const [i, one] of this.fixed.entries()) {
        const bits = this.fixedControl >>> (i * Fixed.bits);
        one.source = FIXED_SOURCES[i];
        one.user = (bits & Fixed.USR) !== 0;
        one.kernel = (bits & Fixed.OS) !== 0;
        one.interrupts = (bits & Fixed.interrupt) !== 0;
      }
    });
  }

  readGlobalControl(): bigint {
    return this.globalControl;
  }
  writeGlobalControl(value: bigint): void {
    if (value === this.globalControl) return;
    this.change(() => {
      this.globalControl = value & GLOBAL_MASK;
    });
  }

  readStatus(): bigint {
    this.settle();
    return this.status;
  }
  /** IA32_PERF_GLOBAL_OVF_CTRL. */
  clearStatus(bits: bigint): void {
    this.settle();
    this.status &= ~bits;
  }

  /** RDPMC; #GP(0) for a counter that is not there. @param index ECX */
  readCounter(index: number): bigint {
    const list = (index & RDPMC_FIXED) !== 0 ? this.fixed : this.general;
    const one = list[(index & ~RDPMC_FIXED) >>> 0];
    if (one === undefined) throw new Fault(GENERAL_PROTECTION);
    return this.valueOf(one);
  }

  // --- counting ---

  /** The privilege level may be another now. */
  privilegeChanged(): void {
    if ((this.processor.cpl === 3) === this.user) return;
    this.change(() => {});
  }

  /** The processor goes on after it slept. */
  wake(): void {
    this.asleep = false;
    this.change(() => {});
  }

  private counts({ bit, source, user, kernel }: Counter): boolean {
    return source !== undefined && (this.user ? user : kernel) && (this.globalControl & bit) !== 0n;
  }

  private valueOf(one: Counter): bigint {
    this.settle();
    return BigInt(one.value);
  }

  private setValue(one: Counter, value: number): void {
    this.change(() => {
      one.value = value;
    });
  }

  /** Changes what counts, from now on. */
  private change(action: () => void): void {
    this.settle();
    action();
    this.user = this.processor.cpl === 3;
    const enabled = this.all.filter(
      ({ bit, source, user, kernel }) =>
        source !== undefined && (user || kernel) && (this.globalControl & bit) !== 0n,
    );
    this.counting = enabled.length > 0;
    const watched = enabled.some(({ user, kernel }) => user !== kernel);
    if (watched !== this.watchesPrivilege) this.processor.watchPrivilege(watched);
    this.watchesPrivilege = watched;
    this.schedule();
  }

  /** Adds what has passed since the last time. */
  private settle(): void {
    const { processor, last } = this;
    const { instructions, unhaltedCycles: cycles } = processor;
    const passed = { instructions: instructions - last.instructions, cycles: cycles - last.cycles };
    Object.assign(last, { instructions, cycles });
    if (!this.counting) return;
    let interrupts = false;
    for (const one of this.all) {
      if (!this.counts(one)) continue;
      one.value += passed[one.source!];
      if (one.value < WRAP) continue;
      one.value %= WRAP;
      this.status |= one.bit;
      interrupts ||= one.interrupts;
    }
    if (interrupts) processor.performanceInterrupt();
  }

  /** Arms the event for the next overflow that interrupts. */
  private schedule(): void {
    let left = Number.POSITIVE_INFINITY;
    for (const one of this.counting ? this.all : []) {
      if (one.interrupts && this.counts(one)) left = Math.min(left, WRAP - one.value);
    }
    const { processor } = this;
    this.asleep = left !== Number.POSITIVE_INFINITY && processor.halted;
    if (left === Number.POSITIVE_INFINITY || this.asleep) {
      this.overflow?.cancel();
      return;
    }
    this.overflow ??= processor.timeline.event("performance counter", () => this.change(() => {}));
    this.overflow.arm(processor.timeline.now() + left);
  }
}

/** What an event select counts; undefined for events that do not happen here. */
function sourceOf(select: number): Source | undefined {
  const code = select & 0xffff;
  const source = EVENTS.find((event) => event.code === code)?.source;
  const most = (select >>> Select.counterMaskShift) & 0xff;
  if (source === undefined || most === 0) return source;
  // With a counter mask: cycles in which at least so many happen, or fewer. One happens in each.
  const reached = most <= 1;
  if ((select & Select.invert) !== 0) return reached ? undefined : "cycles";
  // Edges: cycles in which it begins to be so. It always is.
  return reached && (select & Select.edge) === 0 ? source : undefined;
}
