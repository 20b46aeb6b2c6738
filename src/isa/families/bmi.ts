/**
 * BMI1, BMI2 and ADX: ANDN BEXTR BLSI BLSMSK BLSR BZHI MULX PDEP PEXT RORX SARX SHLX SHRX ADCX ADOX (SDM vol. 2).
 */
import { I32, I64, select } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { Flag } from "../flags.js";
import { signExtend } from "./integer.js";
import { multiplyHigh } from "./wide.js";

/** Operand 0 from the others; SF and ZF follow it, CF is `carry` (0 or 1), OF is cleared. */
function withFlags(
  mnemonic: string,
  operation: (x: Emit, a: I64, width: number) => { result: I64; carry?: I64 },
): void {
  define(mnemonic, (x) => {
    const width = x.width(0);
    const { result, carry } = operation(x, x.read(1), width);
    const fixed = x.let(result);
    if (carry) x.flags.result(width, fixed, carry);
    else x.flags.logic(width, fixed);
    x.write(0, fixed);
  });
}

withFlags("andn", (x, a) => ({ result: a.not().and(x.read(2)) }));
withFlags("blsi", (_, a) => ({ result: I64.const(0).sub(a).and(a), carry: a.ne(0).toI64U() }));
withFlags("blsmsk", (_, a) => ({ result: a.sub(1).xor(a), carry: a.eqz().toI64U() }));
withFlags("blsr", (_, a) => ({ result: a.sub(1).and(a), carry: a.eqz().toI64U() }));

/** The low `count` bits of `value`; all of it if `count` is 64 or more. */
const lowBits = (value: I64, count: I64): I64 =>
  select(count.gtU(63), value, value.and(I64.const(1).shl(count).sub(1)));

withFlags("bextr", (x, a) => {
  const control = x.read(2);
  const start = x.let(control.and(0xff));
  const length = x.let(control.shrU(8).and(0xff));
  const shifted = x.let(select(start.gtU(63), I64.const(0), a.shrU(start)));
  return { result: lowBits(shifted, length) };
});

withFlags("bzhi", (x, a, width) => {
  const count = x.let(x.read(2).and(0xff));
  return { result: lowBits(a, count), carry: count.gtU(width - 1).toI64U() };
});

define("mulx", (x) => {
  const width = x.width(0);
  const b = x.read(2);
  const a = x.let(x.readRegister(Register.RDX, width));
  const low = x.let(a.mul(b));
  const high = x.let(width === 64 ? multiplyHigh(x, a, b, false) : low.shrU(32));
  // With one register for both destinations the upper half wins.
  x.write(1, low);
  x.write(0, high);
});

/** PDEP, PEXT: takes the set bits of the mask from the lowest up. `place` is the lowest bit still in the mask. */
function scatter(
  mnemonic: string,
  source: (source: I64, place: I64, n: I64) => I64,
  target: (place: I64, n: I64) => I64,
): void {
  define(mnemonic, (x) => {
    const { f } = x;
    const value = x.read(1);
    const mask = f.local("i64");
    f.set(mask, x.read(2));
    const result = f.local("i64");
    f.set(result, I64.const(0));
    // 1 shifted by the number of mask bits already taken.
    const n = f.local("i64");
    f.set(n, I64.const(1));
    f.block((done) =>
      f.loop((again) => {
        f.brIf(done, mask.value.eqz());
        const place = x.let(mask.value.and(I64.const(0).sub(mask.value)));
        const chosen = source(value, place, n.value).ne(0);
        f.if(chosen, () => f.set(result, result.value.or(target(place, n.value))));
        f.set(n, n.value.shl(1));
        f.set(mask, mask.value.xor(place));
        f.br(again);
      }),
    );
    x.write(0, result.value);
  });
}
scatter(
  "pdep",
  (value, _, n) => value.and(n),
  (place) => place,
);
scatter(
  "pext",
  (value, place) => value.and(place),
  (_, n) => n,
);

/** Shifts and rotates without flags; the count is operand 2 modulo the width. */
function shiftWithoutFlags(mnemonic: string, shift: (width: number, a: I64, count: I64) => I64): void {
  define(mnemonic, (x) => {
    const width = x.width(0);
    const a = x.read(1);
    x.write(0, shift(width, a, x.let(x.read(2).and(width - 1))));
  });
}
shiftWithoutFlags("shlx", (_, a, count) => a.shl(count));
shiftWithoutFlags("shrx", (_, a, count) => a.shrU(count));
shiftWithoutFlags("sarx", (width, a, count) => signExtend(width, a).shrS(count));
shiftWithoutFlags("rorx", (width, a, count) =>
  width === 64 ? a.rotr(count) : a.toI32().rotr(count.toI32()).toI64U(),
);

/** ADCX, ADOX: add with one flag as carry in and out, the others unchanged. */
function addWithFlag(mnemonic: string, flag: number): void {
  define(mnemonic, (x) => {
    const width = x.width(0);
    const b = x.read(1);
    const a = x.read(0);
    const flags = x.flags.all();
    const carryIn = x.let(flags.and(flag).ne(0));
    const sum = x.let(a.add(b).add(carryIn.toI64U()));
    const carryOut = width === 64 ? select(carryIn, sum.leU(a), sum.ltU(a)) : sum.shrU(32).ne(0);
    const changed = select(carryOut, I32.const(flag), I32.const(0));
    x.flags.explicit(x.let(flags.and(~flag).or(changed).toI64U()));
    x.write(0, sum);
  });
}
addWithFlag("adcx", Flag.CF);
addWithFlag("adox", Flag.OF);
