/**
 * One counter of the 82C54 (Intel data sheet 231244, "Mode definitions").
 *
 * Nothing counts here: the counting element is a function of the cycle at which it was loaded. All times
 * are cycles of the 1.193182 MHz input since tick 0. A count written during cycle c is loaded at the next
 * CLK, c + 1.
 *
 * One liberty: a count that is read back before that CLK shows the new value. On silicon a bus cycle is
 * longer than a CLK, so programs (Linux's quick TSC calibration) rely on never seeing the old one; here an
 * I/O instruction takes 1 ns.
 */

/** Not scheduled. JSON has no `Infinity`. */
const NEVER = Number.MAX_SAFE_INTEGER;

const ACCESS_LATCH = 0;
const ACCESS_LSB = 1;
const ACCESS_MSB = 2;
const ACCESS_WORD = 3;

export interface ChannelState {
  mode: number;
  /** Bytes per access: 1 LSB only, 2 MSB only, 3 LSB then MSB. */
  access: number;
  bcd: boolean;
  gate: boolean;
  /** The count register: what the next load puts into the counting element (1 … 65536). */
  reload: number;
  /** What the counting element was last loaded with, and the cycle at which; -1: nothing since the control word. */
  count: number;
  start: number;
  /** While counting is stopped: the cycles counted before; else -1. */
  held: number;
  /** Modes 2, 3: a new count waits for the end of the (half) period. `nextStart` is where its period begins. */
  nextAt: number;
  nextStart: number;
  /** The cycle at which the count register reaches the counting element (null count flag). */
  loadAt: number;
  /** First byte of a two-byte write, or -1. */
  firstByte: number;
  readMsb: boolean;
  latchedCount: number;
  latchedStatus: number;
}

export class PitChannel {
  state: ChannelState = {
    mode: 0,
    access: ACCESS_WORD,
    bcd: false,
    gate: true,
    reload: 0x10000,
    count: -1,
    start: 0,
    held: -1,
    nextAt: NEVER,
    nextStart: 0,
    loadAt: NEVER,
    firstByte: -1,
    readMsb: false,
    latchedCount: -1,
    latchedStatus: -1,
  };

  /** @param changed is told after anything that may move OUT or its next transition. */
  constructor(private readonly changed: (cycle: number) => void = () => {}) {}

  /** A control word for this counter; `word` is the byte written to port 43h. */
  control(word: number, cycle: number): void {
    const access = (word >> 4) & 3;
    if (access === ACCESS_LATCH) {
      this.latchCount(cycle);
      return;
    }
    const mode = (word >> 1) & 7;
    const { gate, reload } = this.state;
    this.state = {
      // Modes 2 and 3 ignore bit 3 of the control word.
      mode: mode > 5 ? mode - 4 : mode,
      access,
      bcd: (word & 1) !== 0,
      gate,
      reload,
      count: -1,
      start: 0,
      held: -1,
      nextAt: NEVER,
      nextStart: 0,
      loadAt: NEVER,
      firstByte: -1,
      readMsb: false,
      latchedCount: -1,
      latchedStatus: -1,
    };
    this.changed(cycle);
  }

  latchCount(cycle: number): void {
    // A second latch command before the first was read is ignored.
    if (this.state.latchedCount < 0) this.state.latchedCount = this.readCount(cycle);
  }

  latchStatus(cycle: number): void {
    const s = this.state;
    if (s.latchedStatus >= 0) return;
    const nullCount = cycle < s.loadAt;
    s.latchedStatus =
      (this.output(cycle) ? 0x80 : 0) |
      (nullCount ? 0x40 : 0) |
      (s.access << 4) |
      (s.mode << 1) |
      (s.bcd ? 1 : 0);
  }

  write(value: number, cycle: number): void {
    const s = this.state;
    if (s.access === ACCESS_WORD && s.firstByte < 0) {
      s.firstByte = value;
      if (s.mode === 0 && s.count >= 0) {
        // Mode 0: "writing the first byte disables counting; OUT is set low immediately".
        s.count = -1;
        this.changed(cycle);
      }
      return;
    }
    const raw =
      s.access === ACCESS_LSB ? value : s.access === ACCESS_MSB ? value << 8 : s.firstByte | (value << 8);
    s.firstByte = -1;
    const count = s.bcd ? fromBcd(raw) : raw;
    s.reload = count === 0 ? this.modulus : count;
    this.scheduleLoad(cycle);
    this.changed(cycle);
  }

  private scheduleLoad(cycle: number): void {
    const s = this.state;
    this.settle(cycle);
    const mode = s.mode;
    if (mode === 1 || mode === 5) {
      s.loadAt = NEVER;
      return;
    }
    if ((mode === 2 || mode === 3) && s.count >= 0 && s.held < 0 && cycle >= s.start) {
      const position = (cycle - s.start) % s.count;
      const high = highCycles(s.count);
      if (mode === 3 && position < high) {
        // Loaded at the end of the high half: the new period's low half starts there.
        s.nextAt = cycle - position + high;
        s.nextStart = s.nextAt - highCycles(s.reload);
      } else {
        s.nextAt = cycle - position + s.count;
        s.nextStart = s.nextAt;
      }
      s.loadAt = s.nextAt;
      return;
    }
    s.count = s.reload;
    s.start = s.loadAt = cycle + 1;
    s.held = s.gate ? -1 : 0;
  }

  setGate(level: boolean, cycle: number): void {
    const s = this.state;
    if (level === s.gate) return;
    this.settle(cycle);
    s.gate = level;
    if (s.mode === 0 || s.mode === 4) {
      if (s.count >= 0) {
        if (level) {
          s.start = cycle - s.held;
          s.held = -1;
        } else {
          s.held = Math.max(0, cycle - s.start);
        }
      }
    } else if (level) {
      if (s.mode === 1 || s.mode === 5 || s.count >= 0) this.trigger(cycle);
    } else if ((s.mode === 2 || s.mode === 3) && s.count >= 0) {
      s.held = Math.max(0, cycle - s.start);
    }
    this.changed(cycle);
  }

  /** A rising gate: the counting element is loaded at the next CLK. */
  private trigger(cycle: number): void {
    const s = this.state;
    s.count = s.reload;
    s.start = s.loadAt = cycle + 1;
    s.nextAt = NEVER;
    s.held = -1;
  }

  private settle(cycle: number): void {
    const s = this.state;
    if (cycle < s.nextAt) return;
    s.start = s.nextStart;
    s.count = s.reload;
    s.nextAt = NEVER;
  }

  private get modulus(): number {
    return this.state.bcd ? 10000 : 0x10000;
  }

  private elapsed(cycle: number): number {
    return this.state.held >= 0 ? this.state.held : cycle - this.state.start;
  }

  /** Level of OUT at `cycle`. */
  output(cycle: number): boolean {
    const s = this.state;
    this.settle(cycle);
    if (s.count < 0) return s.mode !== 0;
    const elapsed = this.elapsed(cycle);
    if (elapsed < 0) return s.mode !== 0;
    switch (s.mode) {
      case 0:
      case 1:
        return elapsed >= s.count;
      case 2:
        return s.held >= 0 || elapsed % s.count !== s.count - 1;
      case 3:
        return s.held >= 0 || elapsed % s.count < highCycles(s.count);
      default:
        return elapsed !== s.count;
    }
  }

  /** The first cycle after `cycle` at which OUT may change by itself, or `Infinity`. */
  nextTransition(cycle: number): number {
    const s = this.state;
    this.settle(cycle);
    if (s.count < 0 || s.held >= 0) return Number.POSITIVE_INFINITY;
    const end = s.start + s.count;
    if (s.mode === 2 || s.mode === 3) {
      // A count of 1 is illegal in mode 2 and never toggles.
      if (s.count === 1) return s.nextAt === NEVER ? Number.POSITIVE_INFINITY : s.nextAt;
      const flip = s.mode === 2 ? s.count - 1 : highCycles(s.count);
      const from = Math.max(cycle, s.start);
      const position = (from - s.start) % s.count;
      const base = from - position;
      return Math.min(s.nextAt, base + (position < flip ? flip : s.count));
    }
    if (cycle < s.start && s.mode === 1) return s.start;
    if (cycle < end) return end;
    return cycle === end && s.mode >= 4 ? end + 1 : Number.POSITIVE_INFINITY;
  }

  /** The counting element as it reads at `cycle`: 16 bits, BCD when so programmed. */
  readCount(cycle: number): number {
    const s = this.state;
    this.settle(cycle);
    const { modulus } = this;
    let value: number;
    if (s.count < 0) value = s.reload;
    else {
      const elapsed = Math.max(0, this.elapsed(cycle));
      if (s.mode === 2) value = s.count - (elapsed % s.count);
      else if (s.mode === 3) value = squareWaveCount(elapsed % s.count, s.count);
      else value = s.count - (elapsed % modulus);
    }
    value = ((value % modulus) + modulus) % modulus;
    return s.bcd ? toBcd(value) : value;
  }

  read(cycle: number): number {
    const s = this.state;
    if (s.latchedStatus >= 0) {
      const status = s.latchedStatus;
      s.latchedStatus = -1;
      return status;
    }
    const count = s.latchedCount >= 0 ? s.latchedCount : this.readCount(cycle);
    const msb = s.access === ACCESS_MSB || (s.access === ACCESS_WORD && s.readMsb);
    if (s.access === ACCESS_WORD) s.readMsb = !s.readMsb;
    // The latch opens after the last byte of it was read.
    if (msb || s.access === ACCESS_LSB) s.latchedCount = -1;
    return msb ? count >> 8 : count & 0xff;
  }
}

/** Mode 3: OUT is high for (N+1)/2 counts when N is odd, N/2 when even. */
function highCycles(count: number): number {
  return (count + 1) >> 1;
}

/** Mode 3 counts each half period down by two; an odd count is loaded minus one. */
function squareWaveCount(position: number, count: number): number {
  const high = highCycles(count);
  const even = count & ~1;
  return position < high ? Math.max(0, even - 2 * position) : even - 2 * (position - high);
}

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: number): number {
  return (
    (Math.floor(value / 1000) << 12) |
    (Math.floor((value % 1000) / 100) << 8) |
    (Math.floor((value % 100) / 10) << 4) |
    (value % 10)
  );
}
