/**
 * Binary-coded decimals, which 64-bit mode does not have: AAA AAS AAM AAD, DAA DAS (SDM vol. 2).
 */
import { I64 } from "../../wasm/value.js";
import { define, type Emit, Register, Vector } from "../emit.js";
import { Flag } from "../flags.js";

const { RAX } = Register;
const zero = I64.const(0);

interface Accumulator {
  readonly al: I64;
  readonly ax: I64;
  /** CF, 0 or 1. */
  readonly carry: I64;
  /** -1 if the low digit has to be corrected, that is AL's low digit is above 9 or AF is set; else 0. */
  readonly correct: I64;
}

function accumulator(x: Emit): Accumulator {
  const ax = x.let(x.readRegister(RAX, 16));
  const al = x.let(ax.and(0xff));
  const flags = x.flags.all();
  const auxiliary = flags.and(Flag.AF).ne(0);
  const correct = x.let(zero.sub(al.and(15).gtU(9).or(auxiliary).toI64U()));
  return { al, ax, carry: x.let(flags.and(Flag.CF).toI64U()), correct };
}

/** AAA, AAS: `change` is what is added to AX. */
function ascii(mnemonic: string, change: number): void {
  define(mnemonic, (x) => {
    const { ax, correct } = accumulator(x);
    const result = x.let(ax.add(correct.and(change)).and(0xff0f));
    x.writeRegister(RAX, 16, result);
    x.flags.result(8, result.and(0xff), correct.and(Flag.AF | Flag.CF));
  });
}
ascii("aaa", 0x106);
ascii("aas", -0x106);

/** DAA, DAS: corrects both digits of AL. `sign` is 1 after an addition, -1 after a subtraction. */
function decimal(mnemonic: string, sign: 1 | -1): void {
  define(mnemonic, (x) => {
    const { al, carry, correct } = accumulator(x);
    const low = correct.and(6 * sign);
    const highCorrect = x.let(zero.sub(al.gtU(0x99).toI64U().or(carry)));
    const result = x.let(
      al
        .add(low)
        .add(highCorrect.and(0x60 * sign))
        .and(0xff),
    );
    // A carry out of the correction of the low digit counts for DAS (AL below 6) too.
    const borrow = al.add(low).shrU(8).and(1);
    x.writeRegister(RAX, 8, result);
    x.flags.result(8, result, x.let(highCorrect.and(1).or(borrow).or(correct.and(Flag.AF))));
  });
}
decimal("daa", 1);
decimal("das", -1);

define("aam", (x) => {
  const base = x.read(0);
  x.f.if(base.eqz(), () => x.fault(Vector.DE));
  const al = x.let(x.readRegister(RAX, 8));
  const low = x.let(al.remU(base));
  x.writeRegister(RAX, 16, al.divU(base).shl(8).or(low));
  x.flags.logic(8, low);
});

define("aad", (x) => {
  const ax = x.let(x.readRegister(RAX, 16));
  const sum = ax.shrU(8).mul(x.read(0)).add(ax);
  const result = x.let(sum.and(0xff));
  x.writeRegister(RAX, 16, result);
  x.flags.logic(8, result);
});
