/**
 * `npm run bench`: the same guests in vt86 and in other machines, and what they take.
 */
import { writeFile } from "node:fs/promises";
import { UsageError } from "../host/usage-error.js";
import { benchHost } from "./host.js";
import { benchNested } from "./nested.js";
import { type BenchOptions, parseBenchOptions, usage } from "./options.js";
import { benchPlain } from "./plain.js";
import { checkAccounts } from "./process-clock.js";
import { benchSoak } from "./soak.js";
import { benchVmx } from "./vmx.js";
import { benchWorkload } from "./workload.js";

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

const special = { vmx: benchVmx, nested: benchNested, workload: benchWorkload, soak: benchSoak } as const;

async function bench(options: BenchOptions): Promise<boolean> {
  checkAccounts();
  const host = await benchHost(options);
  const { only } = options;
  const part = only === undefined || only === "boot" || only === "kernels" ? benchPlain : special[only];
  const { good, record } = await part(options, host, say);
  if (options.json !== undefined) {
    const all = { host: host.record, options, ...record };
    await writeFile(options.json, `${JSON.stringify(all, undefined, 1)}\n`);
  }
  return good;
}

// A machine that runs is ended with us (measure.ts), also when we are told to stop.
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => process.exit(status));
}

try {
  const options = parseBenchOptions(process.argv.slice(2));
  if (!options) console.log(usage);
  else process.exitCode = (await bench(options)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
