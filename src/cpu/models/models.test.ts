import assert from "node:assert/strict";
import test from "node:test";
import { rows } from "../../isa/decode/forms.js";
import { Cr4, Efer } from "../mmu.js";
import { parseCpu } from "./cpu-string.js";
import { cr4Mask, decoderFeatures, eferMask, systemFeatures, xcr0Mask } from "./derive.js";
import { allNeeds, cpuidBit, FEATURE_NAMES, featureRow, findFeature, isImplemented } from "./features.js";
import { CPU_MODELS } from "./models.js";

const models = [...CPU_MODELS.map((source) => source.build(undefined)), parseCpu("max,vendor=AuthenticAMD")];

test("the table is sound: one bit, one feature; needs and aliases lead somewhere", () => {
  const places = new Map<string, string>();
  for (const name of FEATURE_NAMES) {
    const { leaf, subleaf, register, bit } = cpuidBit(name);
    assert.ok(leaf >= 1 && bit >= 0 && bit < 32, name);
    assert.ok(["eax", "ebx", "ecx", "edx"].includes(register), name);
    const place = `${leaf}.${subleaf}.${register}.${bit}`;
    assert.equal(places.get(place), undefined, `${name} shares a bit`);
    places.set(place, name);
    assert.equal(findFeature(name), name);
    for (const need of featureRow(name).needs ?? []) {
      assert.ok((FEATURE_NAMES as readonly string[]).includes(need), `${name} needs ${need}`);
    }
    for (const need of allNeeds(name)) {
      if (isImplemented(name))
        assert.ok(isImplemented(need), `${name} needs ${need}, which is not implemented`);
    }
  }
  assert.equal(findFeature("SSE4_2"), "sse4.2");
  assert.equal(findFeature("tsc_deadline_timer"), "tsc-deadline");
});

test("models have only what is implemented, what their vendor has, and what it needs", () => {
  for (const model of models) {
    for (const name of model.features) {
      assert.ok(isImplemented(name), `${model.name}: ${name}`);
      assert.equal(featureRow(name).vendor ?? model.vendor, model.vendor, `${model.name}: ${name}`);
      for (const need of allNeeds(name))
        assert.ok(model.features.has(need), `${model.name}: ${name} needs ${need}`);
      const { leaf } = cpuidBit(name);
      assert.ok(leaf <= (leaf < 0x8000_0000 ? model.level : model.xlevel), `${model.name} hides ${name}`);
    }
    assert.ok(model.brand.length < 48);
  }
});

test("a model read from the option is the model of the list", () => {
  for (const source of CPU_MODELS) assert.deepEqual(parseCpu(source.name), source.build(undefined));
});

test("the hypervisor instructions stay undefined on every model", () => {
  for (const model of models) {
    const features = decoderFeatures(model);
    for (const name of ["vmx", "svm", "smx", "pku", "mpx", "3dnow"] as const)
      assert.equal(features.has(name), false);
    assert.equal(cr4Mask(model) & Cr4.VMXE, 0);
    assert.equal(eferMask(model) & Efer.SVME, 0);
  }
});

test("every feature that rows of the opcode map ask for comes from the table", () => {
  const known = new Set<string>(FEATURE_NAMES.flatMap((name) => featureRow(name).decoder ?? []));
  known.add("base");
  for (const { row } of rows) for (const feature of row.features) assert.ok(known.has(feature), feature);
});

test("control-register masks follow the features", () => {
  const westmere = parseCpu("Westmere");
  assert.equal(cr4Mask(westmere) & (Cr4.SMEP | Cr4.SMAP | Cr4.UMIP | Cr4.FSGSBASE | Cr4.OSXSAVE), 0);
  assert.notEqual(cr4Mask(westmere) & Cr4.PCIDE, 0);
  assert.equal(xcr0Mask(westmere), 0n);
  assert.equal(eferMask(westmere), Efer.SCE | Efer.LME | Efer.LMA | Efer.NXE);
  const all = Cr4.SMEP | Cr4.SMAP | Cr4.UMIP | Cr4.FSGSBASE;
  assert.equal(cr4Mask(parseCpu("Westmere,+smep,+smap,+umip,+fsgsbase")) & all, all);
  assert.equal(xcr0Mask(parseCpu("Haswell")), 7n);
  assert.equal(xcr0Mask(parseCpu("Haswell,-avx")), 3n);
  assert.equal(cr4Mask(parseCpu("i486")), Cr4.VME | Cr4.PVI | Cr4.PSE);
  assert.equal(eferMask(parseCpu("pentium3")), 0);
  assert.deepEqual(systemFeatures(parseCpu("EPYC,phys-bits=48")), {
    vendor: "amd",
    cr4Mask: cr4Mask(parseCpu("EPYC")),
    xcr0Mask: 7n,
    physicalBits: 48,
    xgetbv1: true,
  });
});
