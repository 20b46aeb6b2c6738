/**
 * Values: typed WebAssembly expressions.
 *
 * A value is a pure description. It becomes code where a statement of a {@link FunctionBuilder} uses it, and
 * once for every use, so a value that is used twice, or that reads something which changes later, is first
 * fixed with `f.let(…)`. Operations on constants fold at once: a semantic function that is given constants
 * emits only what is left to do at run time.
 */
import type { ByteWriter } from "./bytes.js";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

export const typeByte: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

export interface TypeMap {
  i32: I32;
  i64: I64;
  f32: F32;
  f64: F64;
  v128: V128;
}

/** What follows an opcode in the code (a memory offset, a lane, an index). */
type Immediates = (out: ByteWriter) => void;

export abstract class Value {
  abstract readonly type: ValueType;
  constructor(
    /** Opcode; SIMD and miscellaneous ones as prefix byte · 0x1000 + number; -1: `immediates` writes everything. */
    private readonly opcode: number,
    private readonly operands: readonly Value[],
    private readonly immediates?: Immediates,
    /** True for a local or a constant: using it twice costs nothing and it never changes by itself. */
    readonly atomic: boolean = false,
  ) {}

  /** Writes the code that leaves this value on the stack. */
  emit(out: ByteWriter): void {
    for (const operand of this.operands) operand.emit(out);
    if (this.opcode >= 0x1000) {
      out.byte(this.opcode >> 12);
      out.u32(this.opcode & 0xfff);
    } else if (this.opcode >= 0) out.byte(this.opcode);
    this.immediates?.(out);
  }
}

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
    return new I32(0x41, [], (out) => out.s32(constant), true, constant);
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
    return this.constant !== undefined ? I64.const(BigInt(this.constant >>> 0)) : new I64(0xad, [this]);
  }
  toF32S(): F32 {
    return new F32(0xb2, [this]);
  }
  toF64S(): F64 {
    return new F64(0xb7, [this]);
  }
  asF32(): F32 {
    return new F32(0xbe, [this]);
  }
}

export class I64 extends Value {
  readonly type = "i64";
  constructor(
    opcode: number,
    operands: readonly Value[],
    immediates?: Immediates,
    atomic = false,
    readonly constant?: bigint,
  ) {
    super(opcode, operands, immediates, atomic);
  }
  static const(value: number | bigint): I64 {
    const constant = BigInt.asIntN(64, BigInt(value));
    return new I64(0x42, [], (out) => out.s64(constant), true, constant);
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
    if (right.constant === -1n) return this;
    return this.op(0x83, right, (x, y) => x & y);
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
    return this.op(0x88, right, (x, y) => BigInt.asUintN(64, x) >> (y & 63n));
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
    return new F64(0xb9, [this]);
  }
  asF64(): F64 {
    return new F64(0xbf, [this]);
  }
}

export class F32 extends Value {
  readonly type = "f32";
  static const(value: number): F32 {
    return new F32(0x43, [], (out) => out.f32(value), true);
  }
  eq(b: F32): I32 {
    return new I32(0x5b, [this, b]);
  }
  ne(b: F32): I32 {
    return new I32(0x5c, [this, b]);
  }
  lt(b: F32): I32 {
    return new I32(0x5d, [this, b]);
  }
  gt(b: F32): I32 {
    return new I32(0x5e, [this, b]);
  }
  le(b: F32): I32 {
    return new I32(0x5f, [this, b]);
  }
  ge(b: F32): I32 {
    return new I32(0x60, [this, b]);
  }
  abs(): F32 {
    return new F32(0x8b, [this]);
  }
  neg(): F32 {
    return new F32(0x8c, [this]);
  }
  nearest(): F32 {
    return new F32(0x90, [this]);
  }
  sqrt(): F32 {
    return new F32(0x91, [this]);
  }
  add(b: F32): F32 {
    return new F32(0x92, [this, b]);
  }
  sub(b: F32): F32 {
    return new F32(0x93, [this, b]);
  }
  mul(b: F32): F32 {
    return new F32(0x94, [this, b]);
  }
  div(b: F32): F32 {
    return new F32(0x95, [this, b]);
  }
  toF64(): F64 {
    return new F64(0xbb, [this]);
  }
  asI32(): I32 {
    return new I32(0xbc, [this]);
  }
  /** Truncates to a signed integer, saturating. */
  truncSatI32S(): I32 {
    return new I32(0xfc000, [this]);
  }
  truncSatI64S(): I64 {
    return new I64(0xfc004, [this]);
  }
}

export class F64 extends Value {
  readonly type = "f64";
  static const(value: number): F64 {
    return new F64(0x44, [], (out) => out.f64(value), true);
  }
  eq(b: F64): I32 {
    return new I32(0x61, [this, b]);
  }
  ne(b: F64): I32 {
    return new I32(0x62, [this, b]);
  }
  lt(b: F64): I32 {
    return new I32(0x63, [this, b]);
  }
  gt(b: F64): I32 {
    return new I32(0x64, [this, b]);
  }
  le(b: F64): I32 {
    return new I32(0x65, [this, b]);
  }
  ge(b: F64): I32 {
    return new I32(0x66, [this, b]);
  }
  abs(): F64 {
    return new F64(0x99, [this]);
  }
  neg(): F64 {
    return new F64(0x9a, [this]);
  }
  nearest(): F64 {
    return new F64(0x9e, [this]);
  }
  sqrt(): F64 {
    return new F64(0x9f, [this]);
  }
  add(b: F64): F64 {
    return new F64(0xa0, [this, b]);
  }
  sub(b: F64): F64 {
    return new F64(0xa1, [this, b]);
  }
  mul(b: F64): F64 {
    return new F64(0xa2, [this, b]);
  }
  div(b: F64): F64 {
    return new F64(0xa3, [this, b]);
  }
  toF32(): F32 {
    return new F32(0xb6, [this]);
  }
  asI64(): I64 {
    return new I64(0xbd, [this]);
  }
  truncSatI32S(): I32 {
    return new I32(0xfc002, [this]);
  }
  truncSatI64S(): I64 {
    return new I64(0xfc006, [this]);
  }
}

/** A 128-bit vector. Its operations are in `simd.ts`, one object per lane shape. */
export class V128 extends Value {
  readonly type = "v128";
  /** A constant from its two 64-bit halves. */
  static const(low: bigint, high: bigint): V128 {
    return new V128(
      0xfd00c,
      [],
      (out) => {
        for (const half of [low, high]) for (let i = 0n; i < 64n; i += 8n) out.byte(Number((half >> i) & 0xffn));
      },
      true,
    );
  }
}

/** `condition ? a : b`, both evaluated. */
export function select<V extends Value>(condition: I32, a: V, b: V): V {
  if (condition.constant !== undefined) return condition.constant !== 0 ? a : b;
  return make(a.type, a.type === "v128" ? -1 : 0x1b, [a, b, condition], (out) => {
    // `select` without a type serves numbers only; vectors name theirs.
    if (a.type === "v128") {
      out.byte(0x1c);
      out.byte(1);
      out.byte(typeByte.v128);
    }
  }) as Value as V;
}

/** Makes a value of a type that is known only as data. */
export function make<T extends ValueType>(
  type: T,
  opcode: number,
  operands: readonly Value[],
  immediates?: Immediates,
  atomic = false,
): TypeMap[T] {
  const classes = { i32: I32, i64: I64, f32: F32, f64: F64, v128: V128 };
  return new classes[type](opcode, operands, immediates, atomic) as TypeMap[T];
}
