#!/usr/bin/env node
/**
 * Puts the built command into few files, dist/command: to load it as hundreds of modules takes as long as to boot a
 * small guest. What only some commands need stays in files of its own.
 */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const dist = new URL("../dist/", import.meta.url);
const outdir = fileURLToPath(new URL("command", dist));
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [fileURLToPath(new URL("cli/main.js", dist))],
  outdir,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  logLevel: "warning",
});
