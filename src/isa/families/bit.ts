/**
 * Single bits and bit counts: BT BTS BTR BTC, BSF BSR, TZCNT LZCNT POPCNT (SDM vol. 2).
 */
import { I64, select } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { Flag } from "../flags.js";
import { cut, loadInteger } from "./integer.js";

type Change = ((value: I64, bit: I64) => I64) | undefined;

/** CF = the bit of `value` selected by `index`; the other flags stay (the manual leaves all but ZF undefined). */
function test(x: Emit, value: I64, index: I64): void {
  x.flags.replace(Flag.CF, x.let(value.shrU(index).and(1)));
}

/**
 * A bit offset in a register reaches beyond a memory operand: it is signed, and its upper bits select the
 * operand-sized piece of memory that holds the bit.
 */
function bitString(x: Emit, change: Change): void {
  const width = x.width(0);
  const offset = x.readSigned(1);
  const index = x.let(offset.and(width - 1));
  const piece = offset.shrS(Math.log2(width)).shl(Math.log2(width / 8));
  const address = x.let(cut(x.addressSize, x.effectiveAddress().add(piece)));
  const access = change ? "write" : "read";
  const linear = x.segmentAddress(undefined, address, access, width / 8);
  if (!change) {
    test(x, x.load(width, linear), index);
    return;
  }
  x.hostUpdate(linear, width / 8, (host) => {
    const old = x.let(loadInteger(width, host));
    test(x, old, index);
    x.f.storeInt(width, host, change(old, I64.const(1).shl(index)));
  });
}

function bitTest(mnemonic: string, change?: Change): void {
  define(
    mnemonic,
    (x) => {
      if (x.isMemory(0) && x.operands[1]!.kind === "gpr") {
        bitString(x, change);
        return;
      }
      const index = x.let(x.read(1).and(x.width(0) - 1));
      if (!change) {
        test(x, x.read(0), index);
        return;
      }
      x.update(0, (old) => {
        test(x, old, index);
        return change(old, I64.const(1).shl(index));
      });
    },
    { addressSize: true, long: true },
  );
}

bitTest("bt");
bitTest("bts", (value, bit) => value.or(bit));
bitTest("btr", (value, bit) => value.and(bit.not()));
bitTest("btc", (value, bit) => value.xor(bit));

/** BSF, BSR: a source of zero sets ZF and leaves the whole destination as it was. */
function bitScan(mnemonic: string, find: (source: I64) => I64): void {
  define(mnemonic, (x) => {
    const source = x.read(1);
    // All flags but ZF are undefined.
    x.flags.logic(x.width(0), source);
    x.f.if(source.ne(0), () => x.write(0, find(source)));
  });
}
bitScan("bsf", (source) => source.ctz());
bitScan("bsr", (source) => I64.const(63).sub(source.clz()));

/** TZCNT, LZCNT: CF for a source of zero, ZF for a result of zero. */
function countZeros(mnemonic: string, count: (width: number, source: I64) => I64): void {
  define(mnemonic, (x) => {
    const width = x.width(0);
    const source = x.read(1);
    const result = x.let(count(width, source));
    x.write(0, result);
    x.flags.result(width, result, source.eqz().toI64U());
  });
}
countZeros("tzcnt", (width, source) => (width === 64 ? source : source.or(1n << BigInt(width))).ctz());
countZeros("lzcnt", (width, source) => source.clz().sub(64 - width));

define("popcnt", (x) => {
  const source = x.read(1);
  x.write(0, source.popcnt());
  x.flags.explicit(select(source.eqz(), I64.const(Flag.ZF), I64.const(0)));
});
