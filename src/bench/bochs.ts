/**
 * Bochs as Debian packages it, with its debugger: it boots a GRUB ISO, and its serial port is a named pipe.
 */
import { rmSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exists } from "../host/node/cache.js";
import { runTool, toolExists } from "../host/node/run-tool.js";
import { UsageError } from "../host/usage-error.js";
import type { Guest } from "./guest.js";
import { GUEST_MEMORY } from "./machines.js";
import type { Command } from "./measure.js";

const bios = "/usr/share/bochs/BIOS-bochs-latest";
const vgaBios = "/usr/share/vgabios/vgabios.bin";
const program = "/usr/bin/bochs-bin";

/** Bochs' version; undefined, with the reason told, where something is missing. */
export async function bochsVersion(say: (text: string) => void): Promise<string | undefined> {
  const wanted = [program, bios, vgaBios];
  const there = await Promise.all(wanted.map(exists));
  const tools = await Promise.all(["grub-mkrescue", "xorriso", "mformat"].map(toolExists));
  if (there.includes(false) || tools.includes(false) || !(await exists("/usr/lib/grub/i386-pc"))) {
    say(
      "Bochs or what makes its boot disk is not installed here, so there is no comparison with it " +
        "(apt install bochs bochs-term bochsbios vgabios grub-pc-bin xorriso mtools).",
    );
    return undefined;
  }
  const { stdout, stderr } = await runTool(program, ["--help"]);
  return /Bochs x86 Emulator ([\d.]+\w*)/.exec(stdout.toString() + stderr)?.[1] ?? "of unknown version";
}

/** The configuration file for a folder with `boot.iso` and the pipe `serial`. */
export const bochsConfiguration = (folder: string): string => `display_library: rfb, options="timeout=0"
romimage: file=${bios}
vgaromimage: file=${vgaBios}
megs: ${GUEST_MEMORY}
cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=${folder}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=${folder}/serial
log: ${folder}/log.txt
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
`;

/**
 * The shell turns into Bochs, so that the process that is measured is Bochs itself. It holds the pipe
 * open from the start: the reader beside it ends when Bochs does, also when Bochs never gets to open it.
 */
const launch = `exec 3<>"$1/serial"
cat "$1/serial" 3>&- &
exec ${program} -q -f "$1/rc.txt" -rc "$1/commands" >/dev/null 2>&1`;

/** Gives `use` the command that boots the guest; what that takes on the disk is removed afterwards. */
export async function withBochs<T>(
  { kernel, initrd }: Guest,
  commandLine: string,
  use: (command: Command) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "vt86-bochs-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove); // also when we are told to stop
  try {
    const boot = join(folder, "iso", "boot");
    await mkdir(join(boot, "grub"), { recursive: true });
    await copyFile(kernel, join(boot, "vmlinuz"));
    await copyFile(initrd, join(boot, "initrd"));
    await writeFile(
      join(boot, "grub", "grub.cfg"),
      `set timeout=0\nset default=0\nmenuentry vmx {\n linux /boot/vmlinuz ${commandLine}\n initrd /boot/initrd\n}\n`,
    );
    await tool("grub-mkrescue", [
      ...["-d", "/usr/lib/grub/i386-pc", "--fonts=", "--locales=", "--themes="],
      ...["-o", join(folder, "boot.iso"), join(folder, "iso")],
    ]);
    await tool("mkfifo", [join(folder, "serial")]);
    await writeFile(join(folder, "rc.txt"), bochsConfiguration(folder));
    await writeFile(join(folder, "commands"), "c\n");
    return await use({ program: "/bin/sh", args: ["-c", launch, "bochs", folder] });
  } finally {
    process.off("exit", remove);
    remove();
  }
}

async function tool(name: string, args: readonly string[]): Promise<void> {
  const result = await runTool(name, args);
  if (!result.ok)
    throw new UsageError(`${name} can't make Bochs' boot disk: ${result.stderr.trim().split("\n").at(-1)}.`);
}
