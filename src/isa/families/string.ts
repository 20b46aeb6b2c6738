/**
 * String instructions: MOVS CMPS SCAS LODS STOS with REP, REPE and REPNE (SDM vol. 2).
 *
 * Every iteration that completes is visible in the registers, so a fault in the middle leaves a state from which
 * the instruction goes on. A long REP restarts now and then, for interrupts to have their turn; one that moves data
 * from or to a device restarts after every element, so that time passes in between.
 */
import { I32, I64, select } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { Flag } from "../flags.js";
import { Segment } from "../instruction.js";
import { DEVICE_TOUCHED, FLAG_OTHERS } from "../state.js";
import { copyRun, fillRun } from "./string-bulk.js";

const { RAX, RCX, RSI, RDI } = Register;

/**
 * A REP restarts where its count is a multiple of this; each turn counts as one instruction. That depends on
 * nothing but the count, so time passes the same whatever made the instruction stop in between.
 */
const TURN = 4096n;

/** What the parts of one string instruction have in common. */
export interface StringRun {
  readonly x: Emit;
  /** Width of an element in bits. */
  readonly width: number;
  readonly bytes: number;
  /** What is added to rSI and rDI: `bytes` or, with DF set, `-bytes`. */
  readonly step: I64;
  /** The index registers, cut to the address size. Fixed. */
  source(): I64;
  destination(): I64;
  /** Moves on by `distance` bytes. */
  advance(register: number, distance: I64): void;
}

function stringRun(x: Emit): StringRun {
  const size = x.addressSize;
  const bytes = x.width(0) / 8;
  const down = x.stateI32(FLAG_OTHERS).and(Flag.DF);
  return {
    x,
    width: x.width(0),
    bytes,
    step: x.let(select(down, I64.const(-bytes), I64.const(bytes))),
    source: () => x.let(x.readRegister(RSI, size)),
    destination: () => x.let(x.readRegister(RDI, size)),
    advance: (register, distance) =>
      x.writeRegister(register, size, x.readRegister(register, size).add(distance)),
  };
}

interface Iteration {
  /** One iteration. */
  once(run: StringRun): void;
  /** REPE and REPNE: whether the flags end the repetition, for the prefix given. */
  ends?(run: StringRun, equal: boolean): I32;
  /** Does up to `count` (at least 1) further iterations at once and returns how many, when DF is clear. */
  many?(run: StringRun, count: I64): I64;
}

function repeat(run: StringRun, { once, ends, many }: Iteration): void {
  const { x } = run;
  const { f } = x;
  const size = x.addressSize;
  const begun = f.local("i32");
  f.set(begun, I32.const(0));
  f.store(x.cpu, I32.const(0), DEVICE_TOUCHED);
  const completed = (count: I64) => x.writeRegister(RCX, size, x.readRegister(RCX, size).sub(count));
  const leftInTurn = () => x.readRegister(RCX, size).and(TURN - 1n);
  f.block((done) =>
    f.loop((again) => {
      f.brIf(done, x.readRegister(RCX, size).eqz());
      f.if(begun.value.and(leftInTurn().eqz().or(x.stateI32(DEVICE_TOUCHED).ne(0))), () => x.restart());
      once(run);
      f.set(begun, I32.const(1));
      completed(I64.const(1));
      if (ends) f.brIf(done, ends(run, x.shape.rep === 0xf3));
      if (many) {
        const limit = x.let(leftInTurn());
        // Below that a run isn't worth its preparation.
        f.if(limit.gtS(8).and(run.step.gtS(0)), () => completed(many(run, limit)));
      }
      f.br(again);
    }),
  );
}

function stringInstruction(mnemonic: string, iteration: Iteration): void {
  define(
    mnemonic,
    (x) => {
      const run = stringRun(x);
      if (x.shape.rep === 0) iteration.once(run);
      else repeat(run, iteration);
    },
    { addressSize: true, long: true, rep: true },
  );
}

const loadSource = ({ x, width, bytes, source }: StringRun): I64 =>
  x.load(width, x.segmentAddress(undefined, source(), "read", bytes));

const loadDestination = ({ x, width, bytes, destination }: StringRun): I64 =>
  x.load(width, x.segmentAddress(Segment.ES, destination(), "read", bytes));

function storeDestination({ x, width, bytes, destination }: StringRun, value: I64): void {
  x.store(width, x.segmentAddress(Segment.ES, destination(), "write", bytes), value);
}

function compare({ x, width }: StringRun, a: I64, b: I64): void {
  x.flags.sub(width, a, b, x.let(a.sub(b)));
}

const differs = ({ x }: StringRun, equal: boolean): I32 => x.flags.condition(equal ? "ne" : "e");

stringInstruction("movs", {
  once: (run) => {
    storeDestination(run, loadSource(run));
    run.advance(RSI, run.step);
    run.advance(RDI, run.step);
  },
  many: copyRun,
});

stringInstruction("stos", {
  once: (run) => {
    storeDestination(run, run.x.let(run.x.readRegister(RAX, run.width)));
    run.advance(RDI, run.step);
  },
  many: fillRun,
});

stringInstruction("lods", {
  once: (run) => {
    run.x.writeRegister(RAX, run.width, loadSource(run));
    run.advance(RSI, run.step);
  },
});

stringInstruction("cmps", {
  once: (run) => {
    const a = loadSource(run);
    compare(run, a, loadDestination(run));
    run.advance(RSI, run.step);
    run.advance(RDI, run.step);
  },
  ends: differs,
});

stringInstruction("scas", {
  once: (run) => {
    const b = loadDestination(run);
    compare(run, run.x.let(run.x.readRegister(RAX, run.width)), b);
    run.advance(RDI, run.step);
  },
  ends: differs,
});
