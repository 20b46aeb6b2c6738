/**
 * The command lines of the machines that are compared.
 */
import { fileURLToPath } from "node:url";
import { runTool } from "../host/node/run-tool.js";
import { UsageError } from "../host/usage-error.js";
import type { Guest } from "./guest.js";
import type { Command } from "./measure.js";

/** Guest memory in MiB, where a guest does not say otherwise. */
export const GUEST_MEMORY = 512;

/** How vt86 is run. */
export interface Vt86Settings {
  /** Path of the Node that runs it. */
  readonly node: string;
  /** For `--engine`, where it is to be given. */
  readonly engine: string | undefined;
}

/** What the guest is to do: percent of the full work, and which kernels (none at all for a plain boot). */
export interface Work {
  readonly scale: number;
  readonly kernels: readonly string[];
}

/** The command line that the kit's other machines were measured with, and the work. */
export function append({ scale, kernels }: Work): string {
  const selection = kernels.length > 0 ? kernels.join(",") : "none";
  return (
    "earlyprintk=serial,ttyS0,115200 console=ttyS0,115200 loglevel=6 nokaslr mitigations=off panic=-1 " +
    `rdinit=/init vt.scale=${scale} vt.mode=bench vt.sel=${selection}`
  );
}

export interface Peer {
  readonly name: string;
  command(guest: Guest, work: Work): Command;
}

export function vt86Command(
  { node, engine }: Vt86Settings,
  { kernel, initrd, memory = GUEST_MEMORY }: Guest,
  commandLine: string,
  more: readonly string[] = [],
): Command {
  return {
    program: node,
    args: [
      fileURLToPath(new URL("../../bin/vt86", import.meta.url)),
      "run",
      ...["--kernel", kernel, "--initrd", initrd, "--append", commandLine],
      ...["-m", String(memory), "--stats", "engine", ...(engine ? ["--engine", engine] : []), ...more],
    ],
  };
}

/** The version of a Node; undefined stands for the one that runs this. */
export async function nodeVersion(path: string | undefined): Promise<string> {
  if (path === undefined) return process.version;
  const result = await runTool(path, ["--version"]);
  const version = /^v\d+\.\d+\S*/.exec(result.stdout.toString())?.[0];
  if (version === undefined) throw new UsageError(`${path} is not a Node that runs here.`);
  return version;
}

const programs = { 64: "qemu-system-x86_64", 32: "qemu-system-i386" } as const;

export function qemuCommand(
  { bits, kernel, initrd, memory = GUEST_MEMORY }: Guest,
  commandLine: string,
): Command {
  return {
    program: programs[bits],
    args: [
      ...["-accel", "tcg,thread=single", "-cpu", "max", "-m", String(memory), "-smp", "1"],
      ...["-display", "none", "-serial", "stdio", "-monitor", "none"],
      ...["-no-reboot", "-nodefaults", "-vga", "none"],
      ...["-kernel", kernel, "-initrd", initrd, "-append", commandLine],
    ],
  };
}

export const vt86 = (settings: Vt86Settings): Peer => ({
  name: "vt86",
  command: (guest, work) => vt86Command(settings, guest, append(work)),
});

export const qemu: Peer = {
  name: "QEMU TCG",
  command: (guest, work) => qemuCommand(guest, append(work)),
};

/** QEMU's version, or undefined where it is not installed. */
export async function qemuVersion(bits: 64 | 32): Promise<string | undefined> {
  const result = await runTool(programs[bits], ["--version"]);
  return /version (\S+)/.exec(result.stdout.toString())?.[1];
}
