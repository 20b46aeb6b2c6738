import assert from "node:assert/strict";
import { test } from "node:test";
import { VmExit } from "./contract.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField as F } from "./fields.js";
import { vmxHelpers } from "./helpers-vmx.js";
import { RCX, RDX, started, vmread, vmwrite } from "./instructions.test.helper.js";
import { outcome, SHADOW_VMCS, writeFields } from "./vmx-fixture.test.helper.js";

test("VMREAD and VMWRITE", () => {
  const cpu = started();
  const { state } = cpu;
  state.setGpr(RCX, BigInt(F.GUEST_RIP));
  state.setGpr(RDX, 0x1122_3344_5566_7788n);
  assert.equal(vmwrite(cpu), "success");
  state.setGpr(RDX, 0n);
  assert.equal(vmread(cpu), "success");
  assert.equal(state.gpr(RDX), 0x1122_3344_5566_7788n);
  state.setGpr(RCX, BigInt(F.GUEST_CS_SELECTOR));
  assert.equal(vmwrite(cpu), "success");
  assert.equal(vmread(cpu), "success");
  assert.equal(state.gpr(RDX), 0x7788n);
  state.setGpr(RCX, BigInt(F.TSC_OFFSET | 1));
  state.setGpr(RDX, 0x1_0000_0005n);
  assert.equal(vmwrite(cpu), "success");
  assert.equal(cpu.vmx.current!.read(F.TSC_OFFSET), 5n << 32n);
  assert.equal(vmread(cpu), "success");
  assert.equal(state.gpr(RDX), 5n);
});

test("VMREAD and VMWRITE of what does not exist, or cannot be written", () => {
  const cpu = started("Westmere,+vmx");
  const { state } = cpu;
  for (const encoding of [0x6899n, 0x8000n, 1n << 32n, 0x681fn, BigInt(F.TSC_MULTIPLIER)]) {
    state.setGpr(RCX, encoding);
    state.setGpr(RDX, 77n);
    assert.equal(vmread(cpu), "error 12");
    assert.equal(state.gpr(RDX), 77n);
    assert.equal(vmwrite(cpu), "error 12");
  }
  state.setGpr(RCX, BigInt(F.EXIT_REASON));
  assert.equal(vmwrite(cpu), "error 13");
  const haswell = started("Haswell,+vmx");
  haswell.state.setGpr(RCX, BigInt(F.EXIT_REASON));
  assert.equal(vmwrite(haswell), "success");
});

test("VMCS shadowing", () => {
  const cpu = started();
  const { state } = cpu;
  const vmcs = cpu.vmx.current!;
  const READ = 0x50000;
  const WRITE = 0x51000;
  writeFields(vmcs, {
    SECONDARY_CONTROLS: 1 << 14,
    VMREAD_BITMAP_ADDRESS: READ,
    VMWRITE_BITMAP_ADDRESS: WRITE,
    VMCS_LINK_POINTER: SHADOW_VMCS,
  });
  cpu.setWord(WRITE + (F.GUEST_RSP >> 3), 1 << (F.GUEST_RSP & 7));
  cpu.vmx.nonRoot = true;
  state.setGpr(RCX, BigInt(F.GUEST_RSP));
  state.setGpr(RDX, 5n);
  const begin = (reason: number) => outcome(() => vmxHelpers.beginVmx!(cpu, reason, RDX, RCX));
  assert.equal(begin(ExitReason.vmread), "done");
  assert.ok(begin(ExitReason.vmwrite) instanceof VmExit, "its bit is 1");
  cpu.region(SHADOW_VMCS).write(F.GUEST_RSP, 0x1234n);
  assert.equal(vmread(cpu), "success");
  assert.equal(state.gpr(RDX), 0x1234n);
  state.setGpr(RCX, BigInt(F.GUEST_RIP));
  assert.equal(begin(ExitReason.vmwrite), "done");
  assert.equal(vmwrite(cpu), "success");
  assert.equal(cpu.region(SHADOW_VMCS).read(F.GUEST_RIP), 0x1234n);
  state.setGpr(RCX, 0x6899n);
  assert.equal(vmread(cpu), "error 12", "in the current VMCS");
  state.setGpr(RCX, 0x8000n);
  assert.ok(begin(ExitReason.vmread) instanceof VmExit, "an encoding beyond the bitmap");
  state.setGpr(RCX, BigInt(F.GUEST_RIP));
  state.cpl = 3;
  assert.equal(begin(ExitReason.vmread), "fault 13");
  state.cpl = 0;
  writeFields(vmcs, { VMCS_LINK_POINTER: 0xffff_ffff_ffff_ffffn });
  assert.equal(vmread(cpu), "invalid");
});
