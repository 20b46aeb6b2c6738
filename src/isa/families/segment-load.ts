/**
 * Loading a segment register in protected mode, in its usual cases (SDM vol. 2, "MOV"; vol. 3, 5.6 and 5.7): a null
 * selector, or one of the GDT whose descriptor is data that was accessed before and lies on a page that the TLB maps.
 * The processor does the other cases (cpu/segment-load.ts).
 */
import { load } from "../../wasm/function.js";
import { I32, select } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import { helper } from "../helper.js";
import { Segment } from "../instruction.js";
import {
  CPL,
  EFER,
  EFER_LMA,
  GDTR_BASE,
  GDTR_LIMIT,
  MODE,
  MODE_PROTECTED,
  NULL_CLEARS_BASE,
  PRIVILEGE_VIEWS,
  PrivilegeView,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_RIGHTS,
  SEGMENT_SELECTOR,
  TLB_READ,
} from "../state.js";
import { mappedStack } from "./stack-address.js";

/** MOV to a segment register. (segment, selector) */
const loadSegment = helper("loadSegment", ["i32", "i32"], "i32");
/** POP of a segment register. (segment, operand size in bits): reads the selector, loads the register, drops the stack. */
const popSegment = helper("popSegment", ["i32", "i32"], "i32");

const TABLE_LOCAL = 4;
const UNUSABLE = 0x10000;
/** What descriptor and access rights in the VMCS format have in common. */
const RIGHTS = 0xf0ff;
/** Of the rights: P, S, code or data, accessed; and what they are for data that was accessed. */
const KIND = 0x99;
const ACCESSED_DATA = 0x91;
const GRANULARITY = 0x8000;
const KERNEL_READ = PRIVILEGE_VIEWS + PrivilegeView.kernel * PrivilegeView.size + PrivilegeView.read;

type Local32 = ReturnType<typeof local32>;
const local32 = (x: Emit) => x.f.local("i32");

/** What a segment register is to hold, its base below 4 GiB; `known` is nonzero once that is worked out. */
interface Loaded {
  readonly known: Local32;
  readonly base: Local32;
  readonly limit: Local32;
  readonly rights: Local32;
}

/** From the GDT, as a supervisor: with the TLB of that view in use, if it has the page. */
function fromTable(x: Emit, selector: I32, { known, base, limit, rights }: Loaded): void {
  const { f } = x;
  const system = x.stateI32(TLB_READ).eq(x.stateI32(KERNEL_READ)).and(selector.and(TABLE_LOCAL).eqz());
  f.if(system.and(selector.or(7).leU(x.stateI32(GDTR_LIMIT))), () => {
    const linear = x.let(x.stateI64(GDTR_BASE).add(selector.and(0xfff8).toI64U()));
    const host = x.mappedHost(linear, "read");
    const narrow = linear.shrU(32).eqz().or(x.stateI32(EFER).and(EFER_LMA).ne(0));
    // Aligned, it lies on one page.
    f.if(host.ne(0).and(narrow).and(linear.toI32().and(7).eqz()), () => {
      const low = x.let(load.i32(host));
      const high = x.let(load.i32(host, 4));
      f.set(rights, high.shrU(8).and(RIGHTS));
      f.set(
        base,
        low
          .shrU(16)
          .or(high.and(0xff).shl(16))
          .or(high.and(0xff000000 | 0)),
      );
      const raw = x.let(low.and(0xffff).or(high.and(0xf0000)));
      f.set(limit, select(rights.value.and(GRANULARITY), raw.shl(12).or(0xfff), raw));
      const dpl = x.let(rights.value.shrU(5).and(3));
      const privileged = selector.and(3).leU(dpl).and(x.stateI32(CPL).leU(dpl));
      f.set(known, rights.value.and(KIND).eq(ACCESSED_DATA).and(privileged));
    });
  });
}

/** Loads a register if this is simple. Returns whether it was. */
function loadInPlace(x: Emit, index: I32, selector: I32): I32 {
  const { f } = x;
  const loaded: Loaded = { known: local32(x), base: local32(x), limit: local32(x), rights: local32(x) };
  const { known, base, limit, rights } = loaded;
  f.set(known, I32.const(0));
  // SS has an interrupt shadow, and other rules; CS can't be loaded.
  const data = index.ne(Segment.SS).and(index.ne(Segment.CS));
  f.if(x.stateI32(MODE).and(MODE_PROTECTED).ne(0).and(data), () => {
    f.if(
      selector.and(0xfffc),
      () => fromTable(x, selector, loaded),
      () => {
        f.set(base, I32.const(0));
        f.set(limit, I32.const(0));
        f.set(rights, I32.const(UNUSABLE));
        f.set(known, x.stateI32(NULL_CLEARS_BASE));
      },
    );
    f.if(known.value, () => {
      const word = x.let(x.cpu.add(index.shl(2)));
      const place = x.let(x.cpu.add(index.shl(3)));
      // Whether ES and DS are flat is part of the mode: they stay what they are.
      const same = load
        .i64(place, SEGMENT_BASE)
        .eq(base.value.toI64U())
        .and(load.i32(word, SEGMENT_LIMIT).eq(limit.value))
        .and(load.i32(word, SEGMENT_RIGHTS).eq(rights.value));
      f.set(known, index.geU(Segment.FS).or(same));
      f.if(known.value, () => {
        f.store(word, selector, SEGMENT_SELECTOR);
        f.store(place, base.value.toI64U(), SEGMENT_BASE);
        f.store(word, limit.value, SEGMENT_LIMIT);
        f.store(word, rights.value, SEGMENT_RIGHTS);
      });
    });
  });
  return known.value;
}

/** MOV of operand 1 to the segment register that is operand 0. */
export function moveToSegment(x: Emit): void {
  const index = x.let(x.registerNumber(0));
  const selector = x.let(x.read(1).toI32().and(0xffff));
  x.f.if(loadInPlace(x, index, selector).eqz(), () => x.control(loadSegment, index, selector));
}

/** POP of the segment register that is operand 0. */
export function popToSegment(x: Emit): void {
  const { f } = x;
  const index = x.let(x.registerNumber(0));
  const done = local32(x);
  f.set(done, I32.const(0));
  mappedStack(x, (host) => {
    const selector = x.let(load.i32_16u(host));
    f.set(done, loadInPlace(x, index, selector));
  });
  f.if(done.value.eqz(), () => x.control(popSegment, index, I32.const(x.operandSize)));
  x.dropStack(x.operandSize / 8);
}
