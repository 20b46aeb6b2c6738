/**
 * Integer values (see value.ts).
 */
import { type Immediates, NONE, Value } from "./expression.js";
import { F32, F64 } from "./float.js";

/** Integers are accepted wherever an I32 or I64 is: they become constants. */
export type IntoI32 = I32 | number;
export type IntoI64 = I64 | number | bigint;

export class I32 extends Value {
  readonly type = "i32";
  constructor(
    opcode: number,
    operands: readonly Value[],
    immediates?: Immediates,
    atomic = false,
    readonly constant?: number,
  ) {
    super(opcode, operands, immediates, atomic);
  }
  static const(value: number): I32 {
    const constant = value | 0;
    return new I32(0x41, NONE, constant, true, constant);
  }
  static from(value: IntoI32): I32 {
    return typeof value === "number" ? I32.const(value) : value;
  }
  private op(opcode: number, b: IntoI32, fold?: (x: number, y: number) => number): I32 {
    const right = I32.from(b);
    if (fold && this.constant !== undefined && right.constant !== undefined) {
      return I32.const(fold(this.constant, right.constant));
    }
    return new I32(opcode, [this, right]);
  }
  eqz(): I32 {
    return this.constant !== undefined ? I32.const(this.constant === 0 ? 1 : 0) : new I32(0x45, [this]);
  }
  eq(b: IntoI32): I32 {
    return this.op(0x46, b, (x, y) => (x === y ? 1 : 0));
  }
  ne(b: IntoI32): I32 {
    return this.op(0x47, b, (x, y) => (x !== y ? 1 : 0));
  }
  ltS(b: IntoI32): I32 {
    return this.op(0x48, b, (x, y) => (x < y ? 1 : 0));
  }
  ltU(b: IntoI32): I32 {
    return this.op(0x49, b, (x, y) => (x >>> 0 < y >>> 0 ? 1 : 0));
  }
  gtS(b: IntoI32): I32 {
    return this.op(0x4a, b, (x, y) => (x > y ? 1 : 0));
  }
  gtU(b: IntoI32): I32 {
    return this.op(0x4b, b, (x, y) => (x >>> 0 > y >>> 0 ? 1 : 0));
  }
  leS(b: IntoI32): I32 {
    return this.op(0x4c, b, (x, y) => (x <= y ? 1 : 0));
  }
  leU(b: IntoI32): I32 {
    return this.op(0x4d, b, (x, y) => (x >>> 0 <= y >>> 0 ? 1 : 0));
  }
  geS(b: IntoI32): I32 {
    return this.op(0x4e, b, (x, y) => (x >= y ? 1 : 0));
  }
  geU(b: IntoI32): I32 {
    return this.op(0x4f, b, (x, y) => (x >>> 0 >= y >>> 0 ? 1 : 0));
  }
  clz(): I32 {
    return new I32(0x67, [this]);
  }
  ctz(): I32 {
    return new I32(0x68, [this]);
  }
  popcnt(): I32 {
    return new I32(0x69, [this]);
  }
  add(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x6a, right, (x, y) => x + y);
  }
  sub(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x6b, right, (x, y) => x - y);
  }
  mul(b: IntoI32): I32 {
    return this.op(0x6c, b, Math.imul);
  }
  divS(b: IntoI32): I32 {
    return this.op(0x6d, b);
  }
  divU(b: IntoI32): I32 {
    return this.op(0x6e, b);
  }
  remS(b: IntoI32): I32 {
    return this.op(0x6f, b);
  }
  remU(b: IntoI32): I32 {
    return this.op(0x70, b);
  }
  and(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === -1) return this;
    return this.op(0x71, right, (x, y) => x & y);
  }
  or(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x72, right, (x, y) => x | y);
  }
  xor(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x73, right, (x, y) => x ^ y);
  }
  shl(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x74, right, (x, y) => x << y);
  }
  shrS(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x75, right, (x, y) => x >> y);
  }
  shrU(b: IntoI32): I32 {
    const right = I32.from(b);
    if (right.constant === 0) return this;
    return this.op(0x76, right, (x, y) => x >>> y);
  }
  rotl(b: IntoI32): I32 {
    return this.op(0x77, b);
  }
  rotr(b: IntoI32): I32 {
    return this.op(0x78, b);
  }
  extend8S(): I32 {
    return this.constant !== undefined ? I32.const((this.constant << 24) >> 24) : new I32(0xc0, [this]);
  }
  extend16S(): I32 {
    return this.constant !== undefined ? I32.const((this.constant << 16) >> 16) : new I32(0xc1, [this]);
  }
  /** Sign-extends to 64 bits. */
  toI64S(): I64 {
    return this.constant !== undefined ? I64.const(BigInt(this.constant)) : new I64(0xac, [this]);
  }
  /** Zero-extends to 64 bits. */
  toI64U(): I64 {
    if (this.constant !== undefined) return I64.const(BigInt(this.constant >>> 0));
    return I64.extended(this, new I64(0xad, [this]));
  }
  toF32S(): F32 {
    return new F32(0xb2, [this]);
  }
  toF64S(): F64 {
    return F64.plain(new F64(0xb7, [this]));
  }
  asF32(): F32 {
    return new F32(0xbe, [this]);
  }
}

export class I64 extends Value {
  readonly type = "i64";
  /** All bits from this one on are known to be zero. */
  bits = 64;
  /** What it was converted from without loss, so that converting back costs nothing. */
  private from32: I32 | undefined;
  private fromDouble: F64 | undefined;
  constructor(
    opcode: number,
    operands: readonly Value[],
    immediates?: Immediates,
    atomic = false,
    readonly constant?: bigint,
  ) {
    super(opcode, operands, immediates, atomic);
  }
  /** The zero-extended `value`, which `operation` computes. */
  static extended(value: I32, operation: I64): I64 {
    operation.bits = 32;
    operation.from32 = value;
    return operation;
  }
  /** The bits of `value`. */
  static bitsOf(value: F64): I64 {
    const bits = new I64(0xbd, [value]);
    bits.fromDouble = value;
    return bits;
  }
  /** `bits`, which are those of `value`. */
  static asDouble(bits: I64, value: F64): I64 {
    bits.fromDouble = value;
    return bits;
  }
  /** The double whose bits these are, where it is at hand. */
  get double(): F64 | undefined {
    return this.fromDouble;
  }
  static const(value: number | bigint): I64 {
    // Most are small, and calculating with big ones takes long.
    if (typeof value === "number" && value === (value | 0))
      return new I64(0x42, NONE, value, true, BigInt(value));
    const constant = BigInt.asIntN(64, BigInt(value));
    return new I64(0x42, NONE, (out) => out.s64(constant), true, constant);
  }
  static from(value: IntoI64): I64 {
    return value instanceof I64 ? value : I64.const(value);
  }
  private op(opcode: number, b: IntoI64, fold?: (x: bigint, y: bigint) => bigint): I64 {
    const right = I64.from(b);
    if (fold && this.constant !== undefined && right.constant !== undefined) {
      return I64.const(fold(this.constant, right.constant));
    }
    return new I64(opcode, [this, right]);
  }
  private compare(opcode: number, b: IntoI64, fold: (x: bigint, y: bigint) => boolean): I32 {
    const right = I64.from(b);
    if (this.constant !== undefined && right.constant !== undefined) {
      return I32.const(fold(this.constant, right.constant) ? 1 : 0);
    }
    return new I32(opcode, [this, right]);
  }
  eqz(): I32 {
    return this.constant !== undefined ? I32.const(this.constant === 0n ? 1 : 0) : new I32(0x50, [this]);
  }
  eq(b: IntoI64): I32 {
    return this.compare(0x51, b, (x, y) => x === y);
  }
  ne(b: IntoI64): I32 {
    return this.compare(0x52, b, (x, y) => x !== y);
  }
  ltS(b: IntoI64): I32 {
    return this.compare(0x53, b, (x, y) => x < y);
  }
  ltU(b: IntoI64): I32 {
    return this.compare(0x54, b, (x, y) => BigInt.asUintN(64, x) < BigInt.asUintN(64, y));
  }
  gtS(b: IntoI64): I32 {
    return this.compare(0x55, b, (x, y) => x > y);
  }
  gtU(b: IntoI64): I32 {
    return this.compare(0x56, b, (x, y) => BigInt.asUintN(64, x) > BigInt.asUintN(64, y));
  }
  leS(b: IntoI64): I32 {
    return this.compare(0x57, b, (x, y) => x <= y);
  }
  leU(b: IntoI64): I32 {
    return this.compare(0x58, b, (x, y) => BigInt.asUintN(64, x) <= BigInt.asUintN(64, y));
  }
  geS(b: IntoI64): I32 {
    return this.compare(0x59, b, (x, y) => x >= y);
  }
  geU(b: IntoI64): I32 {
    return this.compare(0x5a, b, (x, y) => BigInt.asUintN(64, x) >= BigInt.asUintN(64, y));
  }
  clz(): I64 {
    return new I64(0x79, [this]);
  }
  ctz(): I64 {
    return new I64(0x7a, [this]);
  }
  popcnt(): I64 {
    return new I64(0x7b, [this]);
  }
  add(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    return this.op(0x7c, right, (x, y) => x + y);
  }
  sub(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    return this.op(0x7d, right, (x, y) => x - y);
  }
  mul(b: IntoI64): I64 {
    return this.op(0x7e, b, (x, y) => x * y);
  }
  divS(b: IntoI64): I64 {
    return this.op(0x7f, b);
  }
  divU(b: IntoI64): I64 {
    return this.op(0x80, b);
  }
  remS(b: IntoI64): I64 {
    return this.op(0x81, b);
  }
  remU(b: IntoI64): I64 {
    return this.op(0x82, b);
  }
  and(b: IntoI64): I64 {
    const right = I64.from(b);
    const mask = right.constant;
    if (mask === undefined) return this.op(0x83, right);
    if (mask === -1n) return this;
    const bits = lowMask(mask);
    if (bits < 64 && this.bits <= bits) return this;
    const cut = this.op(0x83, right, (x, y) => x & y);
    cut.bits = Math.min(this.bits, bits);
    return cut;
  }
  or(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    return this.op(0x84, right, (x, y) => x | y);
  }
  xor(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    return this.op(0x85, right, (x, y) => x ^ y);
  }
  shl(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    return this.op(0x86, right, (x, y) => x << (y & 63n));
  }
  shrS(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    return this.op(0x87, right, (x, y) => x >> (y & 63n));
  }
  shrU(b: IntoI64): I64 {
    const right = I64.from(b);
    if (right.constant === 0n) return this;
    const shifted = this.op(0x88, right, (x, y) => BigInt.asUintN(64, x) >> (y & 63n));
    if (right.constant !== undefined) shifted.bits = Math.max(0, this.bits - Number(right.constant & 63n));
    return shifted;
  }
  rotl(b: IntoI64): I64 {
    return this.op(0x89, b);
  }
  rotr(b: IntoI64): I64 {
    return this.op(0x8a, b);
  }
  extend8S(): I64 {
    return new I64(0xc2, [this]);
  }
  extend16S(): I64 {
    return new I64(0xc3, [this]);
  }
  extend32S(): I64 {
    return new I64(0xc4, [this]);
  }
  /** The low 32 bits. */
  toI32(): I32 {
    if (this.from32) return this.from32;
    return this.constant !== undefined
      ? I32.const(Number(BigInt.asIntN(32, this.constant)))
      : new I32(0xa7, [this]);
  }
  not(): I64 {
    return this.xor(-1n);
  }
  toF32S(): F32 {
    return new F32(0xb4, [this]);
  }
  toF64S(): F64 {
    return F64.plain(new F64(0xb9, [this]));
  }
  asF64(): F64 {
    return this.fromDouble ?? new F64(0xbf, [this]);
  }
}

/** How many ones a mask consists of; 64 if it is not just ones from bit 0 on. */
function lowMask(mask: bigint): number {
  if (mask === 0xffffffffn) return 32;
  if (mask === 0xffn) return 8;
  if (mask === 0xffffn) return 16;
  return 64;
}
