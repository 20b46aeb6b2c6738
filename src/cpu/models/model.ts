/**
 * A CPU model: which processor the machine pretends to have. Pure data; what follows from it is in
 * `derive.ts` (control-register masks, decoder features) and `cpuid.ts`.
 */
import type { VmxLevel } from "../vmx/controls.js";
import type { CpuVendor, FeatureName } from "./features.js";

export interface Cache {
  readonly level: 1 | 2 | 3;
  readonly type: "data" | "instruction" | "unified";
  readonly kilobytes: number;
  readonly ways: number;
  /** Bytes. */
  readonly line: number;
  /** Who shares it; default the threads of one core. */
  readonly shared?: "package";
  /** It holds whatever the caches below it hold. */
  readonly inclusive?: true;
}

/** The registers of a CPUID leaf: EAX EBX ECX EDX. */
export type LeafValues = readonly [eax: number, ebx: number, ecx: number, edx: number];

export interface CpuModel {
  readonly name: string;
  readonly vendor: CpuVendor;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** Highest basic leaf. */
  readonly level: number;
  /** Highest extended leaf; 0: there are none. */
  readonly xlevel: number;
  /** Processor brand string, at most 47 characters. */
  readonly brand: string;
  /** MAXPHYADDR. */
  readonly physBits: number;
  /** Microcode revision as IA32_BIOS_SIGN_ID or PATCH_LEVEL tells it. */
  readonly microcode: number;
  readonly features: ReadonlySet<FeatureName>;
  /** Generation of VT-x where `vmx` is among the features; default: the first. */
  readonly vmx?: VmxLevel;
  readonly caches: readonly Cache[];
  /** Leaf 02H: TLB and cache descriptors (Intel). */
  readonly descriptors?: LeafValues;
  /** EAX and EBX of leaves 8000_0005H and 8000_0006H (AMD): TLB geometry. */
  readonly tlbs?: LeafValues;
}
