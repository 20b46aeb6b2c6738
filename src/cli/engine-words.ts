/**
 * The words that `--engine` takes beside the names of engines.
 */
import type { Engine } from "../machine/config.js";

/** Words for `--engine` that ask for a comparison, and the engine that each compares with the interpreter. */
export const checks = { check: "auto", "check-translator": "translator" } as const satisfies Record<
  string,
  Engine
>;
export const isCheck = (word: string): word is keyof typeof checks => Object.hasOwn(checks, word);
