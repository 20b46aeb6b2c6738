/**
 * Floating-point and vector values (see value.ts).
 */
import { Value } from "./expression.js";
import { I32, I64 } from "./integer.js";

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
  /** Known to be neither a NaN, nor infinite, nor denormal. */
  plain = false;
  /** `value`, of which that is known. */
  static plain(value: F64): F64 {
    value.plain = true;
    return value;
  }
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
    return I64.bitsOf(this);
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
  /** Its lower half is a double that is {@link F64.plain}. */
  plainLow = false;
  /** A constant from its two 64-bit halves. */
  static const(low: bigint, high: bigint): V128 {
    return new V128(
      0xfd00c,
      [],
      (out) => {
        for (const half of [low, high])
          for (let i = 0n; i < 64n; i += 8n) out.byte(Number((half >> i) & 0xffn));
      },
      true,
    );
  }
}
