/**
 * The CPU models, as data.
 *
 * Provenance: signatures, microcode revisions, caches and TLB descriptors are those of the silicon named with
 * each model. Features are those that QEMU 7.2 gives to the model of the same name
 * (`query-cpu-model-expansion`), minus what vt86 does not implement, plus what is said beside each list. The
 * time-stamp counter, the local APIC timer and rep string instructions of vt86 are constant and fast on every
 * model, so all 64-bit ones say so (invtsc, arat, erms on Intel).
 */
import {
  type CpuVendor,
  FEATURE_NAMES,
  type FeatureName,
  featureList,
  featureRow,
  isImplemented,
} from "./features.js";
import type { Cache, CpuModel } from "./model.js";

/** A model before options: `max` differs by vendor. */
export interface ModelSource {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line for the list of models. */
  readonly about: string;
  readonly build: (vendor: CpuVendor | undefined) => CpuModel;
}

const P6 = featureList(
  "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr sse",
);
/** x86-64-v1 as every Intel and AMD processor since 2007 has it. */
const X86_64 = [...P6, ...featureList("clflush sse2 pni cx16 syscall nx lm lahf-lm invtsc")];
const V2 = featureList("ssse3 sse4.1 sse4.2 popcnt");
/** What Intel's processors have since Nehalem. */
const NEHALEM = featureList("pmu");
/** The platform's own gifts to a modern kernel, in the way QEMU adds x2apic to every model under KVM. */
const PLATFORM = featureList("x2apic tsc-deadline tsc-adjust arat");
/** vt86 executes nothing speculatively and says so: the guest leaves its mitigations off. */
const NO_SPECULATION = featureList("spec-ctrl stibp ssbd arch-capabilities md-clear");
const HASWELL = featureList(`
  aes pclmulqdq pcid pdpe1gb rdtscp rdrand erms xsave xsaveopt avx avx2 fma f16c bmi1 bmi2 movbe abm
  fsgsbase invpcid smep
`);

const L1 = (data: number, dataWays: number, code: number, codeWays: number, line = 64): readonly Cache[] => [
  { level: 1, type: "data", kilobytes: data, ways: dataWays, line },
  { level: 1, type: "instruction", kilobytes: code, ways: codeWays, line },
];
const L2 = (kilobytes: number, ways: number, line = 64): Cache => ({
  level: 2,
  type: "unified",
  kilobytes,
  ways,
  line,
});
const L3 = (kilobytes: number, ways: number): Cache => ({
  level: 3,
  type: "unified",
  kilobytes,
  ways,
  line: 64,
  shared: "package",
});

interface Draft extends Omit<CpuModel, "features" | "brand" | "physBits"> {
  readonly aliases?: readonly string[];
  readonly about: string;
  readonly features: readonly (readonly FeatureName[])[];
  /** Default: 40. */
  readonly physBits?: number;
}

function define({ aliases = [], about, ...draft }: Draft): ModelSource {
  const model: CpuModel = {
    physBits: 40,
    ...draft,
    brand: `vt86 ${draft.name}`,
    features: new Set(draft.features.flat()),
  };
  const build = (vendor: CpuVendor | undefined): CpuModel => ({ ...model, vendor: vendor ?? model.vendor });
  return { name: draft.name, aliases, about, build };
}

/** 486DX4: signature 0480H. The later 486s have CPUID, virtual-8086 extensions and large pages. */
const i486 = define({
  name: "i486",
  aliases: ["486"],
  about: "Intel 486DX4: no RDTSC, no MSRs, no local APIC",
  vendor: "intel",
  family: 4,
  model: 8,
  stepping: 0,
  level: 1,
  xlevel: 0,
  physBits: 32,
  microcode: 0,
  features: [featureList("fpu vme pse")],
  caches: [],
});

/** Pentium III "Katmai": signature 0673H, 512 KiB external L2. */
const pentium3 = define({
  name: "pentium3",
  about: "Intel Pentium III: 32-bit, SSE",
  vendor: "intel",
  family: 6,
  model: 7,
  stepping: 3,
  level: 2,
  xlevel: 0,
  physBits: 36,
  microcode: 0x0e,
  features: [P6],
  caches: [...L1(16, 4, 16, 4, 32), L2(512, 4, 32)],
  descriptors: [0x03020101, 0, 0, 0x0c040843],
});

/** Core 2 E8000: signature 1067AH. */
const Penryn = define({
  name: "Penryn",
  about: "Intel Core 2 of 2008: SSE4.1",
  vendor: "intel",
  family: 6,
  model: 23,
  stepping: 10,
  level: 0xa,
  xlevel: 0x8000_0008,
  microcode: 0xa0b,
  features: [X86_64, featureList("ssse3 sse4.1 arat x2apic")],
  vmx: "penryn",
  caches: [...L1(32, 8, 32, 8), { ...L2(6144, 24), shared: "package" }],
  descriptors: [0x05b0b101, 0x005657f0, 0, 0x2cb4304e],
});

/** Core i7-900, Xeon 5500: signature 106A5H. */
const Nehalem = define({
  name: "Nehalem",
  about: "Intel Core i7 and Xeon 5500 of 2008: SSE4.2, POPCNT (x86-64-v2)",
  vendor: "intel",
  family: 6,
  model: 26,
  stepping: 5,
  level: 0xb,
  xlevel: 0x8000_0008,
  microcode: 0x1d,
  features: [X86_64, V2, PLATFORM, NEHALEM, featureList("rdtscp")],
  vmx: "nehalem",
  caches: [...L1(32, 8, 32, 4), L2(256, 8), { ...L3(8192, 16), inclusive: true }],
  descriptors: [0x55035a01, 0x00f0b2e4, 0, 0x09ca212c],
});

/**
 * Xeon 5600: signature 206C2H. Beyond the silicon: tsc-deadline, tsc-adjust, arat, erms; rdrand, so that a
 * guest has entropy at boot; the speculation controls. Options worth knowing: smep smap umip fsgsbase invpcid.
 */
const Westmere = define({
  name: "Westmere",
  about: "Intel Xeon 5600 of 2010: Nehalem with AES, PCID, 1 GiB pages (default)",
  vendor: "intel",
  family: 6,
  model: 44,
  stepping: 2,
  level: 0xb,
  xlevel: 0x8000_0008,
  microcode: 0x1f,
  features: [
    X86_64,
    V2,
    PLATFORM,
    NO_SPECULATION,
    NEHALEM,
    featureList("aes pclmulqdq pcid pdpe1gb rdtscp rdrand erms"),
  ],
  vmx: "westmere",
  caches: [...L1(32, 8, 32, 4), L2(256, 8), { ...L3(12288, 16), inclusive: true }],
  descriptors: [0x55035a01, 0x00f0b2ff, 0, 0x00ca0000],
});

/** Core i7-4000: signature 306C3H, TSX switched off as by microcode. */
const Haswell = define({
  name: "Haswell",
  about: "Intel Core of 2013: AVX2, FMA, BMI (x86-64-v3)",
  vendor: "intel",
  family: 6,
  model: 60,
  stepping: 3,
  level: 0xd,
  xlevel: 0x8000_0008,
  microcode: 0x28,
  features: [X86_64, V2, PLATFORM, NO_SPECULATION, NEHALEM, HASWELL],
  vmx: "haswell",
  caches: [...L1(32, 8, 32, 8), L2(256, 8), { ...L3(8192, 16), inclusive: true }],
  descriptors: [0x76036301, 0x00f0b5ff, 0, 0x00c10000],
});

/** Xeon Scalable: signature 50654H; without AVX-512, TSX, MPX and protection keys. */
const SkylakeServer = define({
  name: "Skylake-Server",
  about: "Intel Xeon Scalable of 2017 without AVX-512: XSAVES, SMAP, RDSEED (x86-64-v3)",
  vendor: "intel",
  family: 6,
  model: 85,
  stepping: 4,
  level: 0x16,
  xlevel: 0x8000_0008,
  microcode: 0x2007006,
  features: [
    X86_64,
    V2,
    PLATFORM,
    NO_SPECULATION,
    NEHALEM,
    HASWELL,
    featureList("3dnowprefetch adx rdseed smap clflushopt clwb xsavec xgetbv1 xsaves"),
  ],
  vmx: "skylake",
  caches: [...L1(32, 8, 32, 8), L2(1024, 16), L3(16896, 11)],
  descriptors: [0x76036301, 0x00f0b5ff, 0, 0x00c30000],
});

/** Opteron 2300 "Barcelona": signature 100F23H. */
const OpteronG3 = define({
  name: "Opteron_G3",
  aliases: ["Opteron-G3"],
  about: "AMD Opteron 2300 of 2007 (family 10h): SSE4a",
  vendor: "amd",
  family: 0x10,
  model: 2,
  stepping: 3,
  level: 5,
  xlevel: 0x8000_0008,
  microcode: 0x0100_0095,
  features: [
    X86_64,
    featureList("abm sse4a popcnt rdtscp pdpe1gb mmxext 3dnowprefetch osvw x2apic amd-no-ssb"),
  ],
  caches: [...L1(64, 2, 64, 2), L2(512, 16), L3(2048, 32)],
  tlbs: [0xff30ff10, 0xff30ff20, 0x20800000, 0x42004200],
});

/** EPYC 7001 "Naples": signature 800F12H. */
const EPYC = define({
  name: "EPYC",
  about: "AMD EPYC 7001 of 2017 (family 17h): AVX2, SHA (x86-64-v3)",
  vendor: "amd",
  family: 0x17,
  model: 1,
  stepping: 2,
  level: 0xd,
  xlevel: 0x8000_001e,
  microcode: 0x0800_126e,
  features: [
    X86_64,
    V2,
    PLATFORM,
    featureList(`
      aes pclmulqdq pdpe1gb rdtscp rdrand rdseed xsave xsaveopt xsavec xgetbv1 avx avx2 fma f16c bmi1 bmi2 movbe
      abm adx fsgsbase smep smap clflushopt sha-ni sse4a mmxext 3dnowprefetch osvw topoext amd-no-ssb
    `),
  ],
  caches: [...L1(32, 8, 64, 4), L2(512, 8), L3(8192, 16)],
  tlbs: [0xff40ff40, 0xff40ff40, 0x26006400, 0x66006400],
});

/** Not in `max` unless asked for: what changes how guests treat the machine rather than what it can do. */
const MAX_LEAVES_OUT = new Set<FeatureName>(["hypervisor", "monitor", "ht", "cmp-legacy", "vmx"]);

const max: ModelSource = {
  name: "max",
  about: "everything that vt86 implements; vendor=AuthenticAMD for the AMD side",
  build: (vendor = "intel") => {
    const like = vendor === "intel" ? SkylakeServer : EPYC;
    const features = FEATURE_NAMES.filter(
      (name) =>
        isImplemented(name) && (featureRow(name).vendor ?? vendor) === vendor && !MAX_LEAVES_OUT.has(name),
    );
    return { ...like.build(vendor), name: "max", brand: "vt86 max", features: new Set(features) };
  },
};

export const DEFAULT_MODEL = "Westmere";

export const CPU_MODELS: readonly ModelSource[] = [
  i486,
  pentium3,
  Penryn,
  Nehalem,
  Westmere,
  Haswell,
  SkylakeServer,
  OpteronG3,
  EPYC,
  max,
];

/** The model of that name or alias; case does not matter. */
export function findModel(name: string): ModelSource | undefined {
  const wanted = name.toLowerCase();
  return CPU_MODELS.find((source) =>
    [source.name, ...(source.aliases ?? [])].some((alias) => alias.toLowerCase() === wanted),
  );
}
