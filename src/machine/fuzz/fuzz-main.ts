/**
 * A long run of the fuzzer by hand: `node dist/machine/fuzz/fuzz-main.js [programs] [seed] [first]`.
 *
 * The programs run in a worker. If one does not come back, this thread says which, and ends the run.
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { prepareTier0 } from "../../engine/interpreter/tier0.js";
import { CHUNK, type FuzzReport, fuzz } from "./fuzz.js";

interface Work {
  readonly programs: number;
  readonly seed: number;
  readonly first: number;
  readonly progress: SharedArrayBuffer;
}

/** Milliseconds after which a program counts as hanging. */
const PATIENCE = 10_000;

function supervise(): void {
  const [programs = 100_000, seed = 1, first = 0] = process.argv.slice(2).map(Number);
  const progress = new SharedArrayBuffer(4);
  const current = new Int32Array(progress);
  const work: Work = { programs, seed, first: first - (first % CHUNK), progress };
  const worker = new Worker(new URL(import.meta.url), { workerData: work });
  let last = -1;
  let since = performance.now();
  const watch = setInterval(() => {
    const program = Atomics.load(current, 0);
    if (program !== last) {
      last = program;
      since = performance.now();
    } else if (performance.now() - since > PATIENCE) {
      console.error(`program ${program} of seed ${seed} hangs`);
      process.exit(1);
    }
  }, 500);
  worker.on("message", (report: FuzzReport) => {
    clearInterval(watch);
    for (const { program, mode, text } of report.failures)
      console.log(`program ${program} (${mode}): ${text}`);
    console.log({ ...report, failures: report.failures.length });
    process.exitCode = report.failures.length > 0 ? 1 : 0;
  });
}

async function work({ programs, seed, first, progress }: Work): Promise<void> {
  await prepareTier0();
  const current = new Int32Array(progress);
  const report = fuzz({ programs, seed, first, onProgram: (program) => Atomics.store(current, 0, program) });
  parentPort?.postMessage(report);
}

if (isMainThread) supervise();
else await work(workerData as Work);
