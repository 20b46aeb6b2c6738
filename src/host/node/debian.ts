/**
 * Guests from Debian: fetches packages through the host's own package tools and unpacks them into the cache.
 *
 * The host is never changed: nothing is installed. Package lists come from the system; where it has none, or
 * lacks the architecture asked for, they are fetched into the cache folder with the system's sources and keys
 * (no root needed). A package that was unpacked once is used as it is until `refresh` is asked for.
 */

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../usage-error.js";
import { cacheFolder, exists, fillFolder } from "./cache.js";
import { runTool, type ToolResult } from "./run-tool.js";

export interface DebianOptions {
  /** A package, with `:i386` behind it for a foreign architecture. A meta package stands for the one it names. */
  readonly package: string;
  /** Told what is going on, in a few words. */
  readonly progress?: (text: string) => void;
  /** Fetch the archive's current version even when the cache has one. */
  readonly refresh?: boolean;
}

/** An unpacked package. */
export interface DebianPackage {
  /** The package that was fetched: another name than the one asked for, if that was a meta package. */
  readonly name: string;
  readonly version: string;
  /** Absolute path of the folder that holds the package's tree. */
  readonly root: string;
}

/** What the cache remembers beside the tree. */
interface Origin {
  readonly name: string;
  readonly version: string;
}

const ORIGIN_FILE = "origin.json";
const TREE = "tree";

/**
 * The package that a meta package stands for, read from `apt-cache depends`: the dependency that has the same
 * name with a version in it (`linux-image-amd64` → `linux-image-6.1.0-50-amd64`). Undefined for an ordinary package.
 */
export function metaTarget(packageName: string, dependsOutput: string): string | undefined {
  const bare = packageName.replace(/:.*$/, "");
  for (const line of dependsOutput.split("\n")) {
    const dependency = /^\s*\|?Depends: (\S+)$/.exec(line)?.[1];
    if (!dependency) continue;
    if (isVersionOf(dependency.replace(/:.*$/, ""), bare)) return dependency;
  }
  return undefined;
}

/** Whether `name` is `bare` with a version (`-6.1.0-50`) put in between two of its words. */
function isVersionOf(name: string, bare: string): boolean {
  for (let split = bare.indexOf("-"); split >= 0; split = bare.indexOf("-", split + 1)) {
    const [head, tail] = [bare.slice(0, split), bare.slice(split)];
    if (!name.startsWith(`${head}-`) || !name.endsWith(tail)) continue;
    if (/^(-\d[\w.+~]*)+$/.test(name.slice(head.length, name.length - tail.length))) return true;
  }
  return false;
}

/** Runs apt's tools against the system's package lists or against private ones in the cache folder. */
class Apt {
  private options: string[] = ["-o", "APT::Sandbox::User=root"];

  constructor(private readonly architecture: string | undefined) {}

  /** Version of the package, or undefined when the lists don't have it. */
  async version(packageName: string): Promise<string | undefined> {
    const result = await this.run("apt-cache", ["show", "--no-all-versions", packageName]);
    return /^Version: (.+)$/m.exec(result.stdout.toString())?.[1];
  }

  async depends(packageName: string): Promise<string> {
    return (await this.run("apt-cache", ["depends", packageName])).stdout.toString();
  }

  download(packageName: string, folder: string): Promise<ToolResult> {
    return this.run("apt-get", ["-q", "download", packageName], folder);
  }

  /** Turns to package lists of our own, as they are. */
  async usePrivateLists(): Promise<void> {
    const state = join(cacheFolder(), "apt");
    await mkdir(join(state, "lists", "partial"), { recursive: true });
    await mkdir(join(state, "archives", "partial"), { recursive: true });
    this.options.push("-o", `Dir::State::lists=${join(state, "lists")}`, "-o", `Dir::Cache=${state}`);
    if (this.architecture) {
      const native = await runTool("dpkg", ["--print-architecture"]);
      this.options.push("-o", `APT::Architectures::=${native.stdout.toString().trim()}`);
      this.options.push("-o", `APT::Architectures::=${this.architecture}`);
    }
  }

  /** Fetches the lists. Some of the system's sources may fail while the others are fine. */
  async update(): Promise<ToolResult> {
    return this.run("apt-get", ["-q", "update"]);
  }

  private async run(program: string, args: readonly string[], cwd?: string): Promise<ToolResult> {
    const result = await runTool(program, [...this.options, ...args], cwd);
    if (result.missing) throw noTools();
    return result;
  }
}

function noTools(): UsageError {
  return new UsageError(
    "vt86 gets its ready-made guests with apt-get and dpkg-deb, which this system doesn't have: " +
      "install them, or give a kernel of your own with --kernel.",
  );
}

/** apt's own reason is the last line that it marks as an error. */
function failure(what: string, result: ToolResult): UsageError {
  const reason = /(?:E|Err|W): ?(.+)\n*$/.exec(result.stderr)?.[1] ?? "no reason was given";
  return new UsageError(`vt86 ${what}: ${reason.trim().replace(/\.$/, "")}.`);
}

/** Where the cache keeps a package: one folder for each name that is asked for. */
function folderOf(packageName: string): string {
  if (!/^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?$/.test(packageName)) {
    throw new UsageError(`"${packageName}" is not the name of a Debian package.`);
  }
  return join(cacheFolder(), "debian", packageName.replace(":", "_"));
}

async function cached(folder: string): Promise<DebianPackage | undefined> {
  const file = join(folder, ORIGIN_FILE);
  if (!(await exists(file))) return undefined;
  const origin = JSON.parse(await readFile(file, "utf8")) as Origin;
  return { ...origin, root: join(folder, TREE) };
}

/** Fetches and unpacks a whole package, unless the cache has it. */
export async function debianPackage(options: DebianOptions): Promise<DebianPackage> {
  const folder = folderOf(options.package);
  const known = await cached(folder);
  if (known && !options.refresh) return known;

  const progress = options.progress ?? (() => undefined);
  const apt = new Apt(options.package.split(":")[1]);
  // The system's lists may be absent or out of date; then ours as they are, then ours brought up to date.
  let trouble: UsageError | undefined;
  for (const lists of ["system", "private", "updated"] as const) {
    if (lists === "private") await apt.usePrivateLists();
    if (lists === "updated") {
      progress("fetching Debian's package lists");
      const update = await apt.update();
      if (!update.ok) trouble = failure("can't fetch Debian's package lists", update);
    }
    const origin = await resolve(apt, options.package);
    if (!origin) continue;
    if (known && known.name === origin.name && known.version === origin.version) return known;
    try {
      await fetchInto(folder, apt, origin, progress);
      return { ...origin, root: join(folder, TREE) };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      trouble = error;
    }
  }
  throw (
    trouble ??
    new UsageError(
      `this system's package sources have no package ${options.package}: check the name and /etc/apt/sources.list.`,
    )
  );
}

async function resolve(apt: Apt, packageName: string): Promise<Origin | undefined> {
  const name = metaTarget(packageName, await apt.depends(packageName)) ?? packageName;
  const version = await apt.version(name);
  return version === undefined ? undefined : { name, version };
}

async function fetchInto(
  folder: string,
  apt: Apt,
  { name, version }: Origin,
  progress: (text: string) => void,
): Promise<void> {
  await fillFolder(folder, async (temporary) => {
    progress(`downloading ${name} ${version}`);
    const download = join(temporary, "download");
    await mkdir(download);
    const result = await apt.download(name, download);
    const [archive] = await readdir(download);
    if (!result.ok || archive === undefined) {
      throw failure(`can't download the Debian package ${name}`, result);
    }
    progress(`unpacking ${name}`);
    const unpacked = await runTool("dpkg-deb", ["-x", join(download, archive), join(temporary, TREE)]);
    if (unpacked.missing) throw noTools();
    if (!unpacked.ok) throw failure(`can't unpack ${archive}`, unpacked);
    const origin: Origin = { name, version };
    await writeFile(join(temporary, ORIGIN_FILE), `${JSON.stringify(origin, undefined, 2)}\n`);
    await rm(download, { recursive: true });
  });
}

/**
 * Fetches a package and returns the absolute path of the one file in it whose path (relative, without a
 * leading slash) matches. Of several matches, the first in alphabetical order.
 */
export async function debianFile(options: DebianOptions & { readonly path: RegExp }): Promise<string> {
  const unpacked = await debianPackage(options);
  const files = await filesBelow(unpacked.root);
  const found = files.find((file) => options.path.test(file));
  if (found === undefined) {
    throw new UsageError(
      `the Debian package ${unpacked.name} ${unpacked.version} has no file like ${options.path.source}: ` +
        "a newer version of vt86 may know where it went.",
    );
  }
  return join(unpacked.root, found);
}

/** Paths of all files below `root`, relative to it, sorted. */
export async function filesBelow(root: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else files.push(path);
    }
  };
  await walk("");
  return files.sort();
}
