/**
 * The guest of `npm run bench -- --only soak`: Debian's cloud kernel with the kit's kernels and some modules to load
 * and unload, at varied work for a given time.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { debianGuest } from "../boot/node/debian-guest.js";
import { debianPackage } from "../host/node/debian.js";
import { kernelModules } from "../host/node/kernel-modules.js";
import { compileGuestPrograms } from "./compile.js";
import { type Guest, kitSources, outputFolder, put } from "./guest.js";

const KERNEL = "linux-image-cloud-amd64";

/** The piece of work that is always the same, in a section of its own, and the other kernels of a round. */
export const PIECE = "piece";
export const pieceKernels: readonly string[] = ["sieve", "dispatch", "qsort", "nbody", "syscall", "pipe"];
const varied = "smc forkexec mprotect signal icall x87 matmul copy_sse2 pgfault fileio filemeta chase dmix";

/** Modules that need no device; with what they depend on. */
const modules = ["btrfs", "xfs", "ext4", "dm_mod", "loop", "tun", "dummy", "veth", "bridge", "nf_tables"];

export const soakCommandLine = (seconds: number, scale: number): string =>
  `console=ttyS0,115200 quiet nokaslr mitigations=off panic=-1 soak.seconds=${seconds} soak.scale=${scale}`;

/**
 * The memory is filled once at the start: a page that the guest touches for the first time makes the host's process
 * larger, and that is no leak.
 */
const script = (names: readonly string[]): string => `echo "INIT START"
seconds=60 scale=50
for word in $(cat /proc/cmdline); do
  case $word in
    soak.seconds=*) seconds=\${word#*=} ;;
    soak.scale=*) scale=\${word#*=} ;;
  esac
done
up() { cut -d. -f1 /proc/uptime; }
end=$(($(up) + seconds))
free=$(sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
mkdir -p /fill; mount -t tmpfs -o size=100% tmpfs /fill
dd if=/dev/zero of=/fill/zeros bs=1M count=$((free / 1024 - 48)) 2>/dev/null
umount /fill

storm() { # short programs in pipelines
  for i in $(seq 1 40); do
    echo "storm $i" | sed 's/m/n/' | md5sum | grep -c . >/dev/null
    (exit 0); ls -l /proc/self/ >/dev/null
  done
}
fresh() { # code at pages that held other code before
  for i in 1 2 3 4; do
    cp /bin/busybox /tmp/fresh$i
    /tmp/fresh$i sha256sum /bin/vtbench >/dev/null
    rm /tmp/fresh$i
  done
}
tried=0 loaded=0
churn() {
  for module in ${names.join(" ")}; do
    tried=$((tried + 1))
    insmod /modules/$module && loaded=$((loaded + 1))
  done
  for module in ${[...names].reverse().join(" ")}; do rmmod \${module%.ko}; done
}

round=0
while [ $(up) -lt $end ]; do
  round=$((round + 1))
  echo "@S ${PIECE}"
  vtbench -s $scale ${pieceKernels.join(" ")}
  echo "@S varied"
  vtbench -s $(((scale + 9) / 10)) ${varied}
  storm
  fresh
  churn
done
echo "@N $round rounds, $loaded of $tried modules loaded and unloaded"
echo "VTBENCH DONE"
`;

export async function soakGuest(progress: (text: string) => void): Promise<Guest> {
  const out = outputFolder();
  await mkdir(out, { recursive: true });
  const programs = await compileGuestPrograms(await kitSources(), 64, out, progress);
  const { root } = await debianPackage({ package: KERNEL, progress });
  const churned = await kernelModules(root, modules);
  const guest = await debianGuest({
    kernelPackage: KERNEL,
    script: script(churned.map(({ name }) => name)),
    files: [
      { path: "/bin/vtbench", data: await readFile(programs.vtbench), mode: 0o755 },
      { path: "/bin/vtexit", data: await readFile(programs.vtexit), mode: 0o755 },
      ...churned.map(({ name, data }) => ({ path: `/modules/${name}`, data })),
    ],
    progress,
  });
  const kernel = join(out, "vmlinuz64soak");
  const initrd = join(out, "initrd64soak");
  await put(kernel, guest.kernel);
  await put(initrd, guest.initrd);
  return { bits: 64, kernel, initrd };
}
