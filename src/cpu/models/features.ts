/**
 * The feature table: everything a CPU model can have or lack, and all that follows from it. CPUID bits, the
 * legal bits of CR4, EFER and XCR0, and what the decoder answers with #UD are derived from these rows and from
 * nothing else, so that they can't disagree (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
 *
 * Names are those of QEMU's `-cpu`, with what Linux shows in /proc/cpuinfo as alias where it differs.
 */
import type { Feature } from "../../isa/form.js";
import { Cr4, Efer } from "../mmu.js";

export type CpuVendor = "intel" | "amd";
export type CpuidRegister = "eax" | "ebx" | "ecx" | "edx";

export interface FeatureRow {
  /** Where CPUID shows it: `leaf.register.bit` or `leaf.subleaf.register.bit`; leaves are hexadecimal. */
  readonly at: string;
  readonly aliases?: readonly string[];
  /** AMD shows the bit in the same place of CPUID 8000_0001H:EDX once more. */
  readonly amdTwin?: true;
  /** Only processors of this vendor have it. */
  readonly vendor?: CpuVendor;
  /** What the decoder accepts with it. */
  readonly decoder?: readonly Feature[];
  /** Bits of CR4 that may be set with it. */
  readonly cr4?: number;
  /** Bits of EFER that exist with it. */
  readonly efer?: number;
  /** XCR0 component, provided that there is XSAVE. */
  readonly xcr0?: bigint;
  /** Names of the features without which it makes no sense. */
  readonly needs?: readonly string[];
  /** False: vt86 knows its name but does not have it, and no model may. */
  readonly implemented?: false;
}

const Cr4Later = { LA57: 0x1000, SMXE: 0x4000, CET: 0x80_0000 } as const;
const EferLater = { TCE: 0x8000 } as const;
const no = { implemented: false } as const;

export const FEATURES = {
  // 01H:EDX
  fpu: { at: "1.edx.0", amdTwin: true, decoder: ["x87"], xcr0: 1n },
  vme: { at: "1.edx.1", amdTwin: true, cr4: Cr4.VME | Cr4.PVI },
  de: { at: "1.edx.2", amdTwin: true, cr4: Cr4.DE },
  pse: { at: "1.edx.3", amdTwin: true, cr4: Cr4.PSE },
  tsc: { at: "1.edx.4", amdTwin: true, cr4: Cr4.TSD },
  msr: { at: "1.edx.5", amdTwin: true },
  pae: { at: "1.edx.6", amdTwin: true, cr4: Cr4.PAE },
  mce: { at: "1.edx.7", amdTwin: true, cr4: Cr4.MCE, needs: ["msr"] },
  cx8: { at: "1.edx.8", amdTwin: true, decoder: ["cx8"] },
  apic: { at: "1.edx.9", amdTwin: true, needs: ["msr"] },
  sep: { at: "1.edx.11", decoder: ["sep"], needs: ["msr"] },
  mtrr: { at: "1.edx.12", amdTwin: true, needs: ["msr"] },
  pge: { at: "1.edx.13", amdTwin: true, cr4: Cr4.PGE },
  mca: { at: "1.edx.14", amdTwin: true, needs: ["mce"] },
  cmov: { at: "1.edx.15", amdTwin: true, decoder: ["cmov"] },
  pat: { at: "1.edx.16", amdTwin: true, needs: ["msr"] },
  pse36: { at: "1.edx.17", amdTwin: true, needs: ["pse"] },
  clflush: { at: "1.edx.19", aliases: ["clfsh"], decoder: ["clflush"] },
  ds: { at: "1.edx.21", aliases: ["dts"], ...no },
  acpi: { at: "1.edx.22", ...no },
  // RDPMC came to the Pentium with MMX and has no bit of its own.
  mmx: { at: "1.edx.23", amdTwin: true, decoder: ["mmx"], cr4: Cr4.PCE, needs: ["fpu"] },
  fxsr: { at: "1.edx.24", amdTwin: true, decoder: ["fxsr"], cr4: Cr4.OSFXSR, needs: ["fpu"] },
  sse: { at: "1.edx.25", decoder: ["sse"], cr4: Cr4.OSXMMEXCPT, xcr0: 2n, needs: ["fxsr", "mmx"] },
  sse2: { at: "1.edx.26", decoder: ["sse2"], needs: ["sse"] },
  ss: { at: "1.edx.27" },
  ht: { at: "1.edx.28" },
  tm: { at: "1.edx.29", aliases: ["acc"], ...no },
  pbe: { at: "1.edx.31", ...no },

  // 01H:ECX
  pni: { at: "1.ecx.0", aliases: ["sse3"], decoder: ["sse3"], needs: ["sse2"] },
  pclmulqdq: { at: "1.ecx.1", aliases: ["pclmuldq"], decoder: ["pclmulqdq"], needs: ["sse2"] },
  dtes64: { at: "1.ecx.2", ...no },
  monitor: { at: "1.ecx.3", aliases: ["mwait"], decoder: ["monitor"] },
  "ds-cpl": { at: "1.ecx.4", ...no },
  vmx: { at: "1.ecx.5", vendor: "intel", decoder: ["vmx"], cr4: Cr4.VMXE, needs: ["lm"] },
  smx: { at: "1.ecx.6", vendor: "intel", decoder: ["smx"], cr4: Cr4Later.SMXE, needs: ["vmx"], ...no },
  est: { at: "1.ecx.7", ...no },
  tm2: { at: "1.ecx.8", ...no },
  ssse3: { at: "1.ecx.9", decoder: ["ssse3"], needs: ["pni"] },
  fma: { at: "1.ecx.12", decoder: ["fma"], needs: ["avx"] },
  cx16: { at: "1.ecx.13", decoder: ["cx16"], needs: ["cx8", "lm"] },
  xtpr: { at: "1.ecx.14", ...no },
  pdcm: { at: "1.ecx.15", ...no },
  pcid: { at: "1.ecx.17", cr4: Cr4.PCIDE, needs: ["lm"] },
  dca: { at: "1.ecx.18", ...no },
  "sse4.1": { at: "1.ecx.19", decoder: ["sse4_1"], needs: ["ssse3"] },
  "sse4.2": { at: "1.ecx.20", decoder: ["sse4_2"], needs: ["sse4.1"] },
  x2apic: { at: "1.ecx.21", needs: ["apic"] },
  movbe: { at: "1.ecx.22", decoder: ["movbe"] },
  popcnt: { at: "1.ecx.23", decoder: ["popcnt"] },
  "tsc-deadline": { at: "1.ecx.24", aliases: ["tsc-deadline-timer"], needs: ["apic", "tsc"] },
  aes: { at: "1.ecx.25", decoder: ["aes"], needs: ["sse2"] },
  xsave: { at: "1.ecx.26", decoder: ["xsave"], cr4: Cr4.OSXSAVE, needs: ["fxsr"] },
  avx: { at: "1.ecx.28", decoder: ["avx"], xcr0: 4n, needs: ["xsave", "sse4.2"] },
  f16c: { at: "1.ecx.29", decoder: ["f16c"], needs: ["avx"] },
  rdrand: { at: "1.ecx.30", decoder: ["rdrand"] },
  hypervisor: { at: "1.ecx.31" },

  // 06H, 07H, 0DH
  arat: { at: "6.eax.2", needs: ["apic"] },
  fsgsbase: { at: "7.0.ebx.0", decoder: ["fsgsbase"], cr4: Cr4.FSGSBASE, needs: ["lm"] },
  "tsc-adjust": { at: "7.0.ebx.1", needs: ["tsc", "msr"] },
  sgx: { at: "7.0.ebx.2", vendor: "intel", decoder: ["sgx"], ...no },
  bmi1: { at: "7.0.ebx.3", decoder: ["bmi1"] },
  hle: { at: "7.0.ebx.4", vendor: "intel", ...no },
  avx2: { at: "7.0.ebx.5", decoder: ["avx2"], needs: ["avx"] },
  smep: { at: "7.0.ebx.7", cr4: Cr4.SMEP },
  bmi2: { at: "7.0.ebx.8", decoder: ["bmi2"] },
  erms: { at: "7.0.ebx.9" },
  invpcid: { at: "7.0.ebx.10", decoder: ["invpcid"] },
  rtm: { at: "7.0.ebx.11", vendor: "intel", decoder: ["rtm"], ...no },
  mpx: { at: "7.0.ebx.14", vendor: "intel", decoder: ["mpx"], ...no },
  avx512f: { at: "7.0.ebx.16", needs: ["avx2"], ...no },
  avx512dq: { at: "7.0.ebx.17", needs: ["avx512f"], ...no },
  rdseed: { at: "7.0.ebx.18", decoder: ["rdseed"] },
  adx: { at: "7.0.ebx.19", decoder: ["adx"] },
  smap: { at: "7.0.ebx.20", decoder: ["smap"], cr4: Cr4.SMAP },
  avx512ifma: { at: "7.0.ebx.21", needs: ["avx512f"], ...no },
  clflushopt: { at: "7.0.ebx.23", decoder: ["clflushopt"], needs: ["clflush"] },
  clwb: { at: "7.0.ebx.24", decoder: ["clwb"], needs: ["clflush"] },
  "intel-pt": { at: "7.0.ebx.25", vendor: "intel", ...no },
  avx512cd: { at: "7.0.ebx.28", needs: ["avx512f"], ...no },
  "sha-ni": { at: "7.0.ebx.29", aliases: ["sha"], decoder: ["sha"], needs: ["sse2"] },
  avx512bw: { at: "7.0.ebx.30", needs: ["avx512f"], ...no },
  avx512vl: { at: "7.0.ebx.31", needs: ["avx512f"], ...no },
  avx512vbmi: { at: "7.0.ecx.1", needs: ["avx512bw"], ...no },
  umip: { at: "7.0.ecx.2", cr4: Cr4.UMIP },
  pku: { at: "7.0.ecx.3", decoder: ["pku"], cr4: Cr4.PKE, xcr0: 0x200n, needs: ["xsave", "lm"], ...no },
  waitpkg: { at: "7.0.ecx.5", vendor: "intel", decoder: ["waitpkg"], ...no },
  "cet-ss": {
    at: "7.0.ecx.7",
    aliases: ["shstk"],
    decoder: ["cet"],
    cr4: Cr4Later.CET,
    needs: ["xsaves"],
    ...no,
  },
  gfni: { at: "7.0.ecx.8", decoder: ["gfni"], needs: ["sse2"] },
  vaes: { at: "7.0.ecx.9", decoder: ["vaes"], needs: ["avx", "aes"] },
  vpclmulqdq: { at: "7.0.ecx.10", decoder: ["vpclmulqdq"], needs: ["avx", "pclmulqdq"] },
  avx512vnni: { at: "7.0.ecx.11", needs: ["avx512f"], ...no },
  la57: { at: "7.0.ecx.16", cr4: Cr4Later.LA57, needs: ["lm"], ...no },
  rdpid: { at: "7.0.ecx.22", decoder: ["rdpid"], needs: ["msr"] },
  cldemote: { at: "7.0.ecx.25", decoder: ["cldemote"], ...no },
  movdiri: { at: "7.0.ecx.27", decoder: ["movdiri"] },
  movdir64b: { at: "7.0.ecx.28", decoder: ["movdir64b"], ...no },
  fsrm: { at: "7.0.edx.4" },
  "md-clear": { at: "7.0.edx.10", vendor: "intel" },
  serialize: { at: "7.0.edx.14", decoder: ["serialize"], ...no },
  ibt: { at: "7.0.edx.20", decoder: ["cet"], cr4: Cr4Later.CET, needs: ["xsaves"], ...no },
  "amx-tile": { at: "7.0.edx.24", needs: ["xsave"], ...no },
  "spec-ctrl": { at: "7.0.edx.26", vendor: "intel", needs: ["msr"] },
  stibp: { at: "7.0.edx.27", vendor: "intel", needs: ["msr"] },
  "flush-l1d": { at: "7.0.edx.28", vendor: "intel", needs: ["msr"] },
  "arch-capabilities": { at: "7.0.edx.29", vendor: "intel", needs: ["msr"] },
  ssbd: { at: "7.0.edx.31", vendor: "intel", needs: ["msr"] },
  "avx-vnni": { at: "7.1.eax.4", decoder: ["avxvnni"], needs: ["avx2"], ...no },
  ptwrite: { at: "14.0.ebx.4", vendor: "intel", decoder: ["ptwrite"], needs: ["intel-pt"], ...no },
  xsaveopt: { at: "d.1.eax.0", decoder: ["xsaveopt"], needs: ["xsave"] },
  xsavec: { at: "d.1.eax.1", decoder: ["xsavec"], needs: ["xsave"] },
  xgetbv1: { at: "d.1.eax.2", needs: ["xsave"] },
  xsaves: { at: "d.1.eax.3", decoder: ["xsaves"], needs: ["xsavec"] },

  // 0AH:EAX[7:0] is the version of performance monitoring: 2. The rest of the leaf comes with it.
  pmu: { at: "a.eax.1", aliases: ["arch-perfmon"], vendor: "intel", needs: ["msr", "apic"] },

  // 8000_0001H:ECX
  "lahf-lm": { at: "80000001.ecx.0", decoder: ["lahf64"], needs: ["lm"] },
  "cmp-legacy": { at: "80000001.ecx.1", vendor: "amd" },
  svm: { at: "80000001.ecx.2", vendor: "amd", decoder: ["svm"], efer: Efer.SVME, needs: ["msr"], ...no },
  extapic: { at: "80000001.ecx.3", vendor: "amd", needs: ["apic"], ...no },
  cr8legacy: { at: "80000001.ecx.4", aliases: ["cr8-legacy"], vendor: "amd", ...no },
  abm: { at: "80000001.ecx.5", aliases: ["lzcnt"], decoder: ["lzcnt"] },
  sse4a: { at: "80000001.ecx.6", vendor: "amd", decoder: ["sse4a"], needs: ["pni"] },
  misalignsse: { at: "80000001.ecx.7", vendor: "amd", needs: ["sse"], ...no },
  "3dnowprefetch": { at: "80000001.ecx.8", decoder: ["prefetchw"] },
  osvw: { at: "80000001.ecx.9", vendor: "amd", needs: ["msr"] },
  ibs: { at: "80000001.ecx.10", vendor: "amd", ...no },
  xop: { at: "80000001.ecx.11", vendor: "amd", decoder: ["xop"], needs: ["avx"], ...no },
  skinit: { at: "80000001.ecx.12", vendor: "amd", needs: ["svm"], ...no },
  wdt: { at: "80000001.ecx.13", vendor: "amd", ...no },
  lwp: { at: "80000001.ecx.15", vendor: "amd", decoder: ["lwp"], ...no },
  fma4: { at: "80000001.ecx.16", vendor: "amd", decoder: ["fma4"], needs: ["avx"], ...no },
  tce: { at: "80000001.ecx.17", vendor: "amd", efer: EferLater.TCE, ...no },
  tbm: { at: "80000001.ecx.21", vendor: "amd", decoder: ["tbm"], ...no },
  topoext: { at: "80000001.ecx.22", vendor: "amd" },
  "perfctr-core": { at: "80000001.ecx.23", vendor: "amd", ...no },

  // 8000_0001H:EDX
  syscall: { at: "80000001.edx.11", decoder: ["syscall"], efer: Efer.SCE, needs: ["msr"] },
  nx: { at: "80000001.edx.20", aliases: ["xd"], efer: Efer.NXE, needs: ["pae", "msr"] },
  mmxext: { at: "80000001.edx.22", vendor: "amd", needs: ["sse"] },
  "fxsr-opt": { at: "80000001.edx.25", aliases: ["ffxsr"], vendor: "amd", efer: Efer.FFXSR, ...no },
  pdpe1gb: { at: "80000001.edx.26", needs: ["lm"] },
  rdtscp: { at: "80000001.edx.27", decoder: ["rdtscp"], needs: ["tsc", "msr"] },
  // With 64-bit mode, PREFETCHW decodes whatever 3DNOWPREFETCH says (APM vol. 3, PREFETCH; Intel: a NOP).
  lm: {
    at: "80000001.edx.29",
    aliases: ["i64"],
    decoder: ["long", "prefetchw"],
    efer: Efer.LME | Efer.LMA,
    needs: ["pae", "msr", "syscall"],
  },
  "3dnowext": { at: "80000001.edx.30", vendor: "amd", decoder: ["3dnow"], ...no },
  "3dnow": { at: "80000001.edx.31", vendor: "amd", decoder: ["3dnow"], ...no },

  // Other extended leaves
  invtsc: { at: "80000007.edx.8", aliases: ["constant-tsc", "nonstop-tsc"], needs: ["tsc"] },
  clzero: { at: "80000008.ebx.0", vendor: "amd", decoder: ["clzero"], ...no },
  rdpru: { at: "80000008.ebx.4", vendor: "amd", decoder: ["rdpru"], ...no },
  wbnoinvd: { at: "80000008.ebx.9", decoder: ["wbnoinvd"], ...no },
  "amd-no-ssb": { at: "80000008.ebx.26", vendor: "amd" },
} as const satisfies Readonly<Record<string, FeatureRow>>;

export type FeatureName = keyof typeof FEATURES;

export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];

/** The row of a feature. */
export const featureRow = (name: FeatureName): FeatureRow => FEATURES[name];

/** Whether vt86 has it. */
export const isImplemented = (name: FeatureName): boolean => featureRow(name).implemented !== false;

/** A bit of CPUID. */
export interface CpuidBit {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: CpuidRegister;
  readonly bit: number;
}

export function cpuidBit(name: FeatureName): CpuidBit {
  const parts = featureRow(name).at.split(".");
  const bit = Number(parts.pop());
  const register = parts.pop() as CpuidRegister;
  const [leaf, subleaf = "0"] = parts;
  return { leaf: Number.parseInt(leaf!, 16), subleaf: Number.parseInt(subleaf, 16), register, bit };
}

/** Features that `name` needs, and what those need. */
export function allNeeds(name: FeatureName): ReadonlySet<FeatureName> {
  const found = new Set<FeatureName>();
  const visit = (feature: FeatureName): void => {
    for (const need of (featureRow(feature).needs ?? []) as readonly FeatureName[]) {
      if (found.has(need)) continue;
      found.add(need);
      visit(need);
    }
  };
  visit(name);
  return found;
}

/** Spellings differ in `-`, `_`, `.` and case only; none of them matters. */
const spelling = (name: string): string => name.toLowerCase().replace(/[_.]/g, "-");

const bySpelling = new Map<string, FeatureName>(
  FEATURE_NAMES.flatMap((name) =>
    [name, ...(featureRow(name).aliases ?? [])].map((alias) => [spelling(alias), name] as const),
  ),
);

/** The feature of that name or alias. */
export const findFeature = (name: string): FeatureName | undefined => bySpelling.get(spelling(name));

/** Every spelling there is, for suggestions. */
export const featureSpellings = (): Iterable<string> => bySpelling.keys();

/** Reads a list of names separated by white space. Throws on one that does not exist: lists are part of the program. */
export function featureList(names: string): readonly FeatureName[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => {
      if (!(name in FEATURES)) throw new Error(`CPU model: there is no feature "${name}"`);
      return name as FeatureName;
    });
}
