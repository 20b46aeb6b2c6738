/**
 * The options of `npm run bench`.
 */
import { parseArgs } from "node:util";
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";
import { kernelNames } from "./kernels.js";
import { type Part, parts, usage } from "./usage.js";

export { usage };

export interface BenchOptions {
  /** What is measured: the boot and the kernels are what `undefined` stands for, less what `kernels` left out. */
  readonly only: Part | undefined;
  readonly boot: boolean;
  readonly kernels: readonly string[];
  readonly bootRounds: number;
  readonly kernelRounds: number;
  readonly scale: number;
  readonly referenceScale: number;
  readonly bits: 64 | 32;
  /** What vt86 is compared with in the boot and the kernels. */
  readonly peer: "qemu" | "v86";
  /** The Node that runs vt86 (and v86): a path, or undefined for this one. */
  readonly node: string | undefined;
  /** For `vt86 run --engine`. */
  readonly engine: string | undefined;
  /** How long the soak lasts. */
  readonly minutes: number;
  readonly timeout: number;
  readonly json: string | undefined;
}

const known = {
  only: { type: "string" },
  kernels: { type: "string" },
  rounds: { type: "string" },
  scale: { type: "string" },
  "reference-scale": { type: "string" },
  bits: { type: "string" },
  peer: { type: "string" },
  node: { type: "string" },
  engine: { type: "string" },
  minutes: { type: "string" },
  timeout: { type: "string" },
  json: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** Percent of the full work and seconds for one machine, unless told: what suits each part. */
const defaults: Readonly<Record<Part | "all", { readonly scale: number; readonly timeout: number }>> = {
  all: { scale: 50, timeout: 600 },
  boot: { scale: 50, timeout: 600 },
  kernels: { scale: 50, timeout: 600 },
  vmx: { scale: 5, timeout: 600 },
  nested: { scale: 100, timeout: 1200 },
  workload: { scale: 100, timeout: 3600 },
  soak: { scale: 50, timeout: 600 },
};

/** The kernels of `--only nested`, unless told: some of every kind. */
export const nestedKernels: readonly string[] = ["sieve", "sha256", "qsort", "nbody", "syscall", "pgfault"];

function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${name} takes a whole number above 0, not "${text}".`);
  return value;
}

function selected(text: string | undefined, fallback: readonly string[]): readonly string[] {
  if (text === undefined) return fallback;
  const wanted = text.split(",").filter((name) => name !== "");
  for (const name of wanted) {
    if (kernelNames.includes(name)) continue;
    const near = nearestName(name, [...kernelNames]);
    throw new UsageError(
      `There is no kernel "${name}"${near ? `; did you mean ${near}?` : `: ${kernelNames.join(", ")}.`}`,
    );
  }
  return kernelNames.filter((name) => wanted.includes(name));
}

function choice<const T extends string>(
  name: string,
  text: string | undefined,
  words: readonly T[],
): T | undefined {
  const found = words.find((word) => word === text);
  if (text === undefined || found !== undefined) return found;
  throw new UsageError(`--${name} is ${words.slice(0, -1).join(", ")} or ${words.at(-1)}, not "${text}".`);
}

/** Undefined when the help was asked for. Throws a UsageError for wrong use. */
export function parseBenchOptions(words: readonly string[]): BenchOptions | undefined {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(words);
  } catch (error) {
    throw new UsageError(
      `${error instanceof Error ? error.message.split(". ")[0] : String(error)}; see --help.`,
    );
  }
  if (values.help) return undefined;
  const only = choice("only", values.only, parts);
  const bits = choice("bits", values.bits, ["64", "32"]) === "32" ? 32 : 64;
  const peer = choice("peer", values.peer, ["qemu", "v86"]) ?? "qemu";
  const plain = only === undefined || only === "boot" || only === "kernels";
  if (!plain && bits === 32) throw new UsageError(`--only ${only} has a 64-bit guest only.`);
  if (peer === "v86" && !(plain && bits === 32))
    throw new UsageError(
      "v86 has 32-bit guests only: --peer v86 goes with --bits 32, and not with this --only.",
    );
  if (values.minutes !== undefined && only !== "soak")
    throw new UsageError("--minutes goes with --only soak.");
  if (values.kernels !== undefined && (only === "vmx" || only === "workload" || only === "soak"))
    throw new UsageError(`--kernels does not go with --only ${only}.`);
  const { scale, timeout } = defaults[only ?? "all"];
  const withKernels = only === undefined || only === "kernels" || only === "nested";
  return {
    only,
    boot: only === "boot" || (only === undefined && values.kernels === undefined),
    kernels: withKernels ? selected(values.kernels, only === "nested" ? nestedKernels : kernelNames) : [],
    bootRounds: positive("rounds", values.rounds, 3),
    kernelRounds: positive("rounds", values.rounds, 1),
    scale: positive("scale", values.scale, scale),
    referenceScale: positive("reference-scale", values["reference-scale"], 50),
    bits,
    peer,
    node: values.node,
    engine: values.engine,
    minutes: positive("minutes", values.minutes, 60),
    timeout: positive("timeout", values.timeout, timeout),
    json: values.json,
  };
}

function parse(words: readonly string[]) {
  return parseArgs({ args: [...words], options: known, allowPositionals: false }).values;
}
