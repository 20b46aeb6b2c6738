import assert from "node:assert/strict";
import test from "node:test";
import { UsageError } from "../../host/usage-error.js";
import { parseCpu } from "./cpu-string.js";

const fails = (text: string, message: RegExp): void =>
  assert.throws(
    () => parseCpu(text),
    (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    },
  );

test("the default is Westmere; names ignore case and have aliases", () => {
  assert.equal(parseCpu().name, "Westmere");
  assert.equal(parseCpu("").name, "Westmere");
  assert.equal(parseCpu("epyc").name, "EPYC");
  assert.equal(parseCpu("486").name, "i486");
});

test("features go on and off in both spellings, and the last word wins", () => {
  assert.ok(parseCpu("Westmere,+smep").features.has("smep"));
  assert.ok(parseCpu("Westmere,smep=on").features.has("smep"));
  assert.ok(parseCpu("Westmere,smep").features.has("smep"));
  assert.equal(parseCpu("Westmere,smep=on,-smep").features.has("smep"), false);
  assert.equal(parseCpu("Westmere,aes=off").features.has("aes"), false);
});

test("what needs a feature goes with it, unless it was asked for", () => {
  const model = parseCpu("Haswell,-avx");
  for (const name of ["avx", "avx2", "fma", "f16c"] as const) assert.equal(model.features.has(name), false);
  assert.ok(model.features.has("xsave"));
  fails("Haswell,-avx,+avx2", /avx2 needs avx: add \+avx/);
  fails("Westmere,+avx2", /avx2 needs .*xsave/);
  assert.ok(parseCpu("Westmere,+xsave,+avx,+avx2").features.has("avx2"));
});

test("numbers, vendor and brand", () => {
  const model = parseCpu(
    "Westmere,phys-bits=46,vendor=AuthenticAMD,model-id=My CPU,stepping=0x3,xlevel=0x80000008",
  );
  assert.equal(model.physBits, 46);
  assert.equal(model.vendor, "amd");
  assert.equal(model.brand, "My CPU");
  assert.equal(model.stepping, 3);
  assert.equal(model.features.has("spec-ctrl"), false, "an Intel feature");
  fails("Westmere,phys-bits=99", /phys-bits=99 is out of range: give a number from 32 to 52/);
  fails("Westmere,phys-bits=many", /out of range/);
  fails("Westmere,vendor=Cyrix", /vendor=GenuineIntel/);
});

test("level rises to show a feature and, set by hand, hides those above it", () => {
  assert.equal(parseCpu("Westmere,+xsave").level, 0xd);
  assert.equal(parseCpu("pentium3,+smep").level, 7);
  const old = parseCpu("Haswell,level=6");
  assert.equal(old.level, 6);
  assert.equal(old.features.has("bmi1"), false);
  fails("Haswell,level=6,+bmi1", /above the highest CPUID leaf/);
  assert.equal(parseCpu("Haswell,xlevel=0").features.has("lm"), false);
});

test("mistakes are named, with the nearest name", () => {
  fails("Westmree", /no CPU model "Westmree": did you mean Westmere\?/);
  fails("zzzzzzzzzzz", /choose one of i486, /);
  fails("Westmere,+smpe", /no CPU feature "smpe": did you mean smep\?/);
  fails("Westmere,phys-bit=40", /did you mean phys-bits\?/);
  fails("Westmere,smep=yes", /write smep=on or smep=off/);
  fails("Westmere,+smx", /smx is not implemented yet/);
  fails("EPYC,+vmx", /vmx exists on Intel processors only/);
  fails("EPYC,+svm", /svm is not implemented yet/);
  fails("Skylake-Server,avx512f", /avx512f is not implemented yet/);
  fails("Westmere,+sse4a", /sse4a exists on AMD processors only/);
});

test("max is everything of its vendor", () => {
  const intel = parseCpu("max");
  const amd = parseCpu("max,vendor=amd");
  assert.equal(intel.vendor, "intel");
  assert.ok(intel.features.has("vaes") && intel.features.has("arch-capabilities"));
  assert.ok(!intel.features.has("sse4a") && amd.features.has("sse4a"));
  assert.equal(amd.family, 0x17);
  assert.equal(intel.features.has("hypervisor"), false);
});
