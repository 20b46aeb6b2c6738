/**
 * v86, the 32-bit PC for browsers, from its npm package. It is fetched into the benchmark's cache, where the
 * kit's own scripts put it too, and run by the kit's front end on the same Node as vt86. Its BIOS is Debian's SeaBIOS.
 */
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../host/node/cache.js";
import { debianFile } from "../host/node/debian.js";
import { runTool } from "../host/node/run-tool.js";
import { UsageError } from "../host/usage-error.js";
import { benchCache, kitFolder } from "./guest.js";
import { append, GUEST_MEMORY, type Peer } from "./machines.js";

const images = { "bios.bin": "seabios.bin", "vgabios-stdvga.bin": "vgabios.bin" } as const;

export interface V86 extends Peer {
  readonly version: string;
}

/** Fetches what is missing. Throws a UsageError where that can't be done. */
export async function v86(node: string, progress: (text: string) => void): Promise<V86> {
  const frontEnd = join(kitFolder(), "host", "v86-run.mjs");
  if (!(await exists(frontEnd))) {
    throw new UsageError(
      `v86 is run by ${frontEnd}, which is missing: set VT86_BENCH_KIT to the folder that holds host/v86-run.mjs.`,
    );
  }
  const npm = join(benchCache(), "npm");
  const folder = join(npm, "node_modules", "v86");
  if (!(await exists(join(folder, "build", "v86.wasm")))) await fetchPackage(npm, progress);
  const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string };
  const bios = join(benchCache(), "v86bios");
  await mkdir(bios, { recursive: true });
  for (const [name, as] of Object.entries(images)) {
    if (await exists(join(bios, as))) continue;
    const path = new RegExp(`^usr/share/seabios/${name.replace(".", "\\.")}$`);
    await copyFile(await debianFile({ package: "seabios", path, progress }), join(bios, as));
  }
  return {
    name: "v86",
    version,
    command: ({ kernel, initrd, memory = GUEST_MEMORY }, work) => ({
      program: node,
      args: [frontEnd, folder, bios, kernel, initrd, String(memory), append(work)],
      lingers: true,
    }),
  };
}

async function fetchPackage(folder: string, progress: (text: string) => void): Promise<void> {
  progress("fetching v86 from npm");
  await mkdir(folder, { recursive: true });
  const options = ["--prefix", folder, "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"];
  const result = await runTool("npm", ["install", ...options, "v86"], folder);
  if (result.ok) return;
  const reason = result.missing ? "there is no npm" : result.stderr.trim().split("\n").at(-1);
  throw new UsageError(`v86 can't be fetched from npm: ${reason}.`);
}
