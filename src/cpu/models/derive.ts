/** What follows from a CPU model by way of the feature table: masks of control registers, decoder features. */
import type { Feature } from "../../isa/form.js";
import type { SystemFeatures } from "../context.js";
import { featureRow } from "./features.js";
import type { CpuModel } from "./model.js";

/** What the decoder accepts. */
export function decoderFeatures(model: CpuModel): ReadonlySet<Feature> {
  const result = new Set<Feature>(["base"]);
  for (const name of model.features)
    for (const feature of featureRow(name).decoder ?? []) result.add(feature);
  return result;
}

function mask(model: CpuModel, which: "cr4" | "efer"): number {
  let bits = 0;
  for (const name of model.features) bits |= featureRow(name)[which] ?? 0;
  return bits >>> 0;
}

/** Bits of CR4 that may be set. */
export const cr4Mask = (model: CpuModel): number => mask(model, "cr4");

/** Bits of EFER that exist, LMA included. 0: there is no EFER. */
export const eferMask = (model: CpuModel): number => mask(model, "efer");

/** Bits of XCR0 that may be set; 0 without XSAVE. */
export function xcr0Mask(model: CpuModel): bigint {
  if (!model.features.has("xsave")) return 0n;
  let bits = 0n;
  for (const name of model.features) bits |= featureRow(name).xcr0 ?? 0n;
  return bits;
}

export function systemFeatures(model: CpuModel): SystemFeatures {
  return {
    vendor: model.vendor,
    cr4Mask: cr4Mask(model),
    xcr0Mask: xcr0Mask(model),
    physicalBits: model.physBits,
    xgetbv1: model.features.has("xgetbv1"),
  };
}
