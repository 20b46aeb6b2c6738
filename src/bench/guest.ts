/**
 * The benchmark's guest: Debian's kernel, and an initial RAM disk with BusyBox and the benchmark program.
 *
 * The sources of the program are a kit beside the project (`../shared/bench`, or `$VT86_BENCH_KIT`). What is
 * built goes to the kit's own folder, `$CACHE` or `vtbench` in the user's cache, under the names that its own
 * scripts use, so that both find each other's files. Debian's packages come through vt86's cache.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type CpioEntry, cpioArchive } from "../boot/cpio.js";
import { exists } from "../host/node/cache.js";
import { debianFile } from "../host/node/debian.js";
import { UsageError } from "../host/usage-error.js";
import { compileGuestPrograms } from "./compile.js";

export interface Guest {
  readonly bits: 64 | 32;
  readonly kernel: string;
  readonly initrd: string;
  /** Its memory in MiB; the usual amount unless given. */
  readonly memory?: number;
}

const kernels = { 64: "linux-image-cloud-amd64", 32: "linux-image-686:i386" } as const;
const busyboxes = { 64: "busybox-static", 32: "busybox-static:i386" } as const;
const applets = "sh mount echo cat tr grep sed uname ls insmod dmesg tail poweroff sync sleep".split(" ");

/** Where the kit and the benchmark put what they fetch. */
export function benchCache(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return process.env.CACHE || join(cache, "vtbench");
}

/** Where they put what they build. */
export const outputFolder = (): string => join(benchCache(), "out");

/** The kit with the sources of the guest's programs; it need not be there. */
export function kitFolder(): string {
  const project = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
  return process.env.VT86_BENCH_KIT ?? join(project, "../shared/bench");
}

/** The guest, built if need be. Throws a UsageError that names what is missing. */
export async function benchGuest(bits: 64 | 32, progress: (text: string) => void): Promise<Guest> {
  const out = outputFolder();
  const kernel = join(out, `vmlinuz${bits}`);
  const initrd = join(out, `initrd${bits}.gz`);
  if ((await exists(kernel)) && (await exists(initrd))) return { bits, kernel, initrd };

  const kit = kitFolder();
  if (!(await exists(join(kit, "guest", "vtbench.c")))) {
    throw new UsageError(
      `there is no benchmark kit in ${kit}: set VT86_BENCH_KIT to the folder that holds guest/vtbench.c, ` +
        `or put vmlinuz${bits} and initrd${bits}.gz into ${out}.`,
    );
  }
  await mkdir(out, { recursive: true });
  const programs = await compileGuestPrograms(join(kit, "guest"), bits, out, progress);
  const busybox = await debianFile({ package: busyboxes[bits], path: /^(usr\/)?bin\/busybox$/, progress });
  const image = await debianFile({ package: kernels[bits], path: /^boot\/vmlinuz-/, progress });
  await put(kernel, await readFile(image));
  const archive = cpioArchive([
    await file("init", join(kit, "init")),
    await file("bin/busybox", busybox),
    ...applets.map((name): CpioEntry => {
      return { path: `bin/${name}`, mode: 0o777, content: { kind: "link", target: "busybox" } };
    }),
    await file("bin/vtbench", programs.vtbench),
    await file("bin/vtexit", programs.vtexit),
    ...["proc", "sys", "dev", "tmp", "mod"].map((path): CpioEntry => {
      return { path, mode: 0o755, content: { kind: "folder" } };
    }),
  ]);
  await put(initrd, gzipSync(archive, { level: 9 }));
  return { bits, kernel, initrd };
}

/** The kit's folder of sources, for those who can't do without. */
export async function kitSources(): Promise<string> {
  const sources = join(kitFolder(), "guest");
  if (await exists(join(sources, "vtbench.c"))) return sources;
  throw new UsageError(
    `there is no benchmark kit in ${kitFolder()}: set VT86_BENCH_KIT to the folder that holds guest/vtbench.c.`,
  );
}

async function file(path: string, source: string): Promise<CpioEntry> {
  return { path, mode: 0o755, content: { kind: "file", data: await readFile(source) } };
}

/** A file that is there is complete. */
export async function put(path: string, data: Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, data);
  await rename(`${path}.part`, path);
}
