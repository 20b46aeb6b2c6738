/**
 * The generated interpreter, compiled and ready to be instantiated for any number of machines.
 */
import { hotShapes } from "./hot-shapes.js";
import { buildInterpreter } from "./module.js";
import { ShapeTable } from "./shapes.js";
import "../../isa/families/index.js";

export interface Tier0 {
  readonly shapes: ShapeTable;
  readonly module: WebAssembly.Module;
}

let shared: Tier0 | undefined;

/** Generates (once) and compiles the interpreter. */
export function tier0(): Tier0 {
  if (!shared) {
    const shapes = new ShapeTable(hotShapes);
    shared = { shapes, module: new WebAssembly.Module(buildInterpreter(shapes)) };
  }
  return shared;
}
