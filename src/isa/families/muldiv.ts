/**
 * Multiplication and division: MUL IMUL DIV IDIV (SDM vol. 2).
 *
 * WebAssembly multiplies and divides 64 bits by 64 bits; the 128-bit forms are built from 32-bit halves (wide.ts).
 */
import { I64, select } from "../../wasm/value.js";
import { define, type Emit, Register, Vector } from "../emit.js";
import { Flag } from "../flags.js";
import { signExtend } from "./integer.js";
import { divide128, multiplyHigh } from "./wide.js";

const { RAX, RDX } = Register;

/** CF = OF = whether the upper half of the product is significant. The other flags are undefined. */
function productFlags(x: Emit, width: number, low: I64, significant: I64): void {
  const flags = select(significant.ne(0), I64.const(Flag.CF | Flag.OF), I64.const(0));
  x.flags.result(width, low, flags);
}

/** Writes the double-width product to AX, or to rDX:rAX. */
function writeProduct(x: Emit, width: number, low: I64, high: I64): void {
  if (width === 8) x.writeRegister(RAX, 16, low);
  else {
    x.writeRegister(RAX, width, low);
    x.writeRegister(RDX, width, high);
  }
}

define("mul", (x) => {
  const width = x.width(0);
  const b = x.read(0);
  const a = x.let(x.readRegister(RAX, width));
  const low = x.let(a.mul(b));
  const high = x.let(width === 64 ? multiplyHigh(x, a, b, false) : low.shrU(width));
  writeProduct(x, width, low, high);
  productFlags(x, width, low, high);
});

/** IMUL: product of two fixed, sign-extended factors; its flags are set. */
function signedProduct(x: Emit, width: number, a: I64, b: I64): I64 {
  const low = x.let(a.mul(b));
  const difference = x.f.local("i64");
  if (width < 64) x.f.set(difference, low.xor(signExtend(width, low)));
  else {
    // Two factors of 32 bits, the common case, can't overflow.
    const wide = a.xor(a.extend32S()).or(b.xor(b.extend32S()));
    x.f.set(difference, wide);
    x.f.if(difference.value.ne(0), () => x.f.set(difference, multiplyHigh(x, a, b, true).xor(low.shrS(63))));
  }
  productFlags(x, width, low, difference.value);
  return low;
}

define("imul", (x) => {
  const width = x.width(0);
  if (x.operands.length > 1) {
    const last = x.operands.length - 1;
    const a = x.readSigned(last - 1);
    x.write(0, signedProduct(x, width, a, x.readSigned(last)));
    return;
  }
  const b = x.readSigned(0);
  const a = x.let(signExtend(width, x.readRegister(RAX, width)));
  if (width < 64) {
    const product = signedProduct(x, width, a, b);
    writeProduct(x, width, product, product.shrS(width));
    return;
  }
  const low = x.let(a.mul(b));
  const high = x.let(multiplyHigh(x, a, b, true));
  writeProduct(x, width, low, high);
  productFlags(x, width, low, high.xor(low.shrS(63)));
});

function writeQuotient(x: Emit, width: number, quotient: I64, remainder: I64): void {
  if (width === 8) x.writeRegister(RAX, 16, quotient.and(0xff).or(remainder.shl(8)));
  else {
    x.writeRegister(RAX, width, quotient);
    x.writeRegister(RDX, width, remainder);
  }
}

/** The dividend of up to 64 bits in AX or rDX:rAX, unsigned. */
function dividend(x: Emit, width: number): I64 {
  if (width === 8) return x.let(x.readRegister(RAX, 16));
  return x.let(x.readRegister(RDX, width).shl(width).or(x.readRegister(RAX, width)));
}

const divideError = (x: Emit) => () => x.fault(Vector.DE);

define("div", (x) => {
  const { f } = x;
  const width = x.width(0);
  const divisor = x.read(0);
  if (width === 8) {
    const a = x.let(x.readRegister(RAX, 16));
    f.if(a.shrU(8).geU(divisor), divideError(x));
    const quotient = x.let(a.divU(divisor));
    writeQuotient(x, 8, quotient, a.sub(quotient.mul(divisor)));
    return;
  }
  const low = x.let(x.readRegister(RAX, width));
  const high = x.let(x.readRegister(RDX, width));
  // Also true of a divisor of zero.
  f.if(high.geU(divisor), divideError(x));
  const quotient = f.local("i64");
  f.if(
    high.eqz(),
    () => f.set(quotient, width === 64 ? low.divU(divisor) : low.toI32().divU(divisor.toI32()).toI64U()),
    () => {
      const whole = width === 64 ? undefined : high.shl(width).or(low);
      f.set(quotient, whole ? whole.divU(divisor) : x.invoke(divide128, high, low, divisor));
    },
  );
  writeQuotient(x, width, quotient.value, x.let(low.sub(quotient.value.mul(divisor))));
});

define("idiv", (x) => {
  const width = x.width(0);
  const divisor = x.readSigned(0);
  if (width === 64) signedDivision128(x, divisor);
  else if (width === 32) signedDivision64(x, divisor);
  else {
    x.f.if(divisor.eqz(), divideError(x));
    const a = x.let(signExtend(width * 2, dividend(x, width)).toI32());
    const small = x.let(divisor.toI32());
    const quotient = x.let(a.divS(small).toI64S());
    x.f.if(quotient.ne(signExtend(width, quotient)), divideError(x));
    writeQuotient(x, width, quotient, x.let(a.toI64S().sub(quotient.mul(divisor))));
  }
});

function signedDivision64(x: Emit, divisor: I64): void {
  const { f } = x;
  const a = dividend(x, 32);
  const quotient = f.local("i64");
  f.if(
    // A dividend of 32 bits, the common case. The divisors that can fault or trap take the long way.
    a.eq(a.extend32S()).and(divisor.add(1).gtU(1)),
    () => f.set(quotient, a.toI32().divS(divisor.toI32()).toI64S()),
    () => {
      f.if(divisor.eqz(), divideError(x));
      // The one quotient that 64 bits do not hold, and WebAssembly would trap.
      f.if(a.eq(-1n << 63n).and(divisor.eq(-1)), divideError(x));
      f.set(quotient, a.divS(divisor));
      f.if(quotient.value.ne(quotient.value.extend32S()), divideError(x));
    },
  );
  writeQuotient(x, 32, quotient.value, x.let(a.sub(quotient.value.mul(divisor))));
}

function signedDivision128(x: Emit, divisor: I64): void {
  const f = x.f;
  const low = x.let(x.readRegister(RAX, 64));
  const high = x.let(x.readRegister(RDX, 64));
  const quotient = f.local("i64");
  f.block((done) => {
    // A dividend of 64 bits, the common case. The divisors that can fault or trap take the long way.
    f.if(high.eq(low.shrS(63)).and(divisor.add(1).gtU(1)), () => {
      f.set(quotient, low.divS(divisor));
      f.br(done);
    });
    const sign = x.let(high.shrS(63));
    // The magnitudes, by two's complement where negative.
    const positiveLow = x.let(low.xor(sign).sub(sign));
    const carry = positiveLow.eqz().toI64U().and(sign);
    const positiveHigh = x.let(high.xor(sign).add(carry));
    const divisorSign = x.let(divisor.shrS(63));
    const positiveDivisor = x.let(divisor.xor(divisorSign).sub(divisorSign));
    f.if(positiveHigh.geU(positiveDivisor), divideError(x));
    const magnitude = x.invoke(divide128, positiveHigh, positiveLow, positiveDivisor);
    const quotientSign = x.let(sign.xor(divisorSign));
    // -2^63 is a quotient, 2^63 is not.
    f.if(magnitude.gtU(I64.const((1n << 63n) - 1n).sub(quotientSign)), divideError(x));
    f.set(quotient, magnitude.xor(quotientSign).sub(quotientSign));
  });
  writeQuotient(x, 64, quotient.value, x.let(low.sub(quotient.value.mul(divisor))));
}
