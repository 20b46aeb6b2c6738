/**
 * What all instructions of one handler have in common for the translator. It is found out when the first one is met, as
 * every instruction of every region asks for it.
 */
import { definitionOf, type Semantics } from "../../isa/emit.js";
import { Handler } from "../interpreter/shapes.js";
import type { FlagUse } from "./flag-use.js";
import type { RegionInstruction } from "./region.js";

/**
 * The interpreter executes them: they work on registers in the state behind the translator's back, or change the state
 * between accesses that they know to succeed.
 */
const leftToInterpreter = /^(f?xsave|fxrstor|xrstor|f?nsave|fnstenv|fldenv|frstor)/;
/** What they do with flags depends on their count. */
const shifts = /^(ro|rc|sh|sa)[lr]/;

export class Meaning {
  private readonly uses: FlagUse[] = [];

  private constructor(
    /** What it means; undefined: the interpreter executes it. */
    readonly emit: Semantics | undefined,
    private readonly hasCount: boolean,
  ) {}

  private static readonly known: Meaning[] = [];
  private static readonly none = new Meaning(undefined, false);

  static of({ handler, instruction }: RegionInstruction): Meaning {
    const known = Meaning.known[handler];
    if (known) return known;
    // Those handlers are for what may be no instruction.
    if (handler < Handler.first) return Meaning.none;
    const { mnemonic } = instruction.form;
    const meaning = new Meaning(
      leftToInterpreter.test(mnemonic) ? undefined : definitionOf(mnemonic)!.emit,
      shifts.test(mnemonic) && instruction.operands.at(-1)?.kind === "imm",
    );
    Meaning.known[handler] = meaning;
    return meaning;
  }

  /** What such an instruction does with the flags; `probe` finds it out. */
  flagUse({ instruction }: RegionInstruction, probe: () => FlagUse): FlagUse {
    const key = this.hasCount ? instruction.immediate & 0xff : 0;
    let use = this.uses[key];
    if (!use) {
      use = probe();
      this.uses[key] = use;
    }
    return use;
  }
}
