import assert from "node:assert/strict";
import test from "node:test";
import type { CpuidResult } from "../context.js";
import { parseCpu } from "./cpu-string.js";
import { type CpuidState, CpuidTable } from "./cpuid.js";
import { decoderFeatures } from "./derive.js";
import { cpuidBit, FEATURE_NAMES, featureRow } from "./features.js";
import { CPU_MODELS } from "./models.js";
import { apicIdOf, flatTopology } from "./topology.js";

const state: CpuidState = { osxsave: false, ospke: false, apicId: 0, xcr0: 1n, apicEnabled: true };

const table = (cpu: string, cpus = 1) => new CpuidTable(parseCpu(cpu), flatTopology(cpus));
const bit = (value: number, n: number): boolean => ((value >>> n) & 1) !== 0;

/** The characters of registers in the order given. */
function text(...values: number[]): string {
  const bytes = new Uint8Array(new Uint32Array(values).buffer);
  return String.fromCharCode(...bytes).replace(/\0+$/, "");
}
const vendorId = ({ ebx, ecx, edx }: CpuidResult) => text(ebx, edx, ecx);

test("CPUID shows exactly the model's features, and the decoder agrees", () => {
  for (const source of CPU_MODELS) {
    const cpuid = table(source.name);
    const accepted = decoderFeatures(cpuid.model);
    for (const name of FEATURE_NAMES) {
      const place = cpuidBit(name);
      const max = place.leaf < 0x8000_0000 ? cpuid.model.level : cpuid.model.xlevel;
      const shown =
        place.leaf <= max && bit(cpuid.query(place.leaf, place.subleaf, state)[place.register], place.bit);
      assert.equal(shown, cpuid.model.features.has(name), `${source.name}: ${name}`);
      if (shown) for (const feature of featureRow(name).decoder ?? []) assert.ok(accepted.has(feature));
    }
  }
});

test("signatures are those of the silicon", () => {
  const eax = (cpu: string) => table(cpu).query(1, 0, state).eax;
  assert.equal(eax("i486"), 0x480);
  assert.equal(eax("pentium3"), 0x673);
  assert.equal(eax("Penryn"), 0x1067a);
  assert.equal(eax("Nehalem"), 0x106a5);
  assert.equal(eax("Westmere"), 0x206c2);
  assert.equal(eax("Haswell"), 0x306c3);
  assert.equal(eax("Skylake-Server"), 0x50654);
  assert.equal(eax("Opteron_G3"), 0x100f23);
  assert.equal(eax("EPYC"), 0x800f12);
  assert.equal(table("EPYC").query(0x8000_0001, 0, state).eax, 0x800f12);
});

test("vendor, brand and highest leaves", () => {
  const westmere = table("Westmere");
  assert.equal(vendorId(westmere.query(0, 0, state)), "GenuineIntel");
  assert.equal(westmere.query(0, 0, state).eax, 0xb);
  assert.deepEqual(westmere.query(0x8000_0000, 0, state), { eax: 0x8000_0008, ebx: 0, ecx: 0, edx: 0 });
  const brand = [2, 3, 4].flatMap((n) => {
    const { eax, ebx, ecx, edx } = westmere.query(0x8000_0000 + n, 0, state);
    return [eax, ebx, ecx, edx];
  });
  assert.equal(text(...brand), "vt86 Westmere");
  assert.equal(vendorId(table("EPYC").query(0x8000_0000, 0, state)), "AuthenticAMD");
});

test("leaves that do not exist: the highest basic one on Intel, zeros on AMD", () => {
  const westmere = table("Westmere");
  const highest = westmere.query(0xb, 1, state);
  assert.deepEqual(westmere.query(0x55, 1, state), highest);
  assert.deepEqual(westmere.query(0x4000_0000, 1, state), highest);
  assert.deepEqual(westmere.query(0x8000_0009, 1, state), highest);
  assert.deepEqual(table("EPYC").query(0x55, 0, state), { eax: 0, ebx: 0, ecx: 0, edx: 0 });
});

test("bits that follow the processor's state", () => {
  const haswell = table("Haswell");
  assert.equal(bit(haswell.query(1, 0, state).ecx, 27), false);
  assert.equal(bit(haswell.query(1, 0, { ...state, osxsave: true }).ecx, 27), true);
  assert.equal(bit(haswell.query(1, 0, { ...state, apicEnabled: false }).edx, 9), false);
  assert.equal(bit(table("EPYC").query(0x8000_0001, 0, { ...state, apicEnabled: false }).edx, 9), false);
  assert.equal(haswell.query(1, 0, { ...state, apicId: 5 }).ebx >>> 24, 5);
  assert.equal(haswell.query(0, 0, { ...state, limited: true }).eax, 2);
  const monitor = table("Westmere,+monitor");
  assert.equal(bit(monitor.query(1, 0, state).ecx, 3), true);
  assert.equal(bit(monitor.query(1, 0, { ...state, monitorHidden: true }).ecx, 3), false);
});

test("AMD repeats the basic features in 8000_0001H:EDX, Intel does not", () => {
  const repeated = 0x0183f3ff;
  const epyc = table("EPYC");
  assert.equal(epyc.query(0x8000_0001, 0, state).edx & repeated, epyc.query(1, 0, state).edx & repeated);
  assert.equal(table("Westmere").query(0x8000_0001, 0, state).edx & repeated, 0);
});

test("XSAVE leaf: sizes by enabled and by possible components", () => {
  const haswell = table("Haswell");
  assert.deepEqual(haswell.query(0xd, 0, { ...state, xcr0: 3n }), { eax: 7, ebx: 576, ecx: 832, edx: 0 });
  assert.equal(haswell.query(0xd, 0, { ...state, xcr0: 7n }).ebx, 832);
  assert.deepEqual(haswell.query(0xd, 2, state), { eax: 256, ebx: 576, ecx: 0, edx: 0 });
  assert.deepEqual(haswell.query(0xd, 3, state), { eax: 0, ebx: 0, ecx: 0, edx: 0 });
  const skylake = table("Skylake-Server").query(0xd, 1, { ...state, xcr0: 7n });
  assert.deepEqual(skylake, { eax: 15, ebx: 832, ecx: 0, edx: 0 });
});

test("topology: leaf 0BH, leaf 4 and APIC ids tell the same story", () => {
  const topology = { threadsPerCore: 2, coresPerPackage: 3, packages: 2 };
  const cpuid = new CpuidTable(parseCpu("Westmere"), topology);
  assert.deepEqual(
    Array.from({ length: 12 }, (_, cpu) => apicIdOf(topology, cpu)),
    [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13],
  );
  const at = { ...state, apicId: 9 };
  assert.deepEqual(cpuid.query(0xb, 0, at), { eax: 1, ebx: 2, ecx: 0x100, edx: 9 });
  assert.deepEqual(cpuid.query(0xb, 1, at), { eax: 3, ebx: 6, ecx: 0x201, edx: 9 });
  assert.deepEqual(cpuid.query(0xb, 2, at), { eax: 0, ebx: 0, ecx: 2, edx: 9 });
  assert.equal((cpuid.query(1, 0, at).ebx >>> 16) & 0xff, 8);
  assert.equal(bit(cpuid.query(1, 0, at).edx, 28), true);
  assert.equal(bit(table("Westmere").query(1, 0, state).edx, 28), false);
  const l1 = cpuid.query(4, 0, at);
  const l3 = cpuid.query(4, 3, at);
  assert.equal((l1.eax >>> 14) & 0xfff, 1);
  assert.equal((l3.eax >>> 14) & 0xfff, 7);
  assert.equal(l1.eax >>> 26, 3);
});

test("caches: sizes multiply out, in both vendors' leaves", () => {
  const size = ({ ebx, ecx }: CpuidResult): number => ((ebx >>> 22) + 1) * ((ebx & 0xfff) + 1) * (ecx + 1);
  const westmere = table("Westmere");
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => size(westmere.query(4, index, state)) / 1024),
    [32, 32, 256, 12288],
  );
  assert.equal(westmere.query(4, 4, state).eax, 0);
  const epyc = table("EPYC", 4);
  assert.equal(size(epyc.query(0x8000_001d, 3, state)), 8 << 20);
  assert.equal(epyc.query(0x8000_0005, 0, state).ecx, 0x20080140);
  assert.equal(epyc.query(0x8000_0006, 0, state).ecx, 0x02006140);
  assert.equal(epyc.query(0x8000_0006, 0, state).edx, 0x00408140);
  assert.equal(epyc.query(0x8000_0008, 0, state).ecx, 3 | (2 << 12));
  for (const source of CPU_MODELS) {
    for (const cache of source.build(undefined).caches) {
      assert.equal(Number.isInteger((cache.kilobytes * 1024) / cache.ways / cache.line), true, source.name);
    }
  }
});

test("address sizes, clocks, performance monitoring, hypervisor on request", () => {
  assert.equal(table("Westmere").query(0x8000_0008, 0, state).eax, 0x3028);
  assert.equal(table("Westmere,phys-bits=36").query(0x8000_0008, 0, state).eax, 0x3024);
  assert.deepEqual(table("Skylake-Server").query(0x15, 0, state), {
    eax: 1,
    ebx: 40,
    ecx: 25_000_000,
    edx: 0,
  });
  assert.equal(table("Skylake-Server").query(0x16, 0, state).eax, 1000);
  assert.deepEqual(table("Skylake-Server").query(0xa, 0, state), {
    eax: 0x0730_0402,
    ebx: 0x78,
    ecx: 0,
    edx: 0x603,
  });
  assert.equal(table("Skylake-Server,-pmu").query(0xa, 0, state).eax, 0);
  assert.equal(table("EPYC").query(0xa, 0, state).eax, 0);
  const hypervisor = table("Westmere,+hypervisor").query(0x4000_0000, 0, state);
  assert.equal(text(hypervisor.ebx, hypervisor.ecx, hypervisor.edx), "vt86vt86vt86");
});

test("what Linux and its userspace look for is there by default", () => {
  const { features } = parseCpu();
  const wanted = `lm pae fpu cx8 msr fxsr cmov sse sse2 apic x2apic tsc invtsc tsc-deadline pat mtrr nx syscall rdtscp
    pcid arat cx16 lahf-lm popcnt pni ssse3 sse4.1 sse4.2 aes pclmulqdq pdpe1gb`;
  for (const name of wanted.split(/\s+/)) assert.ok((features as ReadonlySet<string>).has(name), name);
});
