/**
 * Runs the vector files of a folder.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../host/usage-error.js";
import type { RegisterHome } from "../translator/region-code.js";
import { SiliconEnvironment } from "./environment.js";
import { runVector } from "./run-vector.js";
import { modeOf, readVectors, type SiliconVector, type VectorMode } from "./vector.js";

export interface VectorFailure {
  readonly vector: SiliconVector;
  /** What differs from the CPU, one sentence each. */
  readonly problems: readonly string[];
}

export interface FileResult {
  readonly passed: number;
  readonly failures: readonly VectorFailure[];
}

/**
 * Names of the vector files of a folder, sorted.
 * @param filter only names that contain it
 * @throws UsageError when the folder cannot be read or has no such file
 */
export function vectorFiles(folder: string, filter = ""): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    throw new UsageError(`There is no folder ${folder} to read vectors from.`);
  }
  const files = names.filter((name) => name.endsWith(".jsonl.gz") && name.includes(filter)).sort();
  if (files.length === 0) {
    const what = filter ? `vector file (*${filter}*.jsonl.gz)` : "vector file (*.jsonl.gz)";
    throw new UsageError(`The folder ${folder} holds no ${what}.`);
  }
  return files;
}

export class VectorSuite {
  private readonly environments = new Map<VectorMode, SiliconEnvironment>();

  /** @param translated through the translator instead of the interpreter: where its functions have the registers */
  constructor(
    private readonly folder: string,
    private readonly translated?: RegisterHome,
  ) {}

  /** How many vectors ran in translated code, and how many were left to the interpreter. */
  get counts(): { translated: number; interpreted: number } {
    const sum = { translated: 0, interpreted: 0 };
    for (const { counts } of this.environments.values()) {
      sum.translated += counts.translated;
      sum.interpreted += counts.interpreted;
    }
    return sum;
  }

  private environment(mode: VectorMode): SiliconEnvironment {
    let environment = this.environments.get(mode);
    if (!environment) {
      environment = new SiliconEnvironment(mode, this.translated);
      this.environments.set(mode, environment);
    }
    return environment;
  }

  /** @param every runs one vector in so many, from the first on */
  run(file: string, every = 1): FileResult {
    const environment = this.environment(modeOf(file));
    const failures: VectorFailure[] = [];
    let passed = 0;
    let number = 0;
    for (const vector of readVectors(join(this.folder, file))) {
      if (number++ % every !== 0) continue;
      let problems: string[];
      try {
        problems = runVector(environment, vector);
      } catch (error) {
        problems = [`the interpreter failed: ${error instanceof Error ? error.message : String(error)}`];
      }
      if (problems.length === 0) passed++;
      else failures.push({ vector, problems });
    }
    return { passed, failures };
  }
}

/** A failure as one line. */
export function describeFailure({ vector, problems }: VectorFailure): string {
  return `${vector.form} ${vector.code} ${vector.asm}: ${problems.slice(0, 4).join("; ")}`;
}
