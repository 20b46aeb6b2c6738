/** Packed integer comparison and bitwise logic (SDM vol. 2: PCMPEQ* PCMPGT* PAND PANDN POR PXOR, ANDPS … XORPD). */
import { i8x16, i16x8, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import { type BinaryLane, binary } from "./simd-forms.js";

const comparisons: Record<string, BinaryLane> = {
  pcmpeqb: i8x16.eq,
  pcmpeqw: i16x8.eq,
  pcmpeqd: i32x4.eq,
  pcmpeqq: i64x2.eq,
  pcmpgtb: i8x16.gtS,
  pcmpgtw: i16x8.gtS,
  pcmpgtd: i32x4.gtS,
  pcmpgtq: i64x2.gtS,
};
for (const [name, operation] of Object.entries(comparisons)) binary(name, operation);

const logic: Record<string, BinaryLane> = {
  and: v128.and,
  // x86 complements the first source, WebAssembly the second.
  andn: (a, b) => v128.andnot(b, a),
  or: v128.or,
  xor: v128.xor,
};
for (const [name, operation] of Object.entries(logic)) {
  for (const mnemonic of [`p${name}`, `${name}ps`, `${name}pd`]) binary(mnemonic, operation);
}
