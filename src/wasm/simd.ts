/**
 * Vector operations, one object per lane shape, named as in WebAssembly's text format (`i8x16.add(a, b)`).
 */
import { F32, F64, I32, I64, V128, type Value } from "./value.js";

const opcode = (n: number) => 0xfd000 + n;
const unary = (n: number) => (a: V128) => new V128(opcode(n), [a]);
const binary = (n: number) => (a: V128, b: V128) => new V128(opcode(n), [a, b]);
/** Shift of all lanes by an i32 count, taken modulo the lane width. */
const shift = (n: number) => (a: V128, count: I32 | number) => new V128(opcode(n), [a, I32.from(count)]);
const test = (n: number) => (a: V128) => new I32(opcode(n), [a]);

const splat =
  <V extends Value>(n: number) =>
  (a: V) =>
    new V128(opcode(n), [a]);
const replace =
  <V extends Value>(n: number) =>
  (a: V128, index: number, b: V) =>
    new V128(opcode(n), [a, b], index);
const extractI32 = (n: number) => (a: V128, index: number) => new I32(opcode(n), [a], index);

export const v128 = {
  not: unary(77),
  and: binary(78),
  /** `a & ~b`: note that x86's PANDN complements its first operand. */
  andnot: binary(79),
  or: binary(80),
  xor: binary(81),
  /** `(a & mask) | (b & ~mask)` */
  bitselect: (a: V128, b: V128, mask: V128) => new V128(opcode(82), [a, b, mask]),
  anyTrue: test(83),
};

export const i8x16 = {
  /** Byte i of the result is byte `lanes[i]` of the 32 bytes a:b (a first). */
  shuffle: (a: V128, b: V128, lanes: readonly number[]) =>
    new V128(opcode(13), [a, b], (out) => {
      for (const index of lanes) out.byte(index);
    }),
  /** Byte i is `a[select[i]]`, or 0 where select[i] > 15. */
  swizzle: binary(14),
  splat: splat<I32>(15),
  extractS: extractI32(21),
  extractU: extractI32(22),
  replace: replace<I32>(23),
  eq: binary(35),
  ne: binary(36),
  ltS: binary(37),
  ltU: binary(38),
  gtS: binary(39),
  gtU: binary(40),
  leS: binary(41),
  leU: binary(42),
  geS: binary(43),
  geU: binary(44),
  abs: unary(96),
  neg: unary(97),
  popcnt: unary(98),
  allTrue: test(99),
  bitmask: test(100),
  narrowS: binary(101),
  narrowU: binary(102),
  shl: shift(107),
  shrS: shift(108),
  shrU: shift(109),
  add: binary(110),
  addSatS: binary(111),
  addSatU: binary(112),
  sub: binary(113),
  subSatS: binary(114),
  subSatU: binary(115),
  minS: binary(118),
  minU: binary(119),
  maxS: binary(120),
  maxU: binary(121),
  avgrU: binary(123),
};

export const i16x8 = {
  splat: splat<I32>(16),
  extractS: extractI32(24),
  extractU: extractI32(25),
  replace: replace<I32>(26),
  eq: binary(45),
  ne: binary(46),
  ltS: binary(47),
  ltU: binary(48),
  gtS: binary(49),
  gtU: binary(50),
  extaddPairwiseI8S: unary(124),
  extaddPairwiseI8U: unary(125),
  abs: unary(128),
  neg: unary(129),
  q15mulrSatS: binary(130),
  allTrue: test(131),
  bitmask: test(132),
  narrowS: binary(133),
  narrowU: binary(134),
  extendLowI8S: unary(135),
  extendHighI8S: unary(136),
  extendLowI8U: unary(137),
  extendHighI8U: unary(138),
  shl: shift(139),
  shrS: shift(140),
  shrU: shift(141),
  add: binary(142),
  addSatS: binary(143),
  addSatU: binary(144),
  sub: binary(145),
  subSatS: binary(146),
  subSatU: binary(147),
  mul: binary(149),
  minS: binary(150),
  minU: binary(151),
  maxS: binary(152),
  maxU: binary(153),
  avgrU: binary(155),
};

export const i32x4 = {
  splat: splat<I32>(17),
  extract: extractI32(27),
  replace: replace<I32>(28),
  eq: binary(55),
  ne: binary(56),
  ltS: binary(57),
  ltU: binary(58),
  gtS: binary(59),
  gtU: binary(60),
  extaddPairwiseI16S: unary(126),
  extaddPairwiseI16U: unary(127),
  abs: unary(160),
  neg: unary(161),
  allTrue: test(163),
  bitmask: test(164),
  extendLowI16S: unary(167),
  extendHighI16S: unary(168),
  extendLowI16U: unary(169),
  extendHighI16U: unary(170),
  shl: shift(171),
  shrS: shift(172),
  shrU: shift(173),
  add: binary(174),
  sub: binary(177),
  mul: binary(181),
  minS: binary(182),
  minU: binary(183),
  maxS: binary(184),
  maxU: binary(185),
  /** Multiplies signed 16-bit lanes and adds neighbours: PMADDWD. */
  dotI16S: binary(186),
  extmulLowI16S: binary(188),
  extmulHighI16S: binary(189),
  extmulLowI16U: binary(190),
  extmulHighI16U: binary(191),
};

export const i64x2 = {
  splat: splat<I64>(18),
  extract: (a: V128, index: number) => new I64(opcode(29), [a], index),
  replace: replace<I64>(30),
  abs: unary(192),
  neg: unary(193),
  allTrue: test(195),
  bitmask: test(196),
  extendLowI32S: unary(199),
  extendHighI32S: unary(200),
  extendLowI32U: unary(201),
  extendHighI32U: unary(202),
  shl: shift(203),
  shrS: shift(204),
  shrU: shift(205),
  add: binary(206),
  sub: binary(209),
  mul: binary(213),
  eq: binary(214),
  ne: binary(215),
  ltS: binary(216),
  gtS: binary(217),
  leS: binary(218),
  geS: binary(219),
  extmulLowI32S: binary(220),
  extmulHighI32S: binary(221),
  extmulLowI32U: binary(222),
  extmulHighI32U: binary(223),
};

export const f32x4 = {
  splat: splat<F32>(19),
  extract: (a: V128, index: number) => new F32(opcode(31), [a], index),
  replace: replace<F32>(32),
  eq: binary(65),
  ne: binary(66),
  lt: binary(67),
  gt: binary(68),
  le: binary(69),
  ge: binary(70),
  demoteF64Zero: unary(94),
  ceil: unary(103),
  floor: unary(104),
  trunc: unary(105),
  nearest: unary(106),
  abs: unary(224),
  neg: unary(225),
  sqrt: unary(227),
  add: binary(228),
  sub: binary(229),
  mul: binary(230),
  div: binary(231),
  convertI32S: unary(250),
};

export const f64x2 = {
  splat: splat<F64>(20),
  extract: (a: V128, index: number): F64 => {
    const value = new F64(opcode(33), [a], index);
    value.plain = index === 0 && a.plainLow;
    return value;
  },
  replace: (a: V128, index: number, value: F64): V128 => {
    const replaced = new V128(opcode(34), [a, value], index);
    replaced.plainLow = index === 0 ? value.plain : a.plainLow;
    return replaced;
  },
  eq: binary(71),
  ne: binary(72),
  lt: binary(73),
  gt: binary(74),
  le: binary(75),
  ge: binary(76),
  promoteLowF32: unary(95),
  ceil: unary(116),
  floor: unary(117),
  trunc: unary(122),
  nearest: unary(148),
  abs: unary(236),
  neg: unary(237),
  sqrt: unary(239),
  add: binary(240),
  sub: binary(241),
  mul: binary(242),
  div: binary(243),
  convertLowI32S: unary(254),
};
