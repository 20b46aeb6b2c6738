/**
 * CRC32: the cyclic redundancy check with the Castagnoli polynomial (SDM vol. 2).
 */
import { I32 } from "../../wasm/value.js";
import { define } from "../emit.js";

/** 11EDC6F41H, its bits reversed because the lowest bit of the data is its highest coefficient. */
const POLYNOMIAL = 0x82f63b78n;

define("crc32", (x) => {
  const { f } = x;
  const width = x.width(1);
  const data = x.read(1);
  // One bit of data leaves on the right in every step; bits beyond 32 are data still to come.
  const remainder = f.local("i64");
  f.set(remainder, x.read(0).and(0xffffffffn).xor(data));
  const left = f.local("i32");
  f.set(left, I32.const(width));
  f.loop((again) => {
    const subtract = remainder.value.and(1).mul(POLYNOMIAL);
    f.set(remainder, remainder.value.shrU(1).xor(subtract));
    f.set(left, left.value.sub(1));
    f.brIf(again, left.value);
  });
  x.write(0, remainder.value);
});
