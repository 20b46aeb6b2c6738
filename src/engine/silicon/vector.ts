/**
 * The format of the silicon vectors: one JSON object a line, one instruction each, as recorded on a real CPU.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Registers; those that keep their default are left out. Values are hexadecimal. */
interface RegisterValues {
  readonly rip: string;
  readonly rflags: string;
  readonly mxcsr?: string;
  readonly fcw?: string;
  readonly fsw?: string;
  readonly ftw?: string;
  /** By number. */
  readonly fpr?: Readonly<Record<string, string>>;
  readonly ymm?: Readonly<Record<string, string>>;
  readonly fsbase?: string;
  readonly gsbase?: string;
}

export interface VectorInput extends RegisterValues {
  readonly gpr: readonly string[];
}

/** Only what changed, besides RIP and RFLAGS. */
export interface VectorOutput extends RegisterValues {
  readonly gpr?: Readonly<Record<string, string>>;
}

export interface SiliconVector {
  readonly code: string;
  readonly asm: string;
  readonly form: string;
  readonly in: VectorInput;
  readonly mem?: readonly (readonly [number, string])[];
  readonly out: VectorOutput;
  readonly outMem?: readonly (readonly [number, string])[];
  readonly fault: null | {
    readonly vector: number;
    readonly error: number | null;
    readonly addr: string | null;
  };
  readonly undefFlags: string;
  readonly approx: boolean;
  readonly undef?: {
    readonly gpr?: Readonly<Record<string, string>>;
    readonly ymm?: Readonly<Record<string, string>>;
    readonly fsw?: string;
    readonly ftw?: string;
    readonly mxcsr?: string;
    readonly mem?: readonly (readonly [number, string])[];
    readonly faultAddr?: boolean;
  };
  readonly note?: string;
}

export type VectorMode = "x64" | "x86-32" | "x86-16";

/** The mode that a file's name announces. */
export function modeOf(fileName: string): VectorMode {
  for (const mode of ["x64", "x86-32", "x86-16"] as const) if (fileName.startsWith(`${mode}-`)) return mode;
  throw new Error(`${fileName}: the name of a vector file starts with x64-, x86-32- or x86-16-`);
}

/** All vectors of a `.jsonl.gz` file. */
export function* readVectors(path: string): Generator<SiliconVector> {
  const text = gunzipSync(readFileSync(path)).toString();
  for (const line of text.split("\n")) if (line) yield JSON.parse(line) as SiliconVector;
}
