/**
 * The options of `npm run bench`.
 */
import { parseArgs } from "node:util";
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";
import { kernelNames } from "./kernels.js";

export interface BenchOptions {
  readonly boot: boolean;
  /** Nested virtualization, and nothing else. */
  readonly vmx: boolean;
  readonly kernels: readonly string[];
  readonly bootRounds: number;
  readonly kernelRounds: number;
  readonly scale: number;
  readonly referenceScale: number;
  readonly bits: 64 | 32;
  readonly timeout: number;
  readonly json: string | undefined;
}

export const usage = `Usage: npm run bench -- [options]

  --only boot|kernels|vmx measure only the boot, or only the kernels; vmx: nested virtualization (Linux' KVM in
                          the guest), which is measured only when asked for
  --kernels LIST          only these kernels, with commas: sieve,sha256
  --rounds N              rounds (default: 3 of the boot, 1 of the others)
  --scale PERCENT         amount of work of the kernels (default 5)
  --reference-scale PERCENT
                          amount of work for the rates of the reference (default 25); its checksums come from
                          another run with --scale
  --bits 64|32            the 64-bit guest (default) or the 32-bit one
  --timeout SECONDS       longest time for one machine (default 600)
  --json FILE             writes all figures to FILE
  --help                  this text`;

const known = {
  only: { type: "string" },
  kernels: { type: "string" },
  rounds: { type: "string" },
  scale: { type: "string" },
  "reference-scale": { type: "string" },
  bits: { type: "string" },
  timeout: { type: "string" },
  json: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${name} takes a whole number above 0, not "${text}".`);
  return value;
}

function selected(text: string | undefined): readonly string[] {
  if (text === undefined) return kernelNames;
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
  const { only, bits = "64" } = values;
  if (only !== undefined && !["boot", "kernels", "vmx"].includes(only)) {
    throw new UsageError(`--only is boot, kernels or vmx, not "${only}".`);
  }
  const vmx = only === "vmx";
  if (vmx && bits !== "64") throw new UsageError("--only vmx has a 64-bit guest only.");
  if (bits !== "64" && bits !== "32") throw new UsageError(`--bits is 64 or 32, not "${bits}".`);
  const boot = !vmx && only !== "kernels" && !(values.kernels !== undefined && only === undefined);
  return {
    boot,
    vmx,
    kernels: vmx || only === "boot" ? [] : selected(values.kernels),
    bootRounds: positive("rounds", values.rounds, 3),
    kernelRounds: positive("rounds", values.rounds, 1),
    scale: positive("scale", values.scale, 5),
    referenceScale: positive("reference-scale", values["reference-scale"], 25),
    bits: bits === "64" ? 64 : 32,
    timeout: positive("timeout", values.timeout, 600),
    json: values.json,
  };
}

function parse(words: readonly string[]) {
  return parseArgs({ args: [...words], options: known, allowPositionals: false }).values;
}
