/**
 * Integer arithmetic and logic with two operands: ADD ADC SUB SBB CMP AND OR XOR TEST INC DEC NEG NOT, and
 * the exchange-and-add forms XADD, XCHG, CMPXCHG (SDM vol. 2).
 */
import type { I64 } from "../../wasm/value.js";
import { select } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";

/** `operand0 = operation(operand0, operand1)`; the source is read first because it cannot be written. */
function binary(mnemonic: string, operation: (x: Emit, a: I64, b: I64, width: number) => I64): void {
  define(mnemonic, (x) => {
    const b = x.read(1);
    x.update(0, (a) => operation(x, a, b, x.width(0)));
  });
}

binary("add", (x, a, b, width) => {
  const result = x.let(a.add(b));
  x.flags.add(width, a, result);
  return result;
});

binary("sub", (x, a, b, width) => {
  const result = x.let(a.sub(b));
  x.flags.sub(width, a, b, result);
  return result;
});

binary("adc", (x, a, b, width) => {
  const carry = x.flags.carry();
  const result = x.let(a.add(b).add(carry.toI64U()));
  x.flags.addCarry(width, a, result, carry);
  return result;
});

binary("sbb", (x, a, b, width) => {
  const borrow = x.flags.carry();
  const result = x.let(a.sub(b).sub(borrow.toI64U()));
  x.flags.subBorrow(width, a, result, borrow);
  return result;
});

const logical = {
  and: (a: I64, b: I64) => a.and(b),
  or: (a: I64, b: I64) => a.or(b),
  xor: (a: I64, b: I64) => a.xor(b),
};
for (const [mnemonic, operation] of Object.entries(logical)) {
  binary(mnemonic, (x, a, b, width) => {
    const result = x.let(operation(a, b));
    x.flags.logic(width, result);
    return result;
  });
}

define("cmp", (x) => {
  const a = x.read(0);
  const b = x.read(1);
  x.flags.sub(x.width(0), a, b, x.let(a.sub(b)));
});

define("test", (x) => {
  const a = x.read(0);
  x.flags.logic(x.width(0), x.let(a.and(x.read(1))));
});

define("inc", (x) =>
  x.update(0, (a) => {
    const result = x.let(a.add(1));
    x.flags.increment(x.width(0), result);
    return result;
  }),
);

define("dec", (x) =>
  x.update(0, (a) => {
    const result = x.let(a.sub(1));
    x.flags.decrement(x.width(0), result);
    return result;
  }),
);

define("neg", (x) =>
  x.update(0, (a) => {
    const zero = x.let(a.xor(a));
    const result = x.let(zero.sub(a));
    x.flags.sub(x.width(0), zero, a, result);
    return result;
  }),
);

define("not", (x) => x.update(0, (a) => a.not()));

define("xadd", (x) => {
  const b = x.read(1);
  let old: I64 | undefined;
  x.update(0, (a) => {
    old = a;
    const result = x.let(a.add(b));
    x.flags.add(x.width(0), a, result);
    // With both operands the same register the sum wins, so the source is written first.
    if (!x.isMemory(0)) x.write(1, a);
    return result;
  });
  if (x.isMemory(0)) x.write(1, old!);
});

define("xchg", (x) => {
  const b = x.read(1);
  let old: I64 | undefined;
  x.update(0, (a) => {
    old = a;
    return b;
  });
  x.write(1, old!);
});

define("cmpxchg", (x) => {
  const width = x.width(0);
  const source = x.read(1);
  const accumulator = x.let(x.readRegister(Register.RAX, width));
  let old: I64 | undefined;
  x.update(0, (a) => {
    old = a;
    x.flags.sub(width, accumulator, a, x.let(accumulator.sub(a)));
    // A failed compare writes the old value back: the destination is always written (SDM, CMPXCHG).
    return select(a.eq(accumulator), source, a);
  });
  x.f.if(old!.ne(accumulator), () => x.writeRegister(Register.RAX, width, old!));
});
