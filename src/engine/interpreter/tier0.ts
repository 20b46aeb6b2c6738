/**
 * The generated interpreter, compiled and ready to be instantiated for any number of machines.
 *
 * Generating takes seconds, so the build does it once (generate-main.ts) and leaves the module beside this
 * file; without that, or when a source is newer, it is generated on the spot.
 */
import { distFolder } from "../../host/dist-folder.js";
import { readPrebuilt } from "../../host/prebuilt.js";
import type { Shape } from "../../isa/emit.js";
import { hotShapes } from "./hot-shapes.js";
import { type BuildOptions, buildInterpreter } from "./module.js";
import { findShapes } from "./shape-enumeration.js";
import { ShapeTable } from "./shapes.js";
import "../../isa/families/index.js";

export interface Tier0 {
  readonly shapes: ShapeTable;
  readonly module: WebAssembly.Module;
}

/** What the build leaves beside this file. */
export const PREBUILT = { module: "tier0.wasm", keys: "tier0.json" } as const;

export interface PrebuiltKeys {
  readonly keys: readonly string[];
  readonly hotCount: number;
}

let shared: Tier0 | undefined;
let preparing: Promise<void> | undefined;

/** Generates the interpreter's module from the semantic functions. */
export function generateTier0(options: BuildOptions = {}): { bytes: Uint8Array<ArrayBuffer> } & PrebuiltKeys {
  const shapes = findShapes(hotShapes);
  const hotCount = hotShapes.filter((key) => shapes.has(key)).length;
  const list: readonly Shape[] = [...shapes.values()];
  return { bytes: buildInterpreter(list, hotCount, options), keys: [...shapes.keys()], hotCount };
}

/** Makes everybody use this interpreter: one with counters, for example. */
export function useTier0({
  bytes,
  keys,
  hotCount,
}: { bytes: Uint8Array<ArrayBuffer> } & PrebuiltKeys): Tier0 {
  shared = { shapes: new ShapeTable(keys, hotCount), module: new WebAssembly.Module(bytes) };
  return shared;
}

/** The interpreter; generated on the spot if {@link prepareTier0} has not found a prebuilt one. */
export function tier0(): Tier0 {
  return shared ?? useTier0(generateTier0());
}

/** Loads the prebuilt interpreter where there is one that fits, once. */
export function prepareTier0(): Promise<void> {
  preparing ??= loadPrebuilt();
  return preparing;
}

async function loadPrebuilt(): Promise<void> {
  if (shared) return;
  const place = (name: string) => new URL(`engine/interpreter/${name}`, distFolder);
  const sources = [
    "engine/interpreter/",
    "isa/",
    "isa/families/",
    "isa/decode/",
    "isa/decode/tables/",
    "wasm/",
  ].map((folder) => new URL(folder, distFolder));
  const found = await readPrebuilt([place(PREBUILT.module), place(PREBUILT.keys)], sources);
  const [bytes, text] = found ?? [];
  if (!bytes || !text || shared) return;
  const { keys, hotCount } = JSON.parse(new TextDecoder().decode(text)) as PrebuiltKeys;
  // Not on this thread: it is wanted for other things.
  const module = await WebAssembly.compile(bytes);
  shared ??= { shapes: new ShapeTable(keys, hotCount), module };
}
