/**
 * The guest of `npm run bench -- --only workload`: Debian's cloud kernel, and a RAM disk with Python and its tests,
 * openssl, gzip and xz, from Debian's packages with the shared libraries that they need.
 *
 * The RAM disk is not compressed: to unpack it would take the guest longer than to read it.
 */
import { lstat, mkdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { type CpioEntry, cpioArchive } from "../boot/cpio.js";
import { debianFile, debianPackage, filesBelow } from "../host/node/debian.js";
import { UsageError } from "../host/usage-error.js";
import { type Guest, outputFolder, put } from "./guest.js";
import { neededLibraries } from "./shared-libraries.js";
import { workloadScript } from "./workload-script.js";

const packages = [
  ...["python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libpython3.11-testsuite"],
  ...["openssl", "gzip", "xz-utils"],
  ...["libc6", "zlib1g", "libexpat1", "libssl3", "libffi8", "liblzma5", "libbz2-1.0"],
];
/** What no program looks at: documents, and character sets beyond those of the C library itself. */
const unwanted = /^usr\/share\/|\/gconv\//;
/** Python does without a module that can't be loaded; programs and libraries have to be complete. */
const optional = /\/lib-dynload\//;
const applets = "sh mount cat cut head tail grep sed sort find xargs stat cmp rm sync poweroff".split(" ");

/** Guest memory in MiB: the RAM disk is in it twice while it is unpacked, then the files that are worked on. */
const MEMORY = 768;

export async function workloadGuest(progress: (text: string) => void): Promise<Guest> {
  const kernel = await debianFile({
    package: "linux-image-cloud-amd64",
    path: /^boot\/vmlinuz-/,
    progress,
  });
  const busybox = await debianFile({
    package: "busybox-static",
    path: /^(usr\/)?bin\/busybox$/,
    progress,
  });
  const entries = new Map<string, CpioEntry>();
  for (const name of packages) {
    const { root } = await debianPackage({ package: name, progress });
    for (const path of await filesBelow(root)) {
      if (!unwanted.test(path)) entries.set(path, await entryOf(root, path));
    }
  }
  const archive = cpioArchive([
    ...complete([...entries.values()]),
    { path: "init", mode: 0o755, content: { kind: "file", data: new TextEncoder().encode(workloadScript) } },
    { path: "bin/busybox", mode: 0o755, content: { kind: "file", data: await readFile(busybox) } },
    ...applets.map((name): CpioEntry => {
      return { path: `bin/${name}`, mode: 0o777, content: { kind: "link", target: "busybox" } };
    }),
    ...["proc", "sys", "dev", "tmp", "root"].map((path): CpioEntry => {
      return { path, mode: 0o755, content: { kind: "folder" } };
    }),
  ]);
  const out = outputFolder();
  await mkdir(out, { recursive: true });
  const initrd = join(out, "initrd64work");
  await put(initrd, archive);
  return { bits: 64, kernel, initrd, memory: MEMORY };
}

async function entryOf(root: string, path: string): Promise<CpioEntry> {
  const file = join(root, path);
  const found = await lstat(file);
  if (found.isSymbolicLink())
    return { path, mode: 0o777, content: { kind: "link", target: await readlink(file) } };
  return { path, mode: found.mode & 0o7777, content: { kind: "file", data: await readFile(file) } };
}

/**
 * The entries without those optional ones that need a library which is not among them.
 *
 * @throws UsageError when something else lacks a library
 */
export function complete(entries: readonly CpioEntry[]): CpioEntry[] {
  const there = new Set(entries.map(({ path }) => basename(path)));
  return entries.filter(({ path, content }) => {
    const missing = content.kind === "file" && neededLibraries(content.data).find((name) => !there.has(name));
    if (!missing) return true;
    if (optional.test(path)) return false;
    throw new UsageError(
      `/${path} of Debian's packages needs ${missing}, which is in none of those that the workload is made of.`,
    );
  });
}
