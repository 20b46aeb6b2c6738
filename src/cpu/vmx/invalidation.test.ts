import assert from "node:assert/strict";
import { test } from "node:test";
import { ExitReason } from "./exit-reason.js";
import { VmcsField as F } from "./fields.js";
import { vmxHelpers } from "./helpers-vmx.js";
import { RCX, result, run, started } from "./instructions.test.helper.js";
import { outcome, writeFields } from "./vmx-fixture.test.helper.js";

test("INVEPT and INVVPID", () => {
  const cpu = started();
  const invalidate = (reason: number, type: bigint, first: bigint, second = 0n): string => {
    cpu.state.rflags = 0x8d7;
    if (vmxHelpers.checkInvalidationType!(cpu, reason, type) === 0) return result(cpu);
    return run(cpu, "invalidateTranslations", reason, type, first, second);
  };
  const invept = (type: bigint, eptp: bigint) => invalidate(ExitReason.invept, type, eptp);
  const invvpid = (type: bigint, first: bigint, linear = 0n) =>
    invalidate(ExitReason.invvpid, type, first, linear);
  assert.equal(invept(0n, 0x401en), "error 28");
  assert.equal(invept(3n, 0x401en), "error 28");
  assert.equal(invept(1n, 0x4010n), "error 28");
  assert.equal(invept(1n, 0x401en), "success");
  assert.equal(invept(2n, 0n), "success");
  assert.equal(invvpid(4n, 1n), "error 28");
  assert.equal(invvpid(1n << 32n, 1n), "error 28");
  assert.equal(invvpid(0n, 0n), "error 28");
  assert.equal(invvpid(0n, 0x1_0001n), "error 28");
  assert.equal(invvpid(0n, 1n, 0x8000_0000_0000n), "error 28");
  assert.equal(invvpid(0n, 1n, 0x7000n), "success");
  assert.equal(invvpid(1n, 0n), "error 28");
  assert.equal(invvpid(2n, 0n), "success");
  assert.equal(invvpid(3n, 7n), "success");
  assert.deepEqual(cpu.calls, [
    "invept 1 401e",
    "invept 2 0",
    "invvpid 0 1 7000",
    "invvpid 2 0 0",
    "invvpid 3 7 0",
  ]);
});

test("VMFUNC: EPTP switching", () => {
  const cpu = started();
  const { state } = cpu;
  const vmcs = cpu.vmx.current!;
  const LIST = 0x52000;
  assert.equal(run(cpu, "vmfunc"), "fault 6", "in VMX root operation");
  cpu.vmx.nonRoot = true;
  assert.equal(run(cpu, "vmfunc"), "fault 6", "not enabled");
  writeFields(vmcs, { SECONDARY_CONTROLS: 0x2002, EPTP_LIST_ADDRESS: LIST });
  state.setGpr(0, 0n);
  state.setGpr(RCX, 3n);
  assert.equal(run(cpu, "vmfunc"), "exit 59", "function 0 not enabled");
  writeFields(vmcs, { VM_FUNCTION_CONTROLS: 1 });
  assert.equal(run(cpu, "vmfunc"), "exit 59", "entry 3 of the list is no EPTP");
  cpu.setQuad(LIST + 24, 0x601en);
  outcome(() => vmxHelpers.vmfunc!(cpu));
  assert.deepEqual(cpu.calls, ["eptp 601e"]);
  assert.equal(vmcs.read(F.EPT_POINTER), 0x601en);
  assert.equal(vmcs.read(F.EPTP_INDEX), 3n);
  state.setGpr(RCX, 512n);
  assert.equal(run(cpu, "vmfunc"), "exit 59");
  state.setGpr(0, 1n);
  assert.equal(run(cpu, "vmfunc"), "exit 59");
  state.setGpr(0, 64n);
  assert.equal(run(cpu, "vmfunc"), "fault 6");
});
