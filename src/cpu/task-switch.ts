/**
 * Hardware task switching (SDM vol. 3, 8.3): JMP and CALL to a TSS or task gate, IRET of a nested task,
 * interrupts and exceptions through task gates. Not available in IA-32e mode.
 *
 * Up to the commit point a fault belongs to the old task. Then the registers are those of the new task, and
 * a fault met while its segments are checked is the new task's, before its first instruction.
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { SEGMENT_SELECTOR } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { loadCr3 } from "./cr3.js";
import { type Descriptor, SystemType, selectorError } from "./descriptor.js";
import { linearAdd, readDescriptor, setBusy } from "./descriptor-table.js";
import { checkVirtualInterrupt, EnteredFault } from "./entered-fault.js";
import { type CpuEvent, externalBit } from "./event.js";
import { Fault } from "./fault.js";
import { Cr0 } from "./mmu.js";
import { writeSegment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";
import { loadTaskSegments } from "./task-segments.js";
import { readTss, type TaskState, TSS16, TSS32, type TssLayout, writeTss } from "./tss.js";

export type TaskSwitchSource = "call" | "iret" | "jmp" | "interrupt";

const SOURCE_CODE = { call: 0, iret: 1, jmp: 2, interrupt: 3 } as const;
const TABLE_LOCAL = 4;
/** Bit 3 of a TSS descriptor's type: 32 bits. */
const TSS_32BIT = 8;
/** EFLAGS bits that a TSS can load. */
const TSS_FLAGS = 0x3f_7fd5;

const layoutOf = (type: number): TssLayout => ((type & TSS_32BIT) !== 0 ? TSS32 : TSS16);

function isTss(descriptor: Descriptor, busy: boolean): boolean {
  const { type } = descriptor;
  if (descriptor.s) return false;
  return busy
    ? type === SystemType.tss16Busy || type === SystemType.tss32Busy
    : type === SystemType.tss16Available || type === SystemType.tss32Available;
}

/** The TSS that a task gate or a back link names. */
export function readTaskGateTarget(
  context: CpuContext,
  selector: number,
  vector: number,
  external: number,
  busy = false,
): Descriptor {
  const error = selectorError(selector, external);
  if ((selector & TABLE_LOCAL) !== 0) throw new Fault(vector, error);
  const descriptor = readDescriptor(context, selector, vector, external);
  if (!isTss(descriptor, busy)) throw new Fault(vector, error);
  if (!descriptor.present) throw new Fault(Vector.NP, error);
  return descriptor;
}

/** IRET with EFLAGS.NT: back to the task whose TSS the back link names. */
export function returnFromTask(context: CpuContext): void {
  const { memory, state } = context;
  const selector = Number(memory.read(state.segmentBase(SegmentIndex.TR), 2, "system"));
  const target = readTaskGateTarget(context, selector, Vector.TS, 0, true);
  switchTask(context, selector, target, "iret");
}

/** The state of the running task as its TSS will hold it. */
function currentTask(context: CpuContext, rip: bigint, flags: number): TaskState {
  const { state } = context;
  return {
    cr3: Number(state.cr3 & 0xffff_ffffn),
    eip: Number(rip & 0xffff_ffffn),
    eflags: flags,
    registers: Array.from({ length: 8 }, (_, i) => state.gpr32(i)),
    segments: Array.from({ length: 6 }, (_, i) => state.selector(i)),
    ldt: state.selector(SegmentIndex.LDTR),
    trap: false,
  };
}

/**
 * Switches to the task of a TSS whose descriptor has been found usable.
 * @param event what made an interrupt switch tasks; its error code goes to the new task's stack
 */
export function switchTask(
  context: CpuContext,
  selector: number,
  descriptor: Descriptor,
  source: TaskSwitchSource,
  event?: CpuEvent,
): void {
  const { memory, state } = context;
  const external = event === undefined ? 0 : externalBit(event);
  context.intercepts?.taskSwitch(selector, SOURCE_CODE[source]);
  const layout = layoutOf(descriptor.type);
  if (descriptor.limit < layout.minimumLimit) throw new Fault(Vector.TS, selectorError(selector, external));

  const oldBase = state.segmentBase(SegmentIndex.TR);
  const oldLayout = layoutOf(state.rights(SegmentIndex.TR));
  const newBase = BigInt(descriptor.base);
  const nested = source === "call" || source === "interrupt";
  // Everything that will be written is checked first, so that a page fault finds both tasks as they were.
  memory.probeWrite(linearAdd(context, oldBase, oldLayout.dynamicStart), oldLayout.dynamicLength, "system");
  if (nested) memory.probeWrite(newBase, 2, "system");
  const task = readTss(context, layout, newBase);

  let flags = state.rflags;
  if (source === "iret") flags &= ~Flag.NT;
  if (event?.resume) flags |= Flag.RF;
  const rip = event === undefined ? state.nextRip : event.returnRip;
  const oldSelector = state.selector(SegmentIndex.TR);
  if (source === "jmp" || source === "iret") {
    const old = readDescriptor(context, oldSelector, Vector.TS, external);
    setBusy(context, old.address, false);
  }
  writeTss(context, oldLayout, oldBase, currentTask(context, rip, flags));
  if (nested) memory.write(newBase, 2, BigInt(oldSelector), "system");
  if (source !== "iret") setBusy(context, descriptor.address, true);

  // The commit point.
  writeSegment(state, SegmentIndex.TR, selector, descriptor.base, descriptor.limit, descriptor.rights | 2);
  state.cr0 |= Cr0.TS;
  loadRegisters(context, task, nested);
  context.debug.taskSwitched(task.trap);
  if (state.flag(Flag.RF)) context.debug.resumeLoaded();
  try {
    if (layout === TSS32 && (state.cr0 & Cr0.PG) !== 0) loadCr3(context, BigInt(task.cr3));
    loadTaskSegments(context, task, external);
    if (event?.error !== undefined) {
      const stack = StackCursor.current(context, external);
      stack.push(BigInt(event.error), layout.width);
      stack.commit();
    }
    if (task.eip > state.segment(SegmentIndex.CS).limit) throw new Fault(Vector.GP, external);
    checkVirtualInterrupt(context);
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    throw new EnteredFault(fault.vector, fault.error, fault.address);
  } finally {
    context.modeChanged();
  }
}

/** General registers, EIP, EFLAGS and the visible selectors; the hidden parts follow with their checks. */
function loadRegisters(context: CpuContext, task: TaskState, nested: boolean): void {
  const { state } = context;
  state.rflags = (task.eflags & TSS_FLAGS) | (nested ? Flag.NT : 0) | 2;
  state.rip = BigInt(task.eip);
  for (const [register, value] of task.registers.entries()) state.setGpr32(register, value);
  for (const [index, value] of task.segments.entries()) {
    writeSegment(state, index, value, 0, 0, Rights.unusable);
  }
  state.setU32(SEGMENT_SELECTOR + SegmentIndex.LDTR * 4, task.ldt);
  state.cpl = (task.eflags & Flag.VM) !== 0 ? 3 : task.segments[SegmentIndex.CS]! & 3;
}
