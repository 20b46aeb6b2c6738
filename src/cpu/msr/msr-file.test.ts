import assert from "node:assert/strict";
import test from "node:test";
import { CR0, EFER, LSTAR, SEGMENT_BASE, STATE_SIZE } from "../../isa/state.js";
import { CpuState } from "../cpu-state.js";
import { Fault } from "../fault.js";
import { Efer } from "../mmu.js";
import { parseCpu } from "../models/cpu-string.js";
import { CPU_MODELS } from "../models/models.js";
import { Msr } from "./architectural.js";
import { setFirmwareMemoryTypes } from "./firmware.js";
import { MSR_TABLE, MsrFile } from "./msr-file.js";
import type { MsrContext } from "./row.js";

function setup(cpu = "Westmere") {
  const state = new CpuState(new ArrayBuffer(STATE_SIZE), 0);
  const log: string[] = [];
  let tsc = 1000n;
  const apic = new Map<number, bigint>([[Msr.APIC_BASE, 0xfee00900n]]);
  const context: MsrContext = {
    state,
    model: parseCpu(cpu),
    tsc: () => tsc,
    setTsc: (value) => {
      tsc = value;
    },
    apic: {
      readMsr: (index) => apic.get(index) ?? 0n,
      writeMsr: (index, value) => {
        apic.set(index, value);
      },
    },
    eferChanged: () => log.push("efer"),
    fsGsChanged: () => log.push("base"),
    onUnknown: (index, write) => log.push(`${write ? "write" : "read"} ${index.toString(16)}`),
  };
  const msrs = new MsrFile(context);
  msrs.reset("power-on");
  log.length = 0;
  const faults = (action: () => void): void =>
    assert.throws(action, (thrown) => thrown instanceof Fault && thrown.vector === 13 && thrown.error === 0);
  /** The write gets #GP(0) and changes nothing. */
  const refuses = (index: number, value: bigint): void => {
    const before = msrs.peek(index);
    faults(() => msrs.write(index, value));
    assert.equal(msrs.peek(index), before);
  };
  return { state, log, context, msrs, apic, faults, refuses, now: () => tsc };
}

test("every model builds, and reads back the reset value of each readable MSR", () => {
  for (const { name } of CPU_MODELS) {
    const { msrs } = setup(name);
    for (const row of MSR_TABLE) {
      if (msrs.name(row.index) !== row.name.replace("#", "0") || row.access === "wo") continue;
      assert.equal(typeof msrs.read(row.index), "bigint", row.name);
    }
  }
  assert.equal(setup("i486").msrs.has(Msr.TSC), false);
});

test("unknown MSRs are #GP(0), counted and named", () => {
  const { msrs, faults, log } = setup();
  faults(() => msrs.read(0x1234));
  faults(() => msrs.write(0xc001_1029, 0n));
  assert.deepEqual(log, ["read 1234", "write c0011029"]);
  assert.equal(msrs.unknownCount, 2);
  assert.equal(msrs.name(Msr.EFER), "IA32_EFER");
  assert.equal(msrs.name(0x405), "IA32_MC1_STATUS");
});

test("EFER: reserved bits, LME under paging, LMA is read-only", () => {
  const { msrs, state, log, refuses } = setup();
  msrs.write(Msr.EFER, BigInt(Efer.SCE | Efer.LME | Efer.NXE | Efer.LMA));
  assert.equal(state.efer, Efer.SCE | Efer.LME | Efer.NXE);
  assert.deepEqual(log, ["efer"]);
  refuses(Msr.EFER, BigInt(Efer.SVME));
  refuses(Msr.EFER, 1n << 32n);
  state.setU64(EFER, BigInt(Efer.LME | Efer.LMA));
  state.setU64(CR0, 0x8000_0001n);
  refuses(Msr.EFER, 0n);
  msrs.write(Msr.EFER, BigInt(Efer.LME | Efer.NXE));
  assert.equal(state.efer, Efer.LME | Efer.LMA | Efer.NXE, "LMA stays");
  assert.equal(setup("pentium3").msrs.has(Msr.EFER), false);
  const noNx = setup("Westmere,-nx");
  noNx.refuses(Msr.EFER, BigInt(Efer.NXE));
});

test("addresses must be canonical; bases live in the CPU state", () => {
  const { msrs, state, log, refuses } = setup();
  const high = 0xffff_8000_0000_0000n;
  for (const index of [0xc000_0082, 0xc000_0083, Msr.FS_BASE, Msr.GS_BASE, 0xc000_0102, 0x175, 0x176]) {
    msrs.write(index, high);
    assert.equal(msrs.read(index), high);
    refuses(index, 0x8000_0000_0000n);
  }
  assert.equal(state.u64(LSTAR), high);
  assert.equal(state.u64(SEGMENT_BASE + 4 * 8), high);
  assert.deepEqual(log, ["base", "base"]);
});

test("FMASK, SYSENTER and TSC_AUX: upper halves, by vendor", () => {
  const intel = setup();
  intel.refuses(0xc000_0084, 1n << 32n);
  intel.refuses(Msr.TSC_AUX, 1n << 32n);
  const amd = setup("EPYC");
  amd.msrs.write(Msr.TSC_AUX, 0x5_0000_0007n);
  assert.equal(amd.msrs.tscAux, 7);
  amd.msrs.write(0x175, 0x1_8000_0000_1234n);
  assert.equal(amd.msrs.read(0x175), 0x1234n, "SYSENTER_ESP has 32 bits, whatever is above");
});

test("TSC and TSC_ADJUST move together", () => {
  const { msrs, now } = setup();
  msrs.write(Msr.TSC, 400n);
  assert.equal(now(), 400n);
  assert.equal(msrs.read(Msr.TSC_ADJUST), BigInt.asUintN(64, -600n));
  msrs.write(Msr.TSC_ADJUST, 0n);
  assert.equal(now(), 1000n);
  assert.equal(setup("Penryn").msrs.has(Msr.TSC_ADJUST), false);
});

test("MTRRs and PAT refuse undefined types and reserved bits", () => {
  const { msrs, refuses } = setup();
  assert.equal(msrs.read(Msr.MTRRCAP), 0x508n);
  refuses(Msr.MTRRCAP, 0n);
  assert.equal(msrs.read(Msr.PAT), 0x0007040600070406n);
  msrs.write(Msr.PAT, 0x0407_0500_0107_0406n);
  refuses(Msr.PAT, 2n);
  refuses(Msr.PAT, 0x0300_0000_0000_0000n);
  msrs.write(Msr.MTRR_DEF_TYPE, 0xc06n);
  refuses(Msr.MTRR_DEF_TYPE, 0x1006n);
  refuses(Msr.MTRR_DEF_TYPE, 0xc07n);
  msrs.write(0x250, 0x0606_0606_0606_0606n);
  refuses(0x250, 0x0706_0606_0606_0606n);
  msrs.write(0x20e, 0xff_ffff_f006n);
  refuses(0x20e, 0x106n);
  refuses(0x20e, 1n << 40n);
  msrs.write(0x20f, 0xff_ffff_f800n);
  refuses(0x20f, 0x400n);
  assert.equal(msrs.has(0x210), false, "eight pairs");
  setup("Westmere,phys-bits=44").msrs.write(0x20e, (1n << 40n) | 6n);
  setup("EPYC").msrs.write(0x250, 0x1e1e_1e1e_1e1e_1e1en);
});

test("machine check: status clears only, control is all or nothing", () => {
  const { msrs, refuses } = setup();
  assert.equal(msrs.read(0x179) & 0xffn, 10n);
  refuses(0x17b, 1n);
  msrs.write(0x17b, 0n);
  msrs.write(0x400, 0xffff_ffff_ffff_ffffn);
  msrs.write(0x401, 0n);
  refuses(0x401, 1n);
  refuses(0x17a, 8n);
  const amd = setup("EPYC");
  amd.msrs.write(Msr.HWCR, 1n << 18n);
  amd.msrs.write(0x401, 0x1234n);
});

test("the local APIC gets its own", () => {
  const { msrs, apic } = setup();
  assert.equal(msrs.read(Msr.APIC_BASE), 0xfee00900n);
  msrs.write(Msr.TSC_DEADLINE, 5n);
  msrs.write(0x80b, 0n);
  assert.equal(apic.get(Msr.TSC_DEADLINE), 5n);
  assert.ok(apic.has(0x80b));
  assert.equal(setup("Westmere,-x2apic").msrs.has(0x802), false);
  assert.equal(setup("Westmere,-tsc-deadline").msrs.has(Msr.TSC_DEADLINE), false);
});

test("Intel: FEATURE_CONTROL is locked, microcode stays, CPUID can be limited", () => {
  const { msrs, refuses } = setup("Westmere,+monitor");
  assert.equal(msrs.read(Msr.FEATURE_CONTROL), 1n);
  refuses(Msr.FEATURE_CONTROL, 5n);
  msrs.write(Msr.BIOS_SIGN_ID, 0n);
  assert.equal(msrs.read(Msr.BIOS_SIGN_ID), 0x1fn << 32n);
  assert.equal(msrs.hidesMonitor, false);
  msrs.write(Msr.MISC_ENABLE, 1n | (1n << 22n));
  assert.ok(msrs.limitsCpuid && msrs.hidesMonitor);
  refuses(Msr.MISC_ENABLE, 2n);
});

test("speculation control comes with its features", () => {
  const { msrs, refuses, faults } = setup();
  msrs.write(0x48, 7n);
  refuses(0x48, 8n);
  msrs.write(0x49, 1n);
  refuses(0x49, 2n);
  faults(() => msrs.read(0x49));
  assert.equal(msrs.read(0x10a) & 3n, 3n);
  const bare = setup("Nehalem").msrs;
  for (const index of [0x48, 0x49, 0x10a, 0x10b]) assert.equal(bare.has(index), false);
});

test("AMD: its own registers, and not Intel's", () => {
  const { msrs, refuses } = setup("EPYC");
  assert.equal(msrs.read(Msr.BIOS_SIGN_ID), 0x0800_126en);
  assert.equal(msrs.read(0xc001_1029) & 2n, 2n, "LFENCE serializes");
  assert.notEqual(msrs.read(Msr.HWCR) & (1n << 24n), 0n);
  assert.equal(msrs.read(0xc001_0114), 0x18n, "SVM is disabled and locked");
  assert.equal(msrs.has(Msr.FEATURE_CONTROL), false);
  assert.equal(msrs.has(Msr.MISC_ENABLE), false);
  refuses(0xc001_0010, 1n);
  msrs.write(0xc001_0004, 99n);
  assert.equal(msrs.read(0xc001_0004), 0n, "the counters do not exist");
});

test("power-on resets, INIT clears EFER only", () => {
  const { msrs, state } = setup();
  msrs.write(Msr.EFER, BigInt(Efer.NXE));
  msrs.write(Msr.PAT, 0n);
  msrs.write(0xc000_0082, 0x1000n);
  msrs.reset("init");
  assert.equal(state.efer, 0);
  assert.equal(msrs.read(Msr.PAT), 0n);
  assert.equal(msrs.read(0xc000_0082), 0x1000n);
  msrs.reset("power-on");
  assert.equal(msrs.read(Msr.PAT), 0x0007040600070406n);
  assert.equal(state.u64(LSTAR), 0n);
});

test("save and restore by way of JSON", () => {
  const from = setup();
  from.msrs.write(Msr.PAT, 0n);
  from.msrs.write(Msr.MTRR_DEF_TYPE, 0xc06n);
  const saved = JSON.parse(JSON.stringify(from.msrs.save())) as ReturnType<MsrFile["save"]>;
  const to = setup();
  to.msrs.write(Msr.MISC_ENABLE, to.msrs.read(Msr.MISC_ENABLE) ^ 1n);
  to.msrs.restore(saved);
  assert.equal(to.msrs.read(Msr.PAT), 0n);
  assert.equal(to.msrs.read(Msr.MTRR_DEF_TYPE), 0xc06n);
  assert.equal(to.msrs.read(Msr.MISC_ENABLE), setup().msrs.read(Msr.MISC_ENABLE));
  assert.throws(() => to.msrs.restore({ ...saved, version: 99 }), /version 99/);
});

test("firmware leaves memory types that cover the device window exactly", () => {
  const { msrs } = setup();
  setFirmwareMemoryTypes(msrs, 40, 0xb000_0000n);
  assert.equal(msrs.read(Msr.MTRR_DEF_TYPE), 0xc06n);
  assert.deepEqual(
    [0x200, 0x201, 0x202, 0x203, 0x205].map((index) => msrs.read(index).toString(16)),
    ["b0000000", "fff0000800", "c0000000", "ffc0000800", "0"],
  );
});

test("another room can add its registers, but not twice", () => {
  const { msrs } = setup();
  const rows = [{ name: "IA32_VMX_BASIC", index: 0x480, access: "ro", reset: 0x1234n }] as const;
  msrs.add(rows);
  assert.equal(msrs.read(0x480), 0x1234n);
  assert.throws(() => msrs.add(rows), /described twice/);
});
