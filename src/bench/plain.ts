/**
 * The boot and the kernels of one guest, in vt86 and in what it is compared with, in turns.
 */
import { bootFigures, kernelFigures } from "./figures.js";
import { benchGuest, type Guest } from "./guest.js";
import type { Host } from "./host.js";
import { GUEST_MEMORY, type Peer, qemu, qemuVersion, vt86 } from "./machines.js";
import { type KernelResult, measure, type RunResult } from "./measure.js";
import type { BenchOptions } from "./options.js";
import { bootReport, kernelReport, speedReport, wanted } from "./report.js";
import { v86 } from "./v86.js";

type Say = (text: string) => void;

/** What a part of the benchmark brings: whether everything was right, and its figures for --json. */
export interface Outcome {
  readonly good: boolean;
  readonly record: Readonly<Record<string, unknown>>;
}

interface Reference {
  readonly peer: Peer;
  readonly title: string;
}

async function referenceFor(options: BenchOptions, host: Host, say: Say): Promise<Reference | undefined> {
  if (options.peer === "v86") {
    const peer = await v86(host.settings.node, say);
    return { peer, title: `v86 ${peer.version}` };
  }
  const version = await qemuVersion(options.bits);
  if (version !== undefined) return { peer: qemu, title: `QEMU ${version}` };
  say("QEMU is not installed here, so there are no ratios and no checksums to compare with.");
  return undefined;
}

/** Boots without work, in turns. */
async function boots(
  peers: readonly Peer[],
  guest: Guest,
  options: BenchOptions,
  say: Say,
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
      if (!run.done) complain(run, say);
    }
  }
  return runs;
}

/** Runs kernels; where one brings the guest down, the guest is booted again for those behind it. */
async function work(
  peer: Peer,
  guest: Guest,
  scale: number,
  { kernels, timeout }: BenchOptions,
  say: Say,
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
    complain(run, say);
    left = last === undefined ? [] : left.slice(left.indexOf(last) + 1);
  }
  say(`kernels at ${scale} %, ${peer.name}: ${results.length} of ${kernels.length} ended`);
  return { results, runs };
}

/** The last that a machine said. */
export function complain(run: RunResult, say: Say): void {
  for (const text of run.tail) say(`  | ${text}`);
}

export async function benchPlain(options: BenchOptions, host: Host, say: Say): Promise<Outcome> {
  const reference = await referenceFor(options, host, say);
  const own = vt86(host.settings);
  const guest = await benchGuest(options.bits, say);
  const title = reference ? `, ${reference.title}` : "";
  console.log(`${options.bits}-bit guest on ${host.title}${title}\n`);
  const peerName = reference?.peer.name ?? "reference";
  const record: Record<string, unknown> = { reference: reference?.title };
  let good = true;

  if (options.boot) {
    const runs = await boots(reference ? [own, reference.peer] : [own], guest, options, say);
    const most = options.bits === 64 && options.peer === "qemu" ? wanted.bootRatio : undefined;
    const wantedOfBoot = { peer: peerName, most, guestMiB: GUEST_MEMORY };
    const mine = bootFigures(runs.get(own)!);
    const other = reference && bootFigures(runs.get(reference.peer)!);
    console.log(`Boot, medians of ${mine.rounds}\n\n${bootReport(mine, other, wantedOfBoot)}\n`);
    good &&= mine.rounds === options.bootRounds;
    record.boot = {
      vt86: mine,
      reference: other,
      runs: [...runs].map(([peer, list]) => ({ machine: peer.name, list })),
    };
  }
  if (options.kernels.length > 0) {
    const mine: KernelResult[] = [];
    const other: KernelResult[] = [];
    const all: RunResult[] = [];
    for (let round = 1; round <= options.kernelRounds; round++) {
      const { results, runs } = await work(own, guest, options.scale, options, say);
      mine.push(...results);
      all.push(...runs);
      if (!reference) continue;
      for (const scale of new Set([options.scale, options.referenceScale])) {
        other.push(...(await work(reference.peer, guest, scale, options, say)).results);
      }
    }
    const rows = kernelFigures(options.kernels, mine, other);
    const peak = Math.max(...all.map((run) => run.peak)) / 0x100000;
    console.log(
      `Kernels at ${options.scale} % of the work, medians of ${options.kernelRounds}\n\n${kernelReport(rows, peerName)}\n`,
    );
    const speeds = speedReport(rows, options.peer);
    if (speeds !== "") console.log(`${speeds}\n`);
    console.log(`Peak memory of vt86 over the kernels: ${peak.toFixed(0)} MiB.\n`);
    good &&= rows.every(({ verdict }) => verdict === "same" || verdict === "unchecked");
    record.kernels = { rows, own: mine, reference: other, peakMiB: peak };
  }
  return { good, record };
}
