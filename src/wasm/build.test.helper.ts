/**
 * Builds a module of one function and calls it.
 */
import type { FunctionBuilder } from "./function.js";
import { ModuleBuilder } from "./module.js";
import type { ValueType } from "./value.js";

export type Result = number | bigint | undefined;
export type Compiled = (...args: (number | bigint)[]) => Result;

export interface Built {
  readonly call: Compiled;
  readonly memory: DataView;
}

/** A function with these parameters and result, whose body `body` builds. Memory is one page of zeroes. */
export function build(
  params: readonly ValueType[],
  result: ValueType | undefined,
  body: (f: FunctionBuilder) => void,
): Built {
  const module = new ModuleBuilder();
  module.export("f", module.function(params, result ? [result] : [], body));
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory } });
  return { call: instance.exports.f as Compiled, memory: new DataView(memory.buffer) };
}
