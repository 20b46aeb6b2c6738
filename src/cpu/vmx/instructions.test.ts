import assert from "node:assert/strict";
import { test } from "node:test";
import { Control } from "../../isa/helper.js";
import * as S from "../../isa/state.js";
import { SegmentIndex } from "../cpu-state.js";
import { VMCS_REVISION } from "./capabilities.js";
import { VmExit } from "./contract.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField as F } from "./fields.js";
import { vmxHelpers } from "./helpers-vmx.js";
import {
  RCX,
  result,
  run,
  started,
  vmclear,
  vmptrld,
  vmread,
  vmwrite,
  vmxon,
} from "./instructions.test.helper.js";
import { outcome, SHADOW_VMCS, VMCS_A, VMCS_B, VMXON_REGION, VmxTestCpu } from "./vmx-fixture.test.helper.js";

test("VMXON: #UD and #GP", () => {
  const bad = (change: (cpu: VmxTestCpu) => void): string => {
    const cpu = new VmxTestCpu();
    change(cpu);
    return vmxon(cpu);
  };
  assert.equal(
    bad((cpu) => {
      cpu.state.cr4 = 0x20;
    }),
    "fault 6",
  );
  assert.equal(
    bad((cpu) => {
      cpu.state.cr0 = 0x30;
    }),
    "fault 6",
  );
  assert.equal(
    bad((cpu) => cpu.state.setU32(S.SEGMENT_RIGHTS + SegmentIndex.CS * 4, 0xc09b)),
    "fault 6",
  );
  assert.equal(
    bad((cpu) => {
      cpu.state.cpl = 3;
    }),
    "fault 13",
  );
  assert.equal(
    bad((cpu) => {
      cpu.state.cr0 = 0x8005_0013;
    }),
    "fault 13",
    "CR0.NE",
  );
  assert.equal(
    bad((cpu) => cpu.msrs.set(0x3a, 4n)),
    "fault 13",
    "not locked",
  );
  assert.equal(
    bad((cpu) => cpu.msrs.set(0x3a, 1n)),
    "fault 13",
    "not enabled",
  );
});

test("VMXON: the region", () => {
  const cpu = new VmxTestCpu();
  assert.equal(vmxon(cpu, VMXON_REGION + 8n), "invalid");
  assert.equal(vmxon(cpu, 1n << 40n), "invalid");
  assert.equal(vmxon(cpu, 0x40000n), "invalid", "wrong revision identifier");
  assert.equal(vmxon(cpu, SHADOW_VMCS), "invalid");
  assert.equal(vmxon(cpu, 0x1_0000_0000n), "invalid", "no memory there");
  assert.equal(vmxon(cpu), "success");
  assert.ok(cpu.vmx.operation);
  assert.equal(vmxon(cpu), "invalid", "no current VMCS to take the error");
  assert.equal(vmptrld(cpu, VMCS_A), "success");
  assert.equal(vmxon(cpu), "error 15");
});

test("outside of VMX operation everything else is #UD", () => {
  const cpu = new VmxTestCpu();
  for (const reason of [19, 20, 21, 22, 23, 24, 25, 26, 50, 53]) {
    assert.equal(run(cpu, "beginVmx", reason, -1, -1), "fault 6", `${reason}`);
  }
  assert.equal(run(cpu, "vmcall"), "fault 6");
  assert.equal(run(cpu, "vmfunc"), "fault 6");
});

test("INVEPT is #UD without EPT", () => {
  const cpu = started("Penryn,+vmx");
  assert.equal(run(cpu, "beginVmx", ExitReason.invept, -1, 0), "fault 6");
  assert.equal(run(cpu, "beginVmx", ExitReason.invvpid, -1, 0), "fault 6");
});

test("VMCLEAR and VMPTRLD: addresses and revision identifiers", () => {
  const cpu = new VmxTestCpu();
  vmxon(cpu);
  assert.equal(vmclear(cpu, 1n), "invalid", "no current VMCS");
  assert.equal(vmptrld(cpu, VMCS_A), "success");
  assert.equal(vmclear(cpu, VMCS_B + 1n), "error 2");
  assert.equal(vmclear(cpu, 1n << 40n), "error 2");
  assert.equal(vmclear(cpu, VMXON_REGION), "error 3");
  assert.equal(vmptrld(cpu, VMCS_B + 1n), "error 9");
  assert.equal(vmptrld(cpu, 1n << 63n), "error 9");
  assert.equal(vmptrld(cpu, VMXON_REGION), "error 10");
  assert.equal(vmptrld(cpu, 0x40000n), "error 11");
  assert.equal(vmptrld(cpu, 0x1_0000_0000n), "error 11", "no memory there");
  assert.equal(cpu.vmx.current?.pointer, VMCS_A);
  assert.equal(vmptrld(cpu, SHADOW_VMCS), "success");
  const westmere = new VmxTestCpu("Westmere,+vmx");
  vmxon(westmere);
  vmptrld(westmere, VMCS_A);
  assert.equal(vmptrld(westmere, SHADOW_VMCS), "error 11", "no VMCS shadowing");
});

test("VMCLEAR of the current VMCS, and VMPTRST", () => {
  const cpu = started();
  assert.equal(vmxHelpers.vmptrst!(cpu), VMCS_A);
  assert.equal(vmclear(cpu, VMCS_B), "success");
  assert.equal(cpu.vmx.current?.pointer, VMCS_A);
  assert.equal(vmclear(cpu, VMCS_A), "success");
  assert.equal(cpu.vmx.current, undefined);
  assert.equal(vmxHelpers.vmptrst!(cpu), 0xffff_ffff_ffff_ffffn);
});

test("without a current VMCS: VMfailInvalid", () => {
  const cpu = new VmxTestCpu();
  vmxon(cpu);
  assert.equal(vmread(cpu), "invalid");
  assert.equal(vmwrite(cpu), "invalid");
  assert.equal(run(cpu, "vmEntry", ExitReason.vmlaunch), "invalid");
  assert.equal(run(cpu, "vmcall"), "invalid");
  assert.equal(vmptrld(cpu, SHADOW_VMCS), "success");
  assert.equal(run(cpu, "vmEntry", ExitReason.vmlaunch), "invalid", "a shadow VMCS");
});

test("VMLAUNCH and VMRESUME: launch state", () => {
  const cpu = started();
  assert.equal(run(cpu, "vmEntry", ExitReason.vmresume), "error 5");
  assert.equal(vmxHelpers.vmEntry!(cpu, ExitReason.vmlaunch), Control.jump);
  assert.deepEqual(cpu.calls, ["enter"]);
  cpu.vmx.nonRoot = false;
  assert.equal(run(cpu, "vmEntry", ExitReason.vmlaunch), "error 4");
  assert.equal(vmxHelpers.vmEntry!(cpu, ExitReason.vmresume), Control.jump);
  cpu.vmx.nonRoot = false;
  assert.equal(vmclear(cpu, VMCS_A), "success");
  assert.equal(vmptrld(cpu, VMCS_A), "success");
  assert.equal(run(cpu, "vmEntry", ExitReason.vmresume), "error 5");
});

test("VM entry: checks, in order", () => {
  const cpu = started();
  const { state } = cpu;
  state.setU32(S.SHADOW, 2);
  assert.equal(run(cpu, "vmEntry", ExitReason.vmlaunch), "error 26");
  state.setU32(S.SHADOW, 1);
  const change = (field: number, value: bigint): string => {
    const kept = cpu.vmx.current!.read(field);
    cpu.vmx.current!.write(field, value);
    const control = vmxHelpers.vmEntry!(cpu, ExitReason.vmlaunch);
    cpu.vmx.current!.write(field, kept);
    return control === Control.leave ? "failed" : result(cpu);
  };
  assert.equal(change(F.CR3_TARGET_COUNT, 5n), "error 7");
  assert.equal(cpu.vmx.lastFailure?.rule.name, "CR3-target count");
  assert.equal(change(F.HOST_CS_SELECTOR, 0n), "error 8");
  assert.equal(change(F.GUEST_RFLAGS, 0n), "failed");
  assert.equal(change(F.VMCS_LINK_POINTER, VMCS_A), "failed");
  assert.deepEqual(cpu.calls, ["fail 33 0", "fail 33 4"]);
  assert.ok(!cpu.vmx.current!.launched);
  cpu.entrySucceeds = false;
  assert.equal(vmxHelpers.vmEntry!(cpu, ExitReason.vmlaunch), Control.leave);
  assert.ok(!cpu.vmx.current!.launched, "loading MSRs failed");
});

test("VMCALL in VMX root operation, and VMXOFF", () => {
  const cpu = started();
  assert.equal(run(cpu, "vmcall"), "error 1");
  cpu.state.cpl = 3;
  assert.equal(run(cpu, "vmcall"), "fault 13");
  assert.equal(run(cpu, "beginVmx", ExitReason.vmxoff, -1, -1), "fault 13");
  cpu.state.cpl = 0;
  cpu.state.rflags = 2;
  vmxHelpers.vmxoff!(cpu);
  assert.ok(!cpu.vmx.operation);
  assert.equal(cpu.intercepts, undefined);
});

test("VMX root operation fixes bits of CR0 and CR4", () => {
  const cpu = started();
  const write = (register: 0 | 4, value: bigint) =>
    outcome(() => cpu.intercepts!.writeControlRegister(register, value, "mov"));
  assert.equal(write(0, 0x8000_0031n), "done");
  assert.equal(write(0, 0x31n), "fault 13");
  assert.equal(write(0, 0x8000_0011n), "fault 13");
  assert.equal(write(4, 0x2020n), "done");
  assert.equal(write(4, 0x20n), "fault 13");
});

test("VMX instructions of a guest exit before privilege and operands are checked", () => {
  const cpu = started();
  cpu.vmx.nonRoot = true;
  cpu.state.cpl = 3;
  for (const reason of [19, 20, 21, 22, 23, 24, 25, 26, 27, 50, 53]) {
    assert.equal(run(cpu, "beginVmx", reason, -1, RCX), `exit ${reason}`);
  }
  assert.equal(run(cpu, "vmcall"), "exit 18");
  const exit = outcome(() => vmxHelpers.beginVmx!(cpu, ExitReason.vmread, -1, RCX));
  assert.ok(exit instanceof VmExit);
  assert.equal(exit.qualification, 0x10n);
  // VMREAD [RAX + 10h], RCX: 64-bit addresses, segment DS, no index, base RAX, Reg2 RCX.
  assert.deepEqual(exit.fields, [[F.EXIT_INSTRUCTION_INFO, 0x1041_8100n]]);
});

test("state is saved and restored", () => {
  const cpu = started();
  const saved = JSON.parse(JSON.stringify(cpu.vmx.save()));
  vmxHelpers.vmxoff!(cpu);
  cpu.vmx.restore(saved);
  assert.equal(cpu.vmx.vmxonPointer, VMXON_REGION);
  assert.equal(cpu.vmx.current?.pointer, VMCS_A);
  assert.equal(cpu.vmx.current?.revision, VMCS_REVISION);
  assert.throws(() => cpu.vmx.restore({ ...saved, version: 99 }), /version 99/);
});
