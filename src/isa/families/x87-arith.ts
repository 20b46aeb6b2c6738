/**
 * Arithmetic: FADD FSUB FSUBR FMUL FDIV FDIVR with their popping and integer forms, and the operations on ST(0) that
 * need no approximation (SDM vol. 1, 8.3.5). The common cases are done by x87-arith-library.ts, the others by
 * helpers-x87-arith.ts.
 */
import type { I32 } from "../../wasm/value.js";
import { define } from "../emit.js";
import type { LibraryFunction } from "../library.js";
import {
  addition,
  changeSign,
  division,
  multiplication,
  reversedDivision,
  roundToIntegral,
  Signs,
  squareRoot,
} from "./x87-arith-library.js";
import type { MemorySource } from "./x87-library.js";
import { MEMORY, operate, operateOnMemory, type Work, work, x87Helper } from "./x87-stack.js";

type Fast = Work<LibraryFunction<"i32">>;

interface Operation {
  /** The common case on registers: destination and source. */
  registers(destination: I32, source: I32, pops: 0 | 1): Fast;
  memory(source: MemorySource): Fast;
}

const adding = (signs: number): Operation => ({
  registers: (destination, source, pops) =>
    work(addition.registers, destination, destination, source, pops, signs),
  memory: (source) => work(addition.memory[source], signs),
});

const operations: Readonly<Record<string, Operation>> = {
  fadd: adding(Signs.add),
  fsub: adding(Signs.subtract),
  fsubr: adding(Signs.subtractReversed),
  fmul: {
    registers: (destination, source, pops) =>
      work(multiplication.registers, destination, destination, source, pops),
    memory: (source) => work(multiplication.memory[source]),
  },
  fdiv: {
    registers: (destination, source, pops) =>
      work(division.registers, destination, destination, source, pops),
    memory: (source) => work(division.memory[source]),
  },
  fdivr: {
    registers: (destination, source, pops) =>
      work(division.registers, destination, source, destination, pops),
    memory: (source) => work(reversedDivision.memory[source]),
  },
};

for (const [mnemonic, operation] of Object.entries(operations)) {
  /** (destination, source, pops) */
  const registers = x87Helper(mnemonic, 3);
  /** (format): ST(0) and the operand. */
  const memory = work(x87Helper(`${mnemonic}_memory`, 1));
  const fast = (source: MemorySource | "f80") => operation.memory(source as MemorySource);

  for (const [name, pops] of [
    [mnemonic, 0],
    [`${mnemonic}p`, 1],
  ] as const) {
    define(
      name,
      (x) => {
        if (x.isMemory(0)) {
          operateOnMemory(x, "float", memory, fast);
          return;
        }
        const [destination, source] = [x.registerNumber(0), x.registerNumber(1)];
        operate(
          x,
          work(registers, destination, source, pops),
          operation.registers(destination, source, pops),
        );
      },
      MEMORY,
    );
  }
  define(`fi${mnemonic.slice(1)}`, (x) => operateOnMemory(x, "integer", memory, fast), MEMORY);
}

const unary: Readonly<Record<string, Fast | undefined>> = {
  fchs: work(changeSign, 0xffff, 0x8000),
  fabs: work(changeSign, 0x7fff, 0),
  fsqrt: work(squareRoot),
  frndint: work(roundToIntegral),
  fscale: undefined,
  fprem: undefined,
  fprem1: undefined,
  fxtract: undefined,
};
for (const [mnemonic, fast] of Object.entries(unary)) {
  const exact = work(x87Helper(mnemonic));
  define(mnemonic, (x) => operate(x, exact, fast));
}
