/**
 * The initial root file system of vt86's own Linux guests: BusyBox and a script that starts a shell.
 *
 * Nothing here reads files: the caller brings the bytes. The same input gives the same archive, byte for byte.
 */

import { type CpioEntry, cpioArchive } from "./cpio.js";

/** A kernel module, in the order in which they are to be loaded. */
export interface InitramfsModule {
  /** File name, `virtio_blk.ko`. */
  readonly name: string;
  readonly data: Uint8Array;
  /** Module parameters, `nested=1`. */
  readonly parameters?: string;
}

export interface InitramfsFile {
  /** Absolute path in the guest. */
  readonly path: string;
  readonly data: Uint8Array;
  /** Permission bits; 0644 unless given. */
  readonly mode?: number;
}

export interface InitramfsOptions {
  /** A statically linked BusyBox for the guest's processor. */
  readonly busybox: Uint8Array;
  readonly modules?: readonly InitramfsModule[];
  readonly files?: readonly InitramfsFile[];
  /** Shell script that is run instead of the interactive shell; the guest is switched off when it ends. */
  readonly script?: string;
  /** Text that the guest shows before its first prompt, instead of its own. */
  readonly welcome?: string;
}

const MODULE_FOLDER = "lib/modules/vt86";
const SCRIPT = "etc/vt86/script";
const WELCOME = "etc/vt86/welcome";

/** The line that ends a script's output: the number is the script's exit status. */
export const SCRIPT_END = "vt86: script ended with status";

/** Builds the archive, ready to be given to Linux (it is not compressed). */
export function buildInitramfs(options: InitramfsOptions): Uint8Array {
  const modules = options.modules ?? [];
  const entries: CpioEntry[] = [
    file("init", initScript(modules), 0o755),
    { path: "bin/busybox", mode: 0o755, content: { kind: "file", data: options.busybox } },
    { path: "bin/sh", mode: 0o777, content: { kind: "link", target: "busybox" } },
    { path: "dev/console", mode: 0o600, content: { kind: "characters", major: 5, minor: 1 } },
    { path: "dev/null", mode: 0o666, content: { kind: "characters", major: 1, minor: 3 } },
    folder("proc"),
    folder("sys"),
    folder("run"),
    folder("sbin"),
    folder("usr/bin"),
    folder("usr/sbin"),
    { path: "root", mode: 0o700, content: { kind: "folder" } },
    { path: "tmp", mode: 0o1777, content: { kind: "folder" } },
    file("etc/passwd", "root::0:0:root:/root:/bin/sh\n", 0o644),
    file("etc/group", "root:x:0:\n", 0o644),
    file("etc/hostname", "vt86\n", 0o644),
    file("etc/profile", PROFILE, 0o644),
  ];
  for (const { name, data } of modules) {
    entries.push({ path: `${MODULE_FOLDER}/${name}`, mode: 0o644, content: { kind: "file", data } });
  }
  if (options.script !== undefined) entries.push(file(SCRIPT, options.script, 0o755));
  if (options.welcome !== undefined) entries.push(file(WELCOME, `${options.welcome}\n`, 0o644));
  for (const { path, data, mode } of options.files ?? []) {
    entries.push({ path: path.replace(/^\/+/, ""), mode: mode ?? 0o644, content: { kind: "file", data } });
  }
  return cpioArchive(entries);
}

function file(path: string, text: string, mode: number): CpioEntry {
  return { path, mode, content: { kind: "file", data: new TextEncoder().encode(text) } };
}

function folder(path: string): CpioEntry {
  return { path, mode: 0o755, content: { kind: "folder" } };
}

const PROFILE = `export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root
export PS1='vt86:\\w\\$ '
`;

/** Process 1. It never ends: the kernel would panic. */
function initScript(modules: readonly InitramfsModule[]): string {
  const insmod = modules.map(
    ({ name, parameters }) => `insmod /${MODULE_FOLDER}/${name}${parameters ? ` ${parameters}` : ""}`,
  );
  return `#!/bin/sh
# The first process of a vt86 guest.
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root TERM="\${TERM:-linux}"
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
hostname -F /etc/hostname
ip link set lo up
${insmod.join("\n")}
cd /root

if [ -f /${SCRIPT} ]; then
  sh /${SCRIPT}
  echo "${SCRIPT_END} $?"
  sync
  poweroff -f
fi

echo
if [ -f /${WELCOME} ]; then
  cat /${WELCOME}
else
  echo "Welcome to vt86. This is $(uname -sr) on $(uname -m)."
  echo "The command poweroff -f switches the machine off."
fi
echo
while true; do
  setsid cttyhack sh -l
  echo "The shell has ended. Press Enter for a new one."
  read -r answer
done
`;
}
