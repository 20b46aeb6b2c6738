import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCpu } from "../models/cpu-string.js";
import { VmxCapabilities, VmxMsr } from "./capabilities.js";
import { CONTROLS, type ControlId } from "./controls.js";
import { VmcsField as F, fieldIndex, VMCS_FIELDS } from "./fields.js";

const MODELS = ["Penryn", "Nehalem", "Westmere", "Haswell", "Skylake-Server", "max"] as const;
const capabilitiesOf = (model: string) => new VmxCapabilities(parseCpu(`${model},+vmx`));
const low = (value: bigint): number => Number(value & 0xffff_ffffn);
const high = (value: bigint): number => Number(value >> 32n);

/** A processor has all or none: KVM refuses to load otherwise. */
const PAIRS: readonly (readonly ControlId[])[] = [
  ["entry.loadPerfGlobalCtrl", "exit.loadPerfGlobalCtrl"],
  ["entry.loadPat", "exit.loadPat"],
  ["entry.loadEfer", "exit.loadEfer"],
  ["entry.loadBndcfgs", "exit.clearBndcfgs"],
  ["entry.loadRtitCtl", "exit.clearRtitCtl"],
  ["secondary.enableEpt", "ept.walkLength4"],
  ["secondary.enableEpt", "ept.writeBack"],
  ["secondary.enableEpt", "ept.invept"],
  ["secondary.enableEpt", "ept.inveptAll"],
  ["secondary.enableVpid", "ept.invvpid"],
  ["secondary.enableVpid", "ept.invvpidAll"],
  ["secondary.enableVmFunctions", "vmfunc.eptpSwitching"],
  ["pin.activatePreemptionTimer", "exit.savePreemptionTimer"],
];

test("ids are unique, and so are bits within a group", () => {
  assert.equal(new Set(CONTROLS.map(({ id }) => id)).size, CONTROLS.length);
  assert.equal(new Set(CONTROLS.map(({ group, bit }) => `${group} ${bit}`)).size, CONTROLS.length);
});

for (const model of MODELS) {
  test(`${model}: pairs of controls agree`, () => {
    const capabilities = capabilitiesOf(model);
    for (const [first, ...others] of PAIRS) {
      for (const other of others) {
        assert.equal(capabilities.has(first!), capabilities.has(other), `${first} and ${other}`);
      }
    }
  });

  test(`${model}: capability MSRs are consistent`, () => {
    const capabilities = capabilitiesOf(model);
    const { msrs } = capabilities;
    const basic = msrs.get(VmxMsr.BASIC)!;
    assert.equal(basic & (1n << 31n), 0n);
    assert.equal((basic >> 32n) & 0x1fffn, 4096n);
    assert.equal((basic >> 48n) & 1n, 0n);
    assert.equal((basic >> 50n) & 0xfn, 6n);
    const controls = [VmxMsr.PINBASED_CTLS, VmxMsr.PROCBASED_CTLS, VmxMsr.EXIT_CTLS, VmxMsr.ENTRY_CTLS];
    const defaults = [0x16, 0x0401_e172, 0x0003_6dff, 0x11ff];
    for (const [i, index] of controls.entries()) {
      const value = msrs.get(index)!;
      assert.equal(low(value) & ~high(value), 0, "a bit that must be 1 may be 1");
      assert.equal(low(value), defaults[i], "the default-1 class");
      const precise = msrs.get(VmxMsr.TRUE_PINBASED_CTLS + i);
      assert.equal(precise !== undefined, (basic & (1n << 55n)) !== 0n);
      if (precise === undefined) continue;
      assert.equal(high(precise), high(value));
      assert.equal(low(precise) & ~low(value), 0);
    }
    const secondary = msrs.get(VmxMsr.PROCBASED_CTLS2)!;
    assert.equal(low(secondary), 0);
    const ept = (high(secondary) & 2) !== 0 || (high(secondary) & 0x20) !== 0;
    assert.equal(msrs.has(VmxMsr.EPT_VPID_CAP), ept);
    assert.equal(msrs.has(VmxMsr.VMFUNC), (high(secondary) & 0x2000) !== 0);
    const highest = Math.max(
      ...VMCS_FIELDS.filter(({ encoding }) => capabilities.fieldExists(encoding)).map(({ index }) => index),
    );
    assert.equal(fieldIndex(low(msrs.get(VmxMsr.VMCS_ENUM)!)), highest);
    const misc = msrs.get(VmxMsr.MISC)!;
    assert.equal((misc >> 16n) & 0x1ffn, 4n, "CR3 targets");
    assert.equal((misc >> 25n) & 7n, 0n, "512 entries");
  });

  test(`${model}: fields of controls that are not there do not exist`, () => {
    const capabilities = capabilitiesOf(model);
    for (const { encoding, needs, width, key } of VMCS_FIELDS) {
      const exists = needs.length === 0 || needs.some((id) => capabilities.has(id));
      assert.equal(capabilities.fieldExists(encoding), exists, key);
      assert.equal(capabilities.fieldExists(encoding | 1), exists && width === 64, `${key}, upper half`);
    }
  });
}

test("generations differ as their silicon did", () => {
  const has = (id: ControlId) => MODELS.filter((model) => capabilitiesOf(model).has(id)).join(" ");
  assert.equal(has("secondary.enableEpt"), "Nehalem Westmere Haswell Skylake-Server max");
  assert.equal(has("secondary.unrestrictedGuest"), "Westmere Haswell Skylake-Server max");
  assert.equal(has("secondary.vmcsShadowing"), "Haswell Skylake-Server max");
  assert.equal(has("secondary.enableInvpcid"), "Haswell Skylake-Server max");
  assert.equal(has("secondary.useTscScaling"), "Skylake-Server max");
  assert.equal(has("primary.useTprShadow"), MODELS.join(" "));
  assert.ok(new VmxCapabilities(parseCpu("Westmere,+vmx,+invpcid")).has("secondary.enableInvpcid"));
});

test("read-only fields can be written from Haswell on", () => {
  assert.ok(!capabilitiesOf("Westmere").fieldWritable(F.EXIT_REASON));
  assert.ok(capabilitiesOf("Westmere").fieldWritable(F.GUEST_RIP));
  assert.ok(capabilitiesOf("Haswell").fieldWritable(F.EXIT_REASON));
});

test("VMX is off unless asked for", () => {
  for (const model of MODELS) assert.ok(!parseCpu(model).features.has("vmx"), model);
});
