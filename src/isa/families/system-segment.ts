/**
 * Segment and descriptor-table registers: LDS LES LFS LGS LSS, LLDT LTR SLDT STR, LGDT LIDT SGDT SIDT, LAR LSL
 * VERR VERW, SWAPGS and the instructions for the bases of FS and GS (SDM vol. 2).
 */
import { I32, I64, select } from "../../wasm/value.js";
import { isNonCanonical } from "../code-limit.js";
import { define, type Emit, Vector } from "../emit.js";
import { Flag } from "../flags.js";
import { type Helper, helper } from "../helper.js";
import { Segment } from "../instruction.js";
import { CPL, CR4, KERNEL_GS_BASE, SEGMENT_BASE } from "../state.js";

/** (segment, selector): without the interrupt shadow that MOV SS has. */
const loadFarPointer = helper("loadFarPointer", ["i32", "i32"]);
/** (selector) */
const loadLdtr = helper("loadLdtr", ["i32"]);
const loadTaskRegister = helper("loadTaskRegister", ["i32"]);
/** (index of LDTR or TR in the state) -> selector */
const storeSystemSelector = helper("storeSystemSelector", ["i32"], "i64");
/** (0 GDTR, 1 IDTR; linear address; operand size in bits) */
const loadTable = helper("loadTable", ["i32", "i64", "i32"]);
const storeTable = helper("storeTable", ["i32", "i64"]);
/** (selector) -> what was asked for, or -1 */
const loadAccessRights = helper("loadAccessRights", ["i32"], "i64");
const loadSegmentLimit = helper("loadSegmentLimit", ["i32"], "i64");
/** (selector) -> 0 or 1 */
const verifyRead = helper("verifyRead", ["i32"], "i32");
const verifyWrite = helper("verifyWrite", ["i32"], "i32");

const LDTR = 6;
const TR = 7;
const selectorOf = (x: Emit, i: number): I32 => x.read(i).toI32().and(0xffff);

for (const [mnemonic, segment] of [
  ["les", Segment.ES],
  ["lss", Segment.SS],
  ["lds", Segment.DS],
  ["lfs", Segment.FS],
  ["lgs", Segment.GS],
] as const) {
  define(
    mnemonic,
    (x) => {
      const size = x.operandSize;
      const pointer = x.linearAddress(1, "read");
      const offset = x.load(size, pointer);
      const selector = x.load(16, x.let(pointer.add(size / 8)));
      x.run(loadFarPointer, I32.const(segment), selector.toI32());
      x.write(0, offset);
    },
    // Whether the data segments are flat decides how the following memory operands decode.
    { operandSize: true, endsBlock: true },
  );
}

define("lldt", (x) => x.run(loadLdtr, selectorOf(x, 0)));
define("ltr", (x) => x.run(loadTaskRegister, selectorOf(x, 0)));
define("sldt", (x) => x.write(0, x.call(storeSystemSelector, I32.const(LDTR))));
define("str", (x) => x.write(0, x.call(storeSystemSelector, I32.const(TR))));

for (const [table, number] of [
  ["gdt", 0],
  ["idt", 1],
] as const) {
  define(
    `l${table}`,
    (x) => x.run(loadTable, I32.const(number), x.linearAddress(0, "read"), I32.const(x.operandSize)),
    { operandSize: true },
  );
  define(`s${table}`, (x) => x.run(storeTable, I32.const(number), x.linearAddress(0, "write")));
}

function setZero(x: Emit, condition: I32): void {
  x.flags.replace(Flag.ZF, x.let(select(condition, I64.const(Flag.ZF), I64.const(0))));
}

function query(mnemonic: string, ask: Helper<"i64">): void {
  define(mnemonic, (x) => {
    const answer = x.call(ask, selectorOf(x, 1));
    const known = x.let(answer.geS(0));
    setZero(x, known);
    x.f.if(known, () => x.write(0, answer));
  });
}
query("lar", loadAccessRights);
query("lsl", loadSegmentLimit);

define("verr", (x) => setZero(x, x.call(verifyRead, selectorOf(x, 0))));
define("verw", (x) => setZero(x, x.call(verifyWrite, selectorOf(x, 0))));

const FS_BASE = SEGMENT_BASE + Segment.FS * 8;
const GS_BASE = SEGMENT_BASE + Segment.GS * 8;

define("swapgs", (x) => {
  x.f.if(x.stateI32(CPL).ne(0), () => x.fault(Vector.GP, 0));
  const old = x.let(x.stateI64(GS_BASE));
  x.setStateI64(GS_BASE, x.stateI64(KERNEL_GS_BASE));
  x.setStateI64(KERNEL_GS_BASE, old);
});

const CR4_FSGSBASE = 0x10000;

for (const [segment, offset] of [
  ["fs", FS_BASE],
  ["gs", GS_BASE],
] as const) {
  const requireEnabled = (x: Emit) =>
    x.f.if(x.stateI32(CR4).and(CR4_FSGSBASE).eqz(), () => x.fault(Vector.UD));
  define(`rd${segment}base`, (x) => {
    requireEnabled(x);
    x.write(0, x.stateI64(offset));
  });
  define(`wr${segment}base`, (x) => {
    requireEnabled(x);
    const base = x.read(0);
    if (x.width(0) === 64) x.f.if(isNonCanonical(base), () => x.fault(Vector.GP, 0));
    x.setStateI64(offset, base);
  });
}
