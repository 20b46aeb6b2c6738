/**
 * Names of WebAssembly's instructions by opcode, as its text format has them, and what follows an opcode in the code
 * (core specification, 5.4). Only what the builders of this folder can write.
 */

/** What follows an opcode. */
export type Follows =
  | "nothing"
  | "block"
  | "label"
  | "labels"
  | "function"
  | "indirect"
  | "local"
  | "types"
  | "memory"
  | "s32"
  | "s64"
  | "f32"
  | "f64"
  | "vector"
  | "lane"
  | "lanes"
  | "reserved"
  | "reserved2";

export interface Opcode {
  readonly name: string;
  readonly follows: Follows;
}

/** By opcode; those with a prefix as prefix byte · 0x1000 + number. */
export const opcodes = new Map<number, Opcode>();

/** Opcodes that follow each other from `first` on; a dash is one that the builders do not write. */
function row(first: number, names: string, follows: Follows = "nothing"): void {
  for (const [i, name] of names.trim().split(/\s+/).entries())
    if (name !== "-") opcodes.set(first + i, { name, follows });
}

row(0x00, "unreachable");
row(0x02, "block loop if", "block");
row(0x05, "else");
row(0x0b, "end");
row(0x0c, "br br_if", "label");
row(0x0e, "br_table", "labels");
row(0x0f, "return");
row(0x10, "call", "function");
row(0x11, "call_indirect", "indirect");
row(0x1a, "drop select");
row(0x1c, "select", "types");
row(0x20, "local.get local.set local.tee", "local");
row(
  0x28,
  `i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u
  i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u
  i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32`,
  "memory",
);
row(0x41, "i32.const", "s32");
row(0x42, "i64.const", "s64");
row(0x43, "f32.const", "f32");
row(0x44, "f64.const", "f64");

const compared = "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const counted = "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
const ordered = "eq ne lt gt le ge";
const reckoned = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign";
const of = (type: string, names: string) => names.replace(/[a-z]\w*/g, `${type}.$&`);

row(0x45, of("i32", compared));
row(0x50, of("i64", compared));
row(0x5b, of("f32", ordered));
row(0x61, of("f64", ordered));
row(0x67, of("i32", counted));
row(0x79, of("i64", counted));
row(0x8b, of("f32", reckoned));
row(0x99, of("f64", reckoned));
row(
  0xa7,
  `i32.wrap_i64 - - - - i64.extend_i32_s i64.extend_i32_u - - - -
  f32.convert_i32_s - f32.convert_i64_s - f32.demote_f64 f64.convert_i32_s - f64.convert_i64_s - f64.promote_f32
  i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
  i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s`,
);
row(0xfc000, "i32.trunc_sat_f32_s - i32.trunc_sat_f64_s - i64.trunc_sat_f32_s - i64.trunc_sat_f64_s -");
row(0xfc00a, "memory.copy", "reserved2");
row(0xfc00b, "memory.fill", "reserved");

// Vectors: 0xfd and a number.
const vector = (first: number, names: string, follows?: Follows) => row(0xfd000 + first, names, follows);
vector(0, "v128.load", "memory");
vector(11, "v128.store", "memory");
vector(12, "v128.const", "vector");
vector(13, "i8x16.shuffle", "lanes");
vector(14, "i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat");
vector(
  21,
  `i8x16.extract_lane_s i8x16.extract_lane_u i8x16.replace_lane
  i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane i32x4.extract_lane i32x4.replace_lane
  i64x2.extract_lane i64x2.replace_lane f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane`,
  "lane",
);
const laneCompared = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
vector(35, of("i8x16", laneCompared));
vector(45, of("i16x8", laneCompared));
vector(55, of("i32x4", laneCompared));
vector(65, of("f32x4", ordered));
vector(71, of("f64x2", ordered));
vector(77, of("v128", "not and andnot or xor bitselect any_true"));
vector(92, "v128.load32_zero v128.load64_zero", "memory");
vector(94, "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4");
vector(
  96,
  `i8x16.abs i8x16.neg i8x16.popcnt i8x16.all_true i8x16.bitmask i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u
  f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest
  i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u
  f64x2.ceil f64x2.floor i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u
  i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u
  i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u`,
);
vector(
  128,
  `i16x8.abs i16x8.neg i16x8.q15mulr_sat_s i16x8.all_true i16x8.bitmask i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
  i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u
  i16x8.shl i16x8.shr_s i16x8.shr_u i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u
  f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u - i16x8.avgr_u`,
);
const wide = (to: string, from: string) =>
  `${to}.extend_low_${from}_s ${to}.extend_high_${from}_s ${to}.extend_low_${from}_u ${to}.extend_high_${from}_u
  ${to}.shl ${to}.shr_s ${to}.shr_u ${to}.add - - ${to}.sub - - - ${to}.mul`;
const multiplied = (to: string, from: string) =>
  `${to}.extmul_low_${from}_s ${to}.extmul_high_${from}_s ${to}.extmul_low_${from}_u ${to}.extmul_high_${from}_u`;
vector(160, `i32x4.abs i32x4.neg - i32x4.all_true i32x4.bitmask - - ${wide("i32x4", "i16x8")}`);
vector(182, of("i32x4", "min_s min_u max_s max_u dot_i16x8_s"));
vector(188, multiplied("i32x4", "i16x8"));
vector(192, `i64x2.abs i64x2.neg - i64x2.all_true i64x2.bitmask - - ${wide("i64x2", "i32x4")}`);
vector(214, `${of("i64x2", "eq ne lt_s gt_s le_s ge_s")} ${multiplied("i64x2", "i32x4")}`);
vector(224, "f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub f32x4.mul f32x4.div");
vector(236, "f64x2.abs f64x2.neg - f64x2.sqrt f64x2.add f64x2.sub f64x2.mul f64x2.div");
vector(250, "f32x4.convert_i32x4_s");
vector(254, "f64x2.convert_low_i32x4_s");
