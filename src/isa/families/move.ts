/**
 * Moving integers: MOV and its segment, control and debug register forms, MOVZX MOVSX MOVSXD MOVBE BSWAP
 * XLAT LEA, the sign extensions of the accumulator, CMOVcc SETcc, LAHF SAHF, MOVNTI MOVDIRI MOVDIR64B (SDM
 * vol. 2).
 */
import { load } from "../../wasm/function.js";
import { I64, select } from "../../wasm/value.js";
import { define, type Emit, Register, Vector } from "../emit.js";
import { conditions } from "../flag-emit.js";
import { Flag } from "../flags.js";
import { helper } from "../helper.js";
import { Segment } from "../instruction.js";
import { cut, readSelector, reverseBytes, signExtend } from "./integer.js";
import { moveToSegment } from "./segment-load.js";

const { RAX, RBX, RDX } = Register;

/** (number of CR) -> its value */
const readControlRegister = helper("readControlRegister", ["i32"], "i64");
/** (number of CR, value) */
const writeControlRegister = helper("writeControlRegister", ["i32", "i64"], "i32");
const readDebugRegister = helper("readDebugRegister", ["i32"], "i64");
const writeDebugRegister = helper("writeDebugRegister", ["i32", "i64"], "i32");

define("mov", (x) => {
  const to = x.operands[0]!.kind;
  const from = x.operands[1]!.kind;
  if (to === "seg") moveToSegment(x);
  else if (to === "cr") x.control(writeControlRegister, x.registerNumber(0), x.read(1));
  else if (to === "dr") x.control(writeDebugRegister, x.registerNumber(0), x.read(1));
  else if (from === "cr") x.write(0, x.call(readControlRegister, x.registerNumber(1)));
  else if (from === "dr") x.write(0, x.call(readDebugRegister, x.registerNumber(1)));
  else x.write(0, from === "seg" ? readSelector(x, 1) : x.read(1));
});

define(["movzx", "movnti", "movdiri"], (x) => x.write(0, x.read(1)));
define(["movsx", "movsxd"], (x) => x.write(0, x.readSigned(1)));
define("movbe", (x) => x.write(0, reverseBytes(x, x.width(0), x.read(1))));

define("bswap", (x) => {
  // With 16-bit operands the result is undefined; processors give zero.
  if (x.width(0) === 16) x.write(0, I64.const(0));
  else x.write(0, reverseBytes(x, x.width(0), x.read(0)));
});

define(
  "movdir64b",
  (x) => {
    const from = x.hostRead(x.linearAddress(1, "read", 64), 64);
    const parts = [0, 16, 32, 48].map((offset) => x.let(load.v128(from, offset)));
    const to = x.segmentAddress(Segment.ES, x.read(0), "write", 64);
    x.f.if(to.and(63).ne(0), () => x.fault(Vector.GP, 0));
    x.hostWrite(to, 64, (host) => {
      for (const [i, part] of parts.entries()) x.f.store(host, part, i * 16);
    });
  },
  { addressSize: true, long: true },
);

define("lea", (x) => x.write(0, x.effectiveAddress()), { addressSize: true });

define(
  "xlat",
  (x) => {
    const size = x.addressSize;
    const offset = x.readRegister(RBX, size).add(x.readRegister(RAX, 8));
    const linear = x.segmentAddress(undefined, x.let(cut(size, offset)), "read", 1);
    x.writeRegister(RAX, 8, x.load(8, linear));
  },
  { addressSize: true, long: true },
);

/** CBW, CWDE, CDQE: the accumulator from half its width. */
function widen(mnemonic: string, width: number): void {
  define(mnemonic, (x) => {
    x.writeRegister(RAX, width, signExtend(width / 2, x.readRegister(RAX, width / 2)));
  });
}
widen("cbw", 16);
widen("cwde", 32);
widen("cdqe", 64);

/** CWD, CDQ, CQO: the sign of the accumulator into every bit of rDX. */
function spreadSign(mnemonic: string, width: number): void {
  define(mnemonic, (x) => {
    x.writeRegister(RDX, width, signExtend(width, x.readRegister(RAX, width)).shrS(63));
  });
}
spreadSign("cwd", 16);
spreadSign("cdq", 32);
spreadSign("cqo", 64);

for (const condition of conditions) {
  define(`cmov${condition}`, (x) => {
    // The source is read, and a 32-bit destination zero-extended, whether or not the condition holds.
    const source = x.read(1);
    x.write(0, select(x.flags.condition(condition), source, x.read(0)));
  });
  define(`set${condition}`, (x) => x.write(0, x.flags.condition(condition).toI64U()));
}

/** The flags that LAHF and SAHF move, at the same bits of AH. Bit 1 reads as 1. */
const LOW_FLAGS = Flag.SF | Flag.ZF | Flag.AF | Flag.PF | Flag.CF;

const high = (x: Emit) => x.readRegister(RAX, 16).shrU(8);

define("lahf", (x) => {
  const flags = x.flags.all().toI64U().and(LOW_FLAGS).or(2).shl(8);
  x.writeRegister(RAX, 16, x.readRegister(RAX, 8).or(flags));
});

define("sahf", (x) => x.flags.replace(LOW_FLAGS, x.let(high(x))));
