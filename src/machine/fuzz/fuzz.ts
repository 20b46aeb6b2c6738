/**
 * The fuzzer: random programs in every mode of the processor. Whatever they do, the machine must stay a machine:
 * no exception of the host, no WebAssembly trap, no violated invariant, no time that stands still.
 *
 * In some chunks two PCs run the same programs, one in blocks, one instruction by instruction or in translated code;
 * both must always be in the same state.
 */
import { differences } from "./compare.js";
import { FuzzPc, type Outcome, type Start } from "./fuzz-pc.js";
import { violations } from "./invariants.js";
import { Mode, modeNames } from "./modes.js";
import { origin, ProgramSource } from "./programs.js";
import { Random } from "./random.js";

/** Programs that share a PC. A chunk runs the same whatever ran before. */
export const CHUNK = 500;
/** One chunk in so many runs on two PCs. */
const PAIRED = 8;
/** One chunk in so many runs on a second PC that translates; only the first programs, as compiling takes its time. */
const TRANSLATED = 32;
const TRANSLATED_AT = 4;
const MOST_TRANSLATED = 60;
const MODELS = ["max", "Westmere"] as const;
/** Milliseconds that one program may take. Far above what any takes on a busy host. */
const SLOW = 5000;

export interface FuzzFailure {
  readonly program: number;
  readonly mode: string;
  readonly text: string;
}

export interface FuzzReport {
  readonly programs: number;
  /** Programs that also ran in another way. */
  readonly compared: number;
  /** Those that were translated. */
  readonly translated: number;
  readonly instructions: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly failures: readonly FuzzFailure[];
  readonly slowest: { readonly program: number; readonly milliseconds: number };
}

export interface FuzzOptions {
  readonly programs: number;
  readonly seed: number;
  /** First program, a multiple of {@link CHUNK}. */
  readonly first?: number;
  /** Told before each program; the supervisor watches it. */
  readonly onProgram?: (program: number) => void;
  /** Only this many failures are kept; then the run ends. */
  readonly mostFailures?: number;
}

/** The program with a number. */
export function makeProgram(
  source: ProgramSource,
  seed: number,
  program: number,
): Start & { readonly budget: number } {
  const random = new Random(Math.imul(seed, 0x9e3779b1) + program);
  const mode = random.pick(modeNames);
  const code = source.write(random, Mode[mode].code, origin(random));
  return {
    mode,
    code,
    seed: random.u32(),
    budget: random.oneIn(32) ? 200 + random.below(1800) : 40 + random.below(120),
  };
}

export function fuzz({ programs, seed, first = 0, onProgram, mostFailures = 20 }: FuzzOptions): FuzzReport {
  const source = new ProgramSource();
  const outcomes: Record<Outcome, number> = { running: 0, halted: 0, shutdown: 0, reset: 0, "power-off": 0 };
  const failures: FuzzFailure[] = [];
  let slowest = { program: 0, milliseconds: 0 };
  let compared = 0;
  let translated = 0;
  let instructions = 0;
  let pc!: FuzzPc;
  let twin: FuzzPc | undefined;
  const memories: (WebAssembly.Memory | undefined)[] = [undefined, undefined];
  let fresh = true;

  for (let program = first; program < first + programs && failures.length < mostFailures; program++) {
    onProgram?.(program);
    const chunk = Math.floor(program / CHUNK);
    if (program % CHUNK === 0 || fresh) {
      const model = MODELS[chunk % MODELS.length]!;
      pc = new FuzzPc(model, memories[0]);
      memories[0] = pc.pc.memory;
      twin = undefined;
      const translates = chunk % TRANSLATED === TRANSLATED_AT;
      if (chunk % PAIRED === 0 || translates) {
        twin = new FuzzPc(model, memories[1], translates ? "translator" : "interpreter");
        memories[1] = twin.pc.memory;
      }
      fresh = false;
    }
    if (twin?.pc.translator && program % CHUNK >= MOST_TRANSLATED) twin = undefined;
    const start = makeProgram(source, seed, program);
    const { mode, budget } = start;
    const fail = (text: string) => {
      failures.push({ program, mode, text });
      // What follows in this chunk would only repeat it.
      fresh = true;
    };
    const began = performance.now();
    const before = pc.pc.cpu.now();
    const count = pc.pc.cpu.instructions;
    try {
      pc.load(start);
      const outcome = pc.run(budget);
      outcomes[outcome]++;
      const retired = pc.pc.cpu.instructions - count;
      instructions += retired;
      if (pc.pc.cpu.now() < before) fail("time went backwards");
      if (retired > budget) fail(`${retired} instructions retired, ${budget} were allowed`);
      for (const text of violations(pc.pc.cpu)) fail(text);
      const milliseconds = performance.now() - began;
      if (milliseconds > slowest.milliseconds) slowest = { program, milliseconds };
      if (milliseconds > SLOW) fail(`took ${Math.round(milliseconds)} ms`);
      if (twin && !fresh) {
        compared++;
        twin.load(start);
        const { translator } = twin.pc;
        if (translator) translated++;
        const way = translator ? "translated" : "stepwise";
        const other = twin.run(budget, !translator);
        if (other !== outcome) fail(`${outcome} in blocks, ${other} ${way}`);
        for (const text of differences(pc, twin)) fail(`${way}: ${text}`);
      }
    } catch (thrown) {
      fail(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    }
  }
  return { programs, compared, translated, instructions, outcomes, failures, slowest };
}
