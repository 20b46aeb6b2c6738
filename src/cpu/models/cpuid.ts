/**
 * The CPUID instruction (SDM vol. 2A, CPUID; APM vol. 3, appendix E): feature bits from the feature table, the rest
 * from the model and the topology.
 *
 * Leaf 4000_0000H exists only with the feature `hypervisor`, which is off by default: a guest that is told of an
 * unknown hypervisor skips errata checks and calibration, but also trusts things that a bare machine must prove.
 */
import type { CpuidResult } from "../context.js";
import { PMU_LEAF } from "../pmu/layout.js";
import { deterministicCache, level1Leaf, level2Leaf } from "./cache-leaves.js";
import { xcr0Mask } from "./derive.js";
import { type CpuidRegister, cpuidBit, featureRow } from "./features.js";
import type { CpuModel } from "./model.js";
import { apicIdShifts, type CpuTopology } from "./topology.js";

/** What of the processor's state CPUID shows. */
export interface CpuidState {
  /** CR4.OSXSAVE. */
  readonly osxsave: boolean;
  /** CR4.PKE. */
  readonly ospke: boolean;
  /** x2APIC id. */
  readonly apicId: number;
  readonly xcr0: bigint;
  /** IA32_APIC_BASE[11]. */
  readonly apicEnabled: boolean;
  /** IA32_MISC_ENABLE[22], see `MsrFile.limitsCpuid`. */
  readonly limited?: boolean;
  /** IA32_MISC_ENABLE[18] is clear, see `MsrFile.hidesMonitor`. */
  readonly monitorHidden?: boolean;
}

/** Clocks that leaves 15H and 16H tell. */
export interface CpuClocks {
  readonly tscHertz: number;
  /** The core crystal clock, which by the manual also feeds the local APIC timer. */
  readonly crystalHertz: number;
}

export const DEFAULT_CLOCKS: CpuClocks = { tscHertz: 1_000_000_000, crystalHertz: 25_000_000 };

const ZERO: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
const VENDOR_ID = { intel: "GenuineIntel", amd: "AuthenticAMD" } as const;
const HYPERVISOR_ID = "vt86vt86vt86";
const HYPERVISOR_LEAF = 0x4000_0000;

/** XSAVE components beyond the legacy region: {size, offset in the standard format} (SDM vol. 1, 13.4). */
const XSAVE_COMPONENTS: ReadonlyMap<number, { readonly size: number; readonly offset: number }> = new Map([
  [2, { size: 256, offset: 576 }],
]);
/** Legacy region and XSAVE header. */
const XSAVE_BASE = 576;

const OSXSAVE = 1 << 27;
const APIC = 1 << 9;
const MONITOR = 1 << 3;
const HT = 1 << 28;
const CMP_LEGACY = 1 << 1;
const OSPKE = 1 << 4;

/** Four characters at `at` as a little-endian number. */
function characters(text: string, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | (text.charCodeAt(at + i) || 0);
  return value;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Family, model and stepping as leaf 01H packs them. */
export function signature(model: CpuModel): number {
  const family = Math.min(model.family, 15);
  return (
    model.stepping |
    ((model.model & 15) << 4) |
    (family << 8) |
    ((model.model >> 4) << 16) |
    ((model.family - family) << 20)
  );
}

/** Size of an XSAVE area for these components, in the standard or the compacted format. */
export function xsaveSize(components: bigint, compacted: boolean): number {
  let size = XSAVE_BASE;
  for (const [index, component] of XSAVE_COMPONENTS) {
    if (((components >> BigInt(index)) & 1n) === 0n) continue;
    size = compacted ? size + component.size : Math.max(size, component.offset + component.size);
  }
  return size;
}

export class CpuidTable {
  /** Feature bits by `leaf.subleaf.register`. */
  readonly #features = new Map<string, number>();
  readonly #xcr0: bigint;
  readonly #logicalCpus: number;

  constructor(
    readonly model: CpuModel,
    readonly topology: CpuTopology,
    readonly clocks: CpuClocks = DEFAULT_CLOCKS,
  ) {
    this.#xcr0 = xcr0Mask(model);
    this.#logicalCpus = topology.threadsPerCore * topology.coresPerPackage;
    for (const name of model.features) {
      const { leaf, subleaf, register, bit } = cpuidBit(name);
      this.#set(leaf, subleaf, register, bit);
      if (featureRow(name).amdTwin && model.vendor === "amd") this.#set(0x8000_0001, 0, register, bit);
    }
  }

  #set(leaf: number, subleaf: number, register: CpuidRegister, bit: number): void {
    const key = `${leaf}.${subleaf}.${register}`;
    this.#features.set(key, (this.#features.get(key) ?? 0) | (1 << bit));
  }

  #bits(leaf: number, subleaf: number): CpuidResult {
    const bits = (register: CpuidRegister): number =>
      this.#features.get(`${leaf}.${subleaf}.${register}`) ?? 0;
    return { eax: bits("eax"), ebx: bits("ebx"), ecx: bits("ecx"), edx: bits("edx") };
  }

  /** @returns unsigned 32-bit numbers */
  query(leaf: number, subleaf: number, state: CpuidState): CpuidResult {
    const { eax, ebx, ecx, edx } = this.#resolve(leaf >>> 0, subleaf >>> 0, state);
    return { eax: eax >>> 0, ebx: ebx >>> 0, ecx: ecx >>> 0, edx: edx >>> 0 };
  }

  /** Highest basic leaf now. */
  #level(state: CpuidState): number {
    return state.limited === true ? Math.min(this.model.level, 2) : this.model.level;
  }

  #resolve(leaf: number, subleaf: number, state: CpuidState): CpuidResult {
    const { model } = this;
    const level = this.#level(state);
    if (leaf <= level) return this.#basic(leaf, subleaf, state);
    if (leaf >= 0x8000_0000 && leaf <= model.xlevel) return this.#extended(leaf, subleaf, state);
    if (leaf === HYPERVISOR_LEAF && model.features.has("hypervisor")) {
      const [ebx, ecx, edx] = [0, 4, 8].map((at) => characters(HYPERVISOR_ID, at));
      return { eax: HYPERVISOR_LEAF, ebx: ebx!, ecx: ecx!, edx: edx! };
    }
    return model.vendor === "intel" ? this.#basic(level, subleaf, state) : ZERO;
  }

  #basic(leaf: number, subleaf: number, state: CpuidState): CpuidResult {
    const { model, topology } = this;
    const intel = model.vendor === "intel";
    switch (leaf) {
      case 0:
        return this.#vendor(this.#level(state));
      case 1:
        return this.#leaf1(state);
      case 2: {
        if (!intel || model.descriptors === undefined) return ZERO;
        const [eax, ebx, ecx, edx] = model.descriptors;
        return { eax, ebx, ecx, edx };
      }
      case 4:
        return intel ? deterministicCache(model.caches, subleaf, topology, true) : ZERO;
      case 5:
        // Smallest and largest monitor line; MWAIT extensions exist, interrupts end MWAIT even while masked.
        return model.features.has("monitor") ? { eax: 64, ebx: 64, ecx: 3, edx: 0 } : ZERO;
      case 7: {
        if (subleaf !== 0) return this.#bits(7, subleaf);
        const bits = this.#bits(7, 0);
        const ecx = state.ospke && model.features.has("pku") ? bits.ecx | OSPKE : bits.ecx;
        return { ...bits, eax: 0, ecx };
      }
      case 0xa:
        return model.features.has("pmu") ? PMU_LEAF : ZERO;
      case 0xb:
        return this.#topologyLeaf(subleaf, state);
      case 0xd:
        return model.features.has("xsave") ? this.#xsaveLeaf(subleaf, state) : ZERO;
      case 0x15: {
        const { tscHertz, crystalHertz } = this.clocks;
        const common = gcd(tscHertz, crystalHertz);
        return intel
          ? { eax: crystalHertz / common, ebx: tscHertz / common, ecx: crystalHertz, edx: 0 }
          : ZERO;
      }
      case 0x16: {
        const megahertz = Math.round(this.clocks.tscHertz / 1e6);
        return intel ? { eax: megahertz, ebx: megahertz, ecx: 100, edx: 0 } : ZERO;
      }
      default:
        return this.#bits(leaf, subleaf);
    }
  }

  #vendor(max: number): CpuidResult {
    const id = VENDOR_ID[this.model.vendor];
    return { eax: max, ebx: characters(id, 0), edx: characters(id, 4), ecx: characters(id, 8) };
  }

  #leaf1(state: CpuidState): CpuidResult {
    const { model } = this;
    let { ecx, edx } = this.#bits(1, 0);
    if (state.osxsave && model.features.has("xsave")) ecx |= OSXSAVE;
    if (state.monitorHidden === true) ecx &= ~MONITOR;
    if (!state.apicEnabled) edx &= ~APIC;
    if (this.#logicalCpus > 1) edx |= HT;
    const shifts = apicIdShifts(this.topology);
    const logical = model.vendor === "intel" ? 1 << shifts.package : this.#logicalCpus;
    const line = model.features.has("clflush") ? 8 : 0;
    const ebx =
      model.family < 5 || !model.features.has("apic")
        ? line << 8
        : (line << 8) | (this.#logicalCpus > 1 ? Math.min(logical, 255) << 16 : 0) | (state.apicId << 24);
    return { eax: signature(model), ebx, ecx, edx };
  }

  /** Leaf 0BH: levels SMT and core. */
  #topologyLeaf(subleaf: number, state: CpuidState): CpuidResult {
    const shifts = apicIdShifts(this.topology);
    const level = subleaf & 0xff;
    const edx = state.apicId;
    if (subleaf === 0) return { eax: shifts.core, ebx: this.topology.threadsPerCore, ecx: 0x100, edx };
    if (subleaf === 1) return { eax: shifts.package, ebx: this.#logicalCpus, ecx: 0x201, edx };
    return { eax: 0, ebx: 0, ecx: level, edx };
  }

  /** Leaf 0DH. IA32_XSS has no component. */
  #xsaveLeaf(subleaf: number, state: CpuidState): CpuidResult {
    const all = this.#xcr0;
    if (subleaf === 0) {
      return {
        eax: Number(all & 0xffff_ffffn),
        ebx: xsaveSize(state.xcr0, false),
        ecx: xsaveSize(all, false),
        edx: Number(all >> 32n),
      };
    }
    if (subleaf === 1) {
      const { eax } = this.#bits(0xd, 1);
      const compacted = this.model.features.has("xsavec");
      return { eax, ebx: compacted ? xsaveSize(state.xcr0, true) : 0, ecx: 0, edx: 0 };
    }
    const component = XSAVE_COMPONENTS.get(subleaf);
    if (component === undefined || ((all >> BigInt(subleaf)) & 1n) === 0n) return ZERO;
    return { eax: component.size, ebx: component.offset, ecx: 0, edx: 0 };
  }

  #extended(leaf: number, subleaf: number, state: CpuidState): CpuidResult {
    const { model, topology } = this;
    const amd = model.vendor === "amd";
    switch (leaf) {
      case 0x8000_0000:
        return amd ? this.#vendor(model.xlevel) : { ...ZERO, eax: model.xlevel };
      case 0x8000_0001: {
        let { ecx, edx } = this.#bits(leaf, 0);
        if (amd && !state.apicEnabled) edx &= ~APIC;
        if (amd && this.#logicalCpus > 1) ecx |= CMP_LEGACY;
        return { eax: amd ? signature(model) : 0, ebx: 0, ecx, edx };
      }
      case 0x8000_0002:
      case 0x8000_0003:
      case 0x8000_0004: {
        const at = (leaf - 0x8000_0002) * 16;
        const [eax, ebx, ecx, edx] = [0, 4, 8, 12].map((n) => characters(model.brand, at + n));
        return { eax: eax!, ebx: ebx!, ecx: ecx!, edx: edx! };
      }
      case 0x8000_0005:
        return level1Leaf(model);
      case 0x8000_0006:
        return level2Leaf(model);
      case 0x8000_0008: {
        const linear = model.features.has("lm") ? 48 : 32;
        const shifts = apicIdShifts(topology);
        const cores = (this.#logicalCpus - 1) | (shifts.package << 12);
        return {
          eax: model.physBits | (linear << 8),
          ebx: this.#bits(leaf, 0).ebx,
          ecx: amd ? cores : 0,
          edx: 0,
        };
      }
      case 0x8000_001d:
        return model.features.has("topoext")
          ? deterministicCache(model.caches, subleaf, topology, false)
          : ZERO;
      case 0x8000_001e: {
        if (!model.features.has("topoext")) return ZERO;
        const shifts = apicIdShifts(topology);
        const core = (state.apicId >> shifts.core) & ((1 << (shifts.package - shifts.core)) - 1);
        return {
          eax: state.apicId,
          ebx: core | ((topology.threadsPerCore - 1) << 8),
          ecx: state.apicId >> shifts.package,
          edx: 0,
        };
      }
      default:
        return this.#bits(leaf, 0);
    }
  }
}
