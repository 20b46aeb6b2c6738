/** Runs VMX instructions on a {@link VmxTestCpu}, and tells what came of them. It holds no tests of its own. */
import assert from "node:assert/strict";
import * as S from "../../isa/state.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField as F } from "./fields.js";
import { vmxHelpers } from "./helpers-vmx.js";
import {
  LONG_GUEST,
  outcome,
  VMCS_A,
  VMXON_REGION,
  VmxTestCpu,
  writeFields,
} from "./vmx-fixture.test.helper.js";

export const RCX = 1;
export const RDX = 2;

/** What VMX instructions tell in the flags: "success", "invalid", or the error number. */
export function result(cpu: VmxTestCpu): string {
  const flags = cpu.state.rflags & 0x8d5;
  if (flags === 0) return "success";
  if (flags === 1) return "invalid";
  assert.equal(flags, 0x40);
  return `error ${cpu.vmx.current?.read(F.INSTRUCTION_ERROR)}`;
}

export function run(cpu: VmxTestCpu, name: string, ...args: (number | bigint)[]): string {
  cpu.state.rflags = 0x8d7;
  const out = outcome(() => vmxHelpers[name]!(cpu, ...args));
  if (typeof out !== "string") return `exit ${out.reason}`;
  if (out === "done") return result(cpu);
  assert.equal(cpu.state.rflags, 0x8d7, "a fault changes no flag");
  return out;
}

/** An instruction with a pointer as its memory operand. */
export function pointer(cpu: VmxTestCpu, reason: number, value: bigint): string {
  cpu.state.rflags = 0x8d7;
  const begun = outcome(() => vmxHelpers.beginVmx!(cpu, reason, -1, -1));
  if (typeof begun !== "string") return `exit ${begun.reason}`;
  return begun === "done" ? run(cpu, "vmxPointer", reason, value) : begun;
}

export const vmxon = (cpu: VmxTestCpu, at = VMXON_REGION) => pointer(cpu, ExitReason.vmxon, at);
export const vmclear = (cpu: VmxTestCpu, at: bigint) => pointer(cpu, ExitReason.vmclear, at);
export const vmptrld = (cpu: VmxTestCpu, at: bigint) => pointer(cpu, ExitReason.vmptrld, at);

/** In VMX root operation, with VMCS_A current and good for an entry. */
export function started(model?: string): VmxTestCpu {
  const cpu = new VmxTestCpu(model);
  cpu.state.setU32(S.MODE, 2);
  assert.equal(vmxon(cpu), "success");
  assert.equal(vmclear(cpu, VMCS_A), "success");
  assert.equal(vmptrld(cpu, VMCS_A), "success");
  writeFields(cpu.vmx.current!, LONG_GUEST);
  return cpu;
}

/** VMREAD of the field whose encoding is in RCX, to RDX. */
export function vmread(cpu: VmxTestCpu): string {
  cpu.state.rflags = 0x8d7;
  if (vmxHelpers.checkVmread!(cpu, RCX) === 0) return result(cpu);
  cpu.state.setGpr(RDX, vmxHelpers.vmread!(cpu, RCX) as bigint);
  return run(cpu, "vmxSucceed");
}

/** VMWRITE of RDX to the field whose encoding is in RCX. */
export function vmwrite(cpu: VmxTestCpu): string {
  cpu.state.rflags = 0x8d7;
  if (vmxHelpers.checkVmwrite!(cpu, RCX) === 0) return result(cpu);
  return run(cpu, "vmwrite", RCX, cpu.state.gpr(RDX));
}
