/**
 * SHA-1 and SHA-256 rounds and message schedules (SDM vol. 2: SHA1* SHA256*; FIPS 180-4). Legacy encoding only. Word 3
 * is the uppermost doubleword of a vector.
 */
import { i32x4 } from "../../wasm/simd.js";
import { I32, select, type V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { zero } from "./simd-forms.js";

type Words = readonly [I32, I32, I32, I32];

const split = (x: Emit, value: V128): Words =>
  [0, 1, 2, 3].map((i) => x.let(i32x4.extract(value, i))) as unknown as Words;
const join = (words: Words): V128 =>
  words.reduce<V128>((value, word, i) => i32x4.replace(value, i, word), zero);

/** Operand 0 = function of the words of operands 0 and 1. */
function words(name: string, operation: (a: Words, b: Words, x: Emit) => Words): void {
  define(name, (x) => {
    const b = split(x, x.readVector(1));
    const a = split(x, x.readVector(0));
    x.writeLanes(0, [join(operation(a, b, x))]);
  });
}

// --- SHA-1 ---

words("sha1nexte", (a, b) => [b[0], b[1], b[2], b[3].add(a[3].rotl(30))]);
words("sha1msg1", (a, b) => [a[0].xor(b[2]), a[1].xor(b[3]), a[2].xor(a[0]), a[3].xor(a[1])]);
words("sha1msg2", (a, b, x) => {
  const w16 = x.let(a[3].xor(b[2]).rotl(1));
  return [a[0].xor(w16).rotl(1), a[1].xor(b[0]).rotl(1), a[2].xor(b[1]).rotl(1), w16];
});

const choose = (b: I32, c: I32, d: I32) => c.xor(d).and(b).xor(d);
const majority = (b: I32, c: I32, d: I32) => b.and(c).or(b.or(c).and(d));
const parity = (b: I32, c: I32, d: I32) => b.xor(c).xor(d);

define("sha1rnds4", (x) => {
  const schedule = split(x, x.readVector(1));
  let [d, c, b, a] = split(x, x.readVector(0)) as [I32, I32, I32, I32];
  const step = x.immediate(2).and(3);
  const byStep = (values: readonly I32[]) =>
    select(
      step.and(2),
      select(step.and(1), values[3]!, values[2]!),
      select(step.and(1), values[1]!, values[0]!),
    );
  const constant = x.let(byStep([0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6].map(I32.const)));
  // Word 3 already contains E.
  let e = I32.const(0);
  for (const word of [3, 2, 1, 0]) {
    const same = x.let(parity(b, c, d));
    const mixed = byStep([choose(b, c, d), same, majority(b, c, d), same]);
    const next = x.let(mixed.add(a.rotl(5)).add(schedule[word]!).add(e).add(constant));
    [a, b, c, d, e] = [next, a, x.let(b.rotl(30)), c, d];
  }
  x.writeLanes(0, [join([d, c, b, a])]);
});

// --- SHA-256 ---

const rotations =
  (first: number, second: number) =>
  (value: I32): I32 =>
    value.rotr(first).xor(value.rotr(second));
const sum0 = (value: I32) => rotations(2, 13)(value).xor(value.rotr(22));
const sum1 = (value: I32) => rotations(6, 11)(value).xor(value.rotr(25));
const schedule0 = (value: I32) => rotations(7, 18)(value).xor(value.shrU(3));
const schedule1 = (value: I32) => rotations(17, 19)(value).xor(value.shrU(10));

words("sha256msg1", (a, b) => [
  a[0].add(schedule0(a[1])),
  a[1].add(schedule0(a[2])),
  a[2].add(schedule0(a[3])),
  a[3].add(schedule0(b[0])),
]);
words("sha256msg2", (a, b, x) => {
  const w16 = x.let(a[0].add(schedule1(b[2])));
  const w17 = x.let(a[1].add(schedule1(b[3])));
  return [w16, w17, a[2].add(schedule1(w16)), a[3].add(schedule1(w17))];
});

define("sha256rnds2", (x) => {
  const keys = x.readVector(2);
  let [f, e, b, a] = split(x, x.readVector(1)) as [I32, I32, I32, I32];
  let [h, g, d, c] = split(x, x.readVector(0)) as [I32, I32, I32, I32];
  for (const round of [0, 1]) {
    const key = i32x4.extract(keys, round);
    const first = x.let(choose(e, f, g).add(sum1(e)).add(key).add(h));
    const next = x.let(first.add(majority(a, b, c)).add(sum0(a)));
    [h, g, f, e, d, c, b, a] = [g, f, e, x.let(first.add(d)), c, b, a, next];
  }
  x.writeLanes(0, [join([f, e, b, a])]);
});
