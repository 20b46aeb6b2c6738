/**
 * Library functions: WebAssembly that instructions call instead of containing it, because it is long and used often
 * (x87 arithmetic, 128-bit division).
 *
 * Each is written once, against the function builder, and emitted once into the interpreter's module, which exports
 * it under its name; translated code imports it from there. Its first parameter is always the CPU's base address. It
 * reads and writes the CPU's state, but it knows nothing of the instruction: it raises no exception and never leaves.
 */
import type { Callee, FunctionBuilder, Signature } from "../wasm/function.js";
import type { ModuleBuilder } from "../wasm/module.js";
import type { I32, ValueType } from "../wasm/value.js";

/** Where a library function finds the others that it calls. */
export type Linked = (callee: LibraryFunction) => Callee;

/**
 * Emits the body. Parameters after the implicit one are `f.param(type, 1)` and so on; all paths end in `f.return`.
 */
export type LibraryBody = (f: FunctionBuilder, cpu: I32, linked: Linked) => void;

export interface LibraryFunction<R extends ValueType = ValueType> {
  readonly name: string;
  /** Types of the parameters after the implicit one. */
  readonly params: readonly ValueType[];
  readonly result: R;
  readonly body: LibraryBody;
}

const registry = new Map<string, LibraryFunction>();

/** Registers a library function. Those that it calls are registered before it. */
export function libraryFunction<R extends ValueType>(
  name: string,
  params: readonly ValueType[],
  result: R,
  body: LibraryBody,
): LibraryFunction<R> {
  if (registry.has(name)) throw new Error(`library function ${name} is defined twice`);
  const defined = { name, params, result, body };
  registry.set(name, defined);
  return defined;
}

/** All library functions, callees before their callers. */
export function allLibraryFunctions(): readonly LibraryFunction[] {
  return [...registry.values()];
}

/** The type of a library function in WebAssembly. */
export function librarySignature({ params, result }: LibraryFunction): Signature {
  return { params: ["i32", ...params], results: [result] };
}

/** Emits all library functions into a module and exports them under their names. */
export function emitLibrary(m: ModuleBuilder): Linked {
  const emitted = new Map<LibraryFunction, Callee>();
  const linked: Linked = (callee) => emitted.get(callee)!;
  for (const declared of allLibraryFunctions()) {
    const { params, results } = librarySignature(declared);
    const callee = m.function(params, results, (f) => {
      declared.body(f, f.param("i32", 0), linked);
      f.unreachable();
    });
    emitted.set(declared, callee);
    m.export(declared.name, callee);
  }
  return linked;
}
