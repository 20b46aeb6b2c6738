/**
 * From an offset to a linear address where that takes more than an addition: functions of the generated module.
 */
import { EFER, SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_RIGHTS } from "../../isa/state.js";
import { type Callee, type FunctionBuilder, load } from "../../wasm/function.js";
import { I64 } from "../../wasm/value.js";
import { Record } from "./record.js";
import { Access } from "./runtime.js";

/** (cpu, record, raw, access): linear address of a memory operand with the slow-address bit. */
export function emitOperandAddress(f: FunctionBuilder, checkSegment: Callee): void {
  const [cpu, record, raw, access] = [
    f.param("i32", 0),
    f.param("i32", 1),
    f.param("i64", 2),
    f.param("i32", 3),
  ];
  const size = f.let(load.i32_8u(record, Record.addressSize));
  const offset = f.local("i64");
  f.set(offset, raw.and(0xffffffffn));
  f.if(size.eq(16), () => f.set(offset, raw.and(0xffffn)));
  f.if(size.eq(64), () => {
    // A moffs whose 64-bit address fills displacement and immediate.
    f.set(offset, load.i64(record, Record.displacement));
  });
  const segment = load.i32_8u(record, Record.segment).and(7);
  f.return(f.call("i64", checkSegment, cpu, offset.value, segment, access));
}

/** (cpu, offset, segment, access): linear address; the common cases here, faults and rare segments in TypeScript. */
export function emitCheckSegment(f: FunctionBuilder, slow: Callee): void {
  const [cpu, offset, segment, access] = [
    f.param("i32", 0),
    f.param("i64", 1),
    f.param("i32", 2),
    f.param("i32", 3),
  ];
  const rights = f.let(load.i32(cpu.add(segment.shl(2)), SEGMENT_RIGHTS));
  const base = f.let(load.i64(cpu.add(segment.shl(3)), SEGMENT_BASE));
  const long = load
    .i32(cpu, SEGMENT_RIGHTS + 4)
    .shrU(13)
    .and(load.i32(cpu, EFER).shrU(10))
    .and(1);
  f.if(long, () => {
    f.if(segment.ltU(4), () => f.return(offset));
    f.return(offset.add(base));
  });
  const limit = load.i64_32u(cpu.add(segment.shl(2)), SEGMENT_LIMIT);
  const last = offset.add(access.and(Access.bytes).toI64U()).sub(1);
  // Present, usable, data, expand-up; writable, or readable.
  const isData = rights.and(0x1009c).eq(0x90);
  const allowed = access.and(Access.write).eqz().or(rights.and(2));
  f.if(isData.and(allowed).and(last.leU(limit)), () => f.return(offset.add(base).and(0xffffffffn)));
  f.if(f.call("i32", slow, cpu, offset.toI32(), segment, access).eqz(), () => f.return(I64.const(0)));
  f.return(offset.add(base).and(0xffffffffn));
}
