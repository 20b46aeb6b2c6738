/**
 * Part of the build: generates the interpreter and writes it beside the compiled sources.
 */
import { writeFileSync } from "node:fs";
import { generateTier0, PREBUILT } from "./tier0.js";

const { bytes, keys, hotCount } = generateTier0();
new WebAssembly.Module(bytes);
writeFileSync(new URL(`./${PREBUILT.module}`, import.meta.url), bytes);
writeFileSync(new URL(`./${PREBUILT.keys}`, import.meta.url), JSON.stringify({ keys, hotCount }));
console.log(`interpreter: ${keys.length} handlers, ${hotCount} in the loop, ${bytes.length} bytes`);
