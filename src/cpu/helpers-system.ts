/**
 * The helpers of the system instructions by the names under which the families declare them (isa/families).
 * An i32 parameter arrives as a number, an i64 as a bigint.
 */

import { FLAT } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import {
  clearTaskSwitched,
  loadMachineStatus,
  readControlRegister,
  storeMachineStatus,
  writeControlRegister,
} from "./control-registers.js";
import { readDebugRegister, writeDebugRegister } from "./debug.js";
import { RunAlone } from "./debugger.js";
import { enteringCode } from "./exceptions.js";
import { farReturn } from "./far-return.js";
import { farCall, farJump } from "./far-transfer.js";
import { clearInterruptFlag, popFlags, setAccessControl, setInterruptFlag } from "./flag-instructions.js";
import { cacheInstruction, halt, monitor, monitorWait } from "./halt.js";
import { interruptReturn } from "./iret.js";
import * as machine from "./machine-registers.js";
import { flatData } from "./mode.js";
import { type PortSize, portIn, portOut } from "./port-access.js";
import { checkPortString, portStringIn, portStringOut } from "./port-string.js";
import { loadFarPointer, moveToSegment, popSegment } from "./segment-load.js";
import { loadAccessRights, loadSegmentLimit, verifyRead, verifyWrite } from "./segment-query.js";
import { breakpoint, interrupt } from "./software-interrupt.js";
import { systemCall, systemReturn } from "./syscall.js";
import { systemEnter, systemExit } from "./sysenter.js";
import { loadLdtr, loadTaskRegister, storeSystemSelector } from "./system-segment.js";
import { loadTable, storeTable } from "./table-registers.js";
import { invalidatePage, invalidatePcid } from "./tlb-instructions.js";

// biome-ignore lint/suspicious/noConfusingVoidType: a helper without a result returns nothing
export type SystemHelper = (context: CpuContext, ...args: (number | bigint)[]) => number | bigint | void;

/** The parameters, with the types that a helper declared. */
// biome-ignore lint/suspicious/noConfusingVoidType: as above
type Implementation = (context: CpuContext, ...args: never[]) => number | bigint | void;

/** ES or DS was loaded: code that relies on flat segments is no longer, or again, the right one. */
function afterDataSegment<R>(context: CpuContext, result: R): R {
  const { state } = context;
  if (!state.long && flatData(state) !== (state.u32(FLAT) !== 0)) context.modeChanged();
  return result;
}

const implementations = {
  // Segments and far transfers.
  loadSegment: (c: CpuContext, segment: number, selector: number) =>
    afterDataSegment(c, moveToSegment(c, segment, selector)),
  popSegment: (c: CpuContext, segment: number, operandSize: number) =>
    afterDataSegment(c, popSegment(c, segment, operandSize)),
  loadFarPointer: (...args: Parameters<typeof loadFarPointer>) =>
    afterDataSegment(args[0], loadFarPointer(...args)),
  farJump: (c: CpuContext, selector: number, offset: bigint) =>
    enteringCode(c, () => farJump(c, selector & 0xffff, BigInt.asUintN(64, offset))),
  farCall: (c: CpuContext, selector: number, offset: bigint, operandSize: number) =>
    enteringCode(c, () => farCall(c, selector & 0xffff, BigInt.asUintN(64, offset), operandSize)),
  farReturn,
  interruptReturn: (c: CpuContext, operandSize: number) =>
    enteringCode(c, () => interruptReturn(c, operandSize)),
  interrupt: (c: CpuContext, vector: number) => enteringCode(c, () => interrupt(c, vector)),
  breakpoint: (c: CpuContext, vector: number) => enteringCode(c, () => breakpoint(c, vector)),
  systemCall,
  systemReturn,
  systemEnter,
  systemExit,
  loadAccessRights,
  loadSegmentLimit,
  verifyRead,
  verifyWrite,
  loadLdtr,
  loadTaskRegister,
  storeSystemSelector,
  loadTable,
  storeTable,
  // Control and debug registers, flags.
  readControlRegister,
  writeControlRegister,
  loadMachineStatus,
  storeMachineStatus,
  clearTaskSwitched,
  readDebugRegister,
  writeDebugRegister,
  popFlags,
  clearInterruptFlag,
  setInterruptFlag,
  setAccessControl,
  runAlone: (c: CpuContext) => {
    if (!c.alone) throw new RunAlone();
  },
  // Ports, TLB, time, machine registers.
  portIn: (c: CpuContext, port: number, size: number, immediate: number) =>
    portIn(c, port, size as PortSize, immediate !== 0),
  portOut: (c: CpuContext, port: number, size: number, value: number, immediate: number) =>
    portOut(c, port, size as PortSize, value, immediate !== 0),
  checkPortString,
  portStringIn,
  portStringOut,
  halt,
  monitor,
  monitorWait,
  invalidateCaches: (c: CpuContext) => cacheInstruction(c, "invd"),
  writeBackCaches: (c: CpuContext) => cacheInstruction(c, "wbinvd"),
  writeBackCachesNoInvalidate: (c: CpuContext) => cacheInstruction(c, "wbnoinvd"),
  invalidatePage,
  invalidatePcid,
  cpuid: machine.cpuid,
  readMsr: machine.readMsr,
  writeMsr: machine.writeMsr,
  readTimeStamp: machine.readTimeStamp,
  readTimeStampAndProcessor: machine.readTimeStampAndProcessor,
  readProcessorId: machine.readProcessorId,
  readPerformanceCounter: machine.readPerformanceCounter,
  readExtendedControl: machine.readExtendedControl,
  writeExtendedControl: machine.writeExtendedControl,
  readProtectionKeys: machine.readProtectionKeys,
  interceptPause: (c: CpuContext) => c.intercepts?.instruction("pause"),
  interceptRandom: (c: CpuContext, seed: number) => c.intercepts?.instruction(seed ? "rdseed" : "rdrand"),
  interceptXsaves: (c: CpuContext) => c.intercepts?.instruction("xsaves"),
  writeProtectionKeys: machine.writeProtectionKeys,
} satisfies Record<string, Implementation>;

/** The engine calls each with the parameter types it was declared with. */
export const systemHelpers = implementations as unknown as Readonly<Record<string, SystemHelper>>;
