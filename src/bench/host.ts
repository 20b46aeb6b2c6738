/**
 * Where and with what the benchmark runs.
 */
import { cpus, loadavg } from "node:os";
import { nodeVersion, type Vt86Settings } from "./machines.js";
import type { BenchOptions } from "./options.js";

export interface Host {
  readonly settings: Vt86Settings;
  /** For headings: processors, Node's version, the load. */
  readonly title: string;
  /** The same for --json. */
  readonly record: Readonly<Record<string, unknown>>;
}

export async function benchHost({ node, engine }: BenchOptions): Promise<Host> {
  const version = await nodeVersion(node);
  const processor = cpus()[0]?.model ?? "unknown";
  const [load = Number.NaN] = loadavg();
  const with_ = engine ? `, --engine ${engine}` : "";
  return {
    settings: { node: node ?? process.execPath, engine },
    title: `${cpus().length} x ${processor}, Node ${version}${with_}, load ${load.toFixed(1)}`,
    record: { processor, processors: cpus().length, node: version, load, date: new Date().toISOString() },
  };
}
