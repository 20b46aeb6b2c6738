/**
 * `npm run bench -- --only vmx`: how fast Linux' KVM is inside the guest, in vt86, in QEMU's TCG (which has AMD's
 * SVM, not VT-x) and in Bochs.
 */
import { bochsVersion, withBochs } from "./bochs.js";
import type { Host } from "./host.js";
import { qemuCommand, qemuVersion, vt86Command } from "./machines.js";
import { measure, type RunResult } from "./measure.js";
import type { BenchOptions } from "./options.js";
import { complain, type Outcome } from "./plain.js";
import { nestedCommandLine, nestedGuest } from "./vmx-guest.js";
import { type NestedMachine, nestedFigures, nestedReport } from "./vmx-report.js";

/** A processor with all of VT-x. */
export const CPU = "Skylake-Server,+vmx";

interface Peer extends NestedMachine {
  run(timeout: number): Promise<RunResult>;
}

export async function benchVmx(
  options: BenchOptions,
  host: Host,
  say: (text: string) => void,
): Promise<Outcome> {
  const guest = await nestedGuest(say);
  const fast = nestedCommandLine({ exits: 100_000, loops: 1_000_000_000 });
  const slow = nestedCommandLine({ exits: 20_000, loops: 10_000_000 });
  const peers: Peer[] = [
    {
      name: `vt86, ${CPU}`,
      loopIsTimed: true,
      run: (timeout) => measure(vt86Command(host.settings, guest, fast, ["--cpu", CPU]), timeout),
    },
  ];
  const qemu = await qemuVersion(64);
  if (qemu === undefined) say("QEMU is not installed here, so there is no comparison with it.");
  else
    peers.push({
      name: `QEMU ${qemu} TCG (SVM)`,
      loopIsTimed: true,
      run: (timeout) => measure(qemuCommand(guest, fast), timeout),
    });
  const bochs = await bochsVersion(say);
  if (bochs !== undefined)
    peers.push({
      name: `Bochs ${bochs}`,
      loopIsTimed: false,
      run: (timeout) => withBochs(guest, slow, (command) => measure(command, timeout)),
    });

  console.log(`Virtual machines in the machine, on ${host.title}\n`);
  const runs = new Map(peers.map((peer): [Peer, RunResult[]] => [peer, []]));
  for (let round = 1; round <= options.kernelRounds; round++) {
    for (const peer of peers) {
      const run = await peer.run(options.timeout);
      runs.get(peer)!.push(run);
      say(`round ${round} of ${options.kernelRounds}, ${peer.name}: ${run.done ? "ended" : "did not end"}`);
      if (!run.done) complain(run, say);
    }
  }
  const rows = [...runs].map(([peer, list]) => nestedFigures(peer, list));
  console.log(`${nestedReport(rows)}\n`);
  return {
    good: rows.every((row) => row.good),
    record: { rows, runs: [...runs].map(([{ name }, list]) => ({ name, list })) },
  };
}
