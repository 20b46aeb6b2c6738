/**
 * `npm run bench`: boots one guest in vt86 and in QEMU's TCG, in turns, and compares what they take.
 */
import { writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { UsageError } from "../host/usage-error.js";
import { bootFigures, kernelFigures } from "./figures.js";
import { benchGuest, type Guest } from "./guest.js";
import { GUEST_MEMORY, type Peer, qemu, qemuVersion, vt86 } from "./machines.js";
import { type KernelResult, measure, type RunResult } from "./measure.js";
import { type BenchOptions, parseBenchOptions, usage } from "./options.js";
import { checkAccounts } from "./process-clock.js";
import { bootReport, kernelReport } from "./report.js";
import { benchVmx } from "./vmx.js";

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

/** Boots without work, in turns. */
async function boots(
  peers: readonly Peer[],
  guest: Guest,
  options: BenchOptions,
): Promise<Map<Peer, RunResult[]>> {
  const runs = new Map(peers.map((peer): [Peer, RunResult[]] => [peer, []]));
  for (let round = 1; round <= options.bootRounds; round++) {
    for (const peer of peers) {
      const run = await measure(peer.command(guest, { scale: 1, kernels: [] }), options.timeout);
      runs.get(peer)!.push(run);
      const init = run.init ? `init after ${run.init.wall.toFixed(2)} s` : "init was not reached";
      say(
        `boot ${round} of ${options.bootRounds}, ${peer.name}: ${init}${run.done ? "" : ", and it did not end"}`,
      );
      if (!run.done) complain(run);
    }
  }
  return runs;
}

/** Runs kernels; where one brings the guest down, the guest is booted again for those behind it. */
async function work(
  peer: Peer,
  guest: Guest,
  scale: number,
  kernels: readonly string[],
  timeout: number,
): Promise<{ results: KernelResult[]; runs: RunResult[] }> {
  const results: KernelResult[] = [];
  const runs: RunResult[] = [];
  for (let left = kernels; left.length > 0; ) {
    const run = await measure(peer.command(guest, { scale, kernels: left }), timeout);
    runs.push(run);
    results.push(...run.kernels);
    if (run.done) break;
    const last = run.unfinished ?? run.kernels.at(-1)?.name;
    say(`${peer.name} at ${scale} %: the guest did not end; it was at ${run.unfinished ?? "no kernel"}.`);
    complain(run);
    left = last === undefined ? [] : left.slice(left.indexOf(last) + 1);
  }
  say(`kernels at ${scale} %, ${peer.name}: ${results.length} of ${kernels.length} ended`);
  return { results, runs };
}

function complain(run: RunResult): void {
  for (const text of run.tail) say(`  | ${text}`);
}

async function bench(options: BenchOptions): Promise<boolean> {
  checkAccounts();
  if (options.vmx) return benchVmx(options, say);
  const version = await qemuVersion(options.bits);
  const peers = version === undefined ? [vt86] : [vt86, qemu];
  if (version === undefined)
    say("QEMU is not installed here, so there are no ratios and no checksums to compare with.");
  const guest = await benchGuest(options.bits, say);
  const host = {
    processor: cpus()[0]?.model ?? "unknown",
    processors: cpus().length,
    node: process.version,
    qemu: version,
    load: loadavg()[0],
    date: new Date().toISOString(),
  };
  const with_ = version === undefined ? "" : `, QEMU ${version}`;
  console.log(
    `${options.bits}-bit guest on ${host.processors} x ${host.processor}, Node ${host.node}${with_}, load ${host.load?.toFixed(1)}\n`,
  );
  const record: Record<string, unknown> = { host, options };
  let good = true;

  if (options.boot) {
    const runs = await boots(peers, guest, options);
    const own = bootFigures(runs.get(vt86)!);
    const reference = runs.has(qemu) ? bootFigures(runs.get(qemu)!) : undefined;
    console.log(`Boot, medians of ${own.rounds}\n\n${bootReport(own, reference, GUEST_MEMORY)}\n`);
    good &&= own.rounds === options.bootRounds;
    record.boot = {
      vt86: own,
      reference,
      runs: [...runs].map(([peer, list]) => ({ machine: peer.name, list })),
    };
  }
  if (options.kernels.length > 0) {
    const own: KernelResult[] = [];
    const reference: KernelResult[] = [];
    const all: RunResult[] = [];
    for (let round = 1; round <= options.kernelRounds; round++) {
      const mine = await work(vt86, guest, options.scale, options.kernels, options.timeout);
      own.push(...mine.results);
      all.push(...mine.runs);
      if (version === undefined) continue;
      for (const scale of new Set([options.scale, options.referenceScale])) {
        reference.push(...(await work(qemu, guest, scale, options.kernels, options.timeout)).results);
      }
    }
    const rows = kernelFigures(options.kernels, own, reference);
    const peak = Math.max(...all.map((run) => run.peak)) / 0x100000;
    console.log(
      `Kernels at ${options.scale} % of the work, medians of ${options.kernelRounds}\n\n${kernelReport(rows)}\n`,
    );
    console.log(`Peak memory of vt86 over the kernels: ${peak.toFixed(0)} MiB.\n`);
    good &&= rows.every(({ verdict }) => verdict === "same" || verdict === "unchecked");
    record.kernels = { rows, own, reference, peakMiB: peak };
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(record, undefined, 1)}\n`);
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
