/**
 * Reads the `-cpu` option: `model[,+feature][,-feature][,feature=on|off][,key=value]…`, as QEMU writes it.
 *
 * Keys: vendor, family, model, stepping, level, xlevel, phys-bits, model-id. Whoever turns a feature off also turns
 * off what needs it; whoever turns one on has to turn on what it needs. Later words win over earlier ones.
 */
import { nearestName } from "../../host/nearest-name.js";
import { UsageError } from "../../host/usage-error.js";
import {
  allNeeds,
  type CpuVendor,
  cpuidBit,
  type FeatureName,
  featureRow,
  featureSpellings,
  findFeature,
  isImplemented,
} from "./features.js";
import type { CpuModel } from "./model.js";
import { CPU_MODELS, DEFAULT_MODEL, findModel, type ModelSource } from "./models.js";

interface NumberKey {
  readonly min: number;
  readonly max: number;
  readonly set: (value: number) => Partial<CpuModel>;
}

const NUMBERS: Readonly<Record<string, NumberKey>> = {
  family: { min: 0, max: 0x10e, set: (family) => ({ family }) },
  model: { min: 0, max: 0xff, set: (model) => ({ model }) },
  stepping: { min: 0, max: 15, set: (stepping) => ({ stepping }) },
  level: { min: 1, max: 0x20, set: (level) => ({ level }) },
  xlevel: { min: 0, max: 0x8000_0021, set: (xlevel) => ({ xlevel }) },
  "phys-bits": { min: 32, max: 52, set: (physBits) => ({ physBits }) },
};

const VENDORS: Readonly<Record<string, CpuVendor>> = {
  genuineintel: "intel",
  intel: "intel",
  authenticamd: "amd",
  amd: "amd",
};

/** " Did you mean …?", or a hint where to look. */
function suggestion(wanted: string, known: Iterable<string>): string | undefined {
  const nearest = nearestName(wanted, known);
  return nearest === undefined ? undefined : `did you mean ${nearest}?`;
}

function modelSource(name: string): ModelSource {
  const source = findModel(name);
  if (source !== undefined) return source;
  const names = CPU_MODELS.map((known) => known.name);
  throw new UsageError(
    `There is no CPU model "${name}": ${suggestion(name, names) ?? `choose one of ${names.join(", ")}.`}`,
  );
}

function feature(name: string): FeatureName {
  const found = findFeature(name);
  if (found !== undefined) return found;
  const hint = suggestion(name, [...featureSpellings(), ...Object.keys(NUMBERS), "vendor", "model-id"]);
  throw new UsageError(`There is no CPU feature "${name}": ${hint ?? "'-cpu help' lists them."}`);
}

function number(key: string, text: string): Partial<CpuModel> {
  const { min, max, set } = NUMBERS[key]!;
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`CPU option ${key}=${text} is out of range: give a number from ${min} to ${max}.`);
  }
  return set(value);
}

/** What the words of the option say. */
interface Wishes {
  vendor: CpuVendor | undefined;
  overrides: Partial<CpuModel>;
  readonly features: Map<FeatureName, boolean>;
}

function readWords(words: readonly string[]): Wishes {
  const wishes: Wishes = { vendor: undefined, overrides: {}, features: new Map() };
  for (const word of words) {
    if (/^[+-]/.test(word)) {
      wishes.features.set(feature(word.slice(1)), word.startsWith("+"));
      continue;
    }
    const equals = word.indexOf("=");
    const key = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? "on" : word.slice(equals + 1);
    if (key === "vendor") {
      wishes.vendor = VENDORS[value.toLowerCase()];
      if (wishes.vendor === undefined) {
        throw new UsageError(
          `CPU vendor "${value}" is unknown: write vendor=GenuineIntel or vendor=AuthenticAMD.`,
        );
      }
    } else if (key === "model-id") {
      if (value.length > 47)
        throw new UsageError("CPU option model-id has more than 47 characters: shorten it.");
      wishes.overrides = { ...wishes.overrides, brand: value };
    } else if (key in NUMBERS) {
      wishes.overrides = { ...wishes.overrides, ...number(key, value) };
    } else {
      const name = feature(key);
      if (value !== "on" && value !== "off") {
        throw new UsageError(`CPU feature ${key} can't be "${value}": write ${key}=on or ${key}=off.`);
      }
      wishes.features.set(name, value === "on");
    }
  }
  return wishes;
}

/** Whether CPUID can show the feature, given the highest leaves. */
function visible(name: FeatureName, level: number, xlevel: number): boolean {
  const { leaf } = cpuidBit(name);
  return leaf < 0x8000_0000 ? leaf <= level : leaf <= xlevel;
}

/** Applies the wishes to the model's own features, or says why that can't be. */
function chooseFeatures(model: CpuModel, wishes: Wishes): ReadonlySet<FeatureName> {
  const { level, xlevel } = wishes.overrides;
  const chosen = new Set(
    [...model.features].filter(
      (name) =>
        (featureRow(name).vendor ?? model.vendor) === model.vendor &&
        visible(name, level ?? Number.POSITIVE_INFINITY, xlevel ?? Number.POSITIVE_INFINITY),
    ),
  );
  for (const [name, on] of wishes.features) {
    if (!on) chosen.delete(name);
    else if (!isImplemented(name)) {
      throw new UsageError(`CPU feature ${name} is not implemented yet: start without it.`);
    } else if ((featureRow(name).vendor ?? model.vendor) !== model.vendor) {
      const [owner, id] = model.vendor === "intel" ? ["AMD", "AuthenticAMD"] : ["Intel", "GenuineIntel"];
      throw new UsageError(
        `CPU feature ${name} exists on ${owner} processors only: choose such a model, or add vendor=${id}.`,
      );
    } else if (!visible(name, level ?? Number.POSITIVE_INFINITY, xlevel ?? Number.POSITIVE_INFINITY)) {
      throw new UsageError(
        `CPU feature ${name} lies above the highest CPUID leaf you asked for: raise level or xlevel.`,
      );
    } else chosen.add(name);
  }
  for (const name of [...chosen]) {
    const missing = [...allNeeds(name)].filter((need) => !chosen.has(need));
    if (missing.length === 0) continue;
    if (wishes.features.get(name) === true) {
      throw new UsageError(
        `CPU feature ${name} needs ${missing.join(", ")}: add ${missing.map((need) => `+${need}`).join(",")}.`,
      );
    }
    chosen.delete(name);
  }
  return chosen;
}

/** Highest leaves: the user's, else the model's, raised so that every feature can be seen. */
function levels(model: CpuModel): Pick<CpuModel, "level" | "xlevel"> {
  let { level, xlevel } = model;
  for (const name of model.features) {
    const { leaf } = cpuidBit(name);
    if (leaf < 0x8000_0000) level = Math.max(level, leaf);
    else xlevel = Math.max(xlevel, leaf);
  }
  if (model.features.has("xsave")) level = Math.max(level, 0xd);
  // A brand string and the address sizes go with every extended leaf 8000_0001H.
  if (xlevel !== 0) xlevel = Math.max(xlevel, model.features.has("lm") ? 0x8000_0008 : 0x8000_0004);
  return { level, xlevel };
}

/**
 * The CPU model that a `-cpu` option describes.
 *
 * @param text the option; empty means the default model
 * @throws UsageError for unknown models, features, keys, and combinations that can't be
 */
export function parseCpu(text = DEFAULT_MODEL): CpuModel {
  const [name, ...words] = text
    .split(",")
    .map((word) => word.trim())
    .filter((word, index) => word !== "" || index === 0);
  const wishes = readWords(words);
  const base = modelSource(name === "" ? DEFAULT_MODEL : name!).build(wishes.vendor);
  const chosen: CpuModel = { ...base, features: chooseFeatures(base, wishes) };
  return { ...chosen, ...levels(chosen), ...wishes.overrides };
}
