/**
 * The guest of `npm run bench -- --only nested`: Debian's cloud kernel with KVM (L1), which runs the kit's kernels
 * itself and then has the host's QEMU boot the same kernel (L2) that runs them again.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { InitramfsFile } from "../boot/initramfs.js";
import { debianGuest } from "../boot/node/debian-guest.js";
import { exists } from "../host/node/cache.js";
import { runTool } from "../host/node/run-tool.js";
import { UsageError } from "../host/usage-error.js";
import { compileGuestPrograms } from "./compile.js";
import { type Guest, kitSources, outputFolder, put } from "./guest.js";

const KERNEL = "linux-image-cloud-amd64";
/** MiB of L1, whose RAM disk holds QEMU and the images of L2; and of L2. */
const MEMORY = 1280;
const INNER_MEMORY = 256;

/** The sections of the results. */
export const LEVELS = ["L1", "L2"] as const;

const QEMU = "/usr/bin/qemu-system-x86_64";
const FIRMWARE = "/usr/share/qemu";
const BIOS = "/usr/share/seabios/bios-256k.bin";
const ROMS = ["kvmvapic.bin", "linuxboot_dma.bin"];

/** The same for both levels: what the kernels cost in their kernel is to be the same. */
const COMMON = "console=ttyS0,115200 quiet nokaslr mitigations=off panic=-1";

export const l1CommandLine = (scale: number, kernels: readonly string[]): string =>
  `${COMMON} vt.scale=${scale} vt.sel=${kernels.join(",")}`;

const work = (level: (typeof LEVELS)[number]): string => `for word in $(cat /proc/cmdline); do
  case $word in
    vt.scale=*) scale=\${word#*=} ;;
    vt.sel=*) kernels=\${word#*=} ;;
  esac
done
echo "@S ${level}"
vtbench -s $scale $(echo $kernels | tr , ' ')
`;

const qemuCommandLine =
  `${QEMU} -accel kvm -cpu host -M pc -m ${INNER_MEMORY} -nodefaults -vga none -nographic -serial stdio ` +
  `-no-reboot -kernel /l2/kernel -initrd /l2/initrd -append "${COMMON} vt.scale=$scale vt.sel=$kernels"`;

const outer = `echo "INIT START"
${work("L1")}
${qemuCommandLine}
echo "@N QEMU ended with status $?"
echo "VTBENCH DONE"
`;

/** The host's QEMU with its libraries and firmware. */
async function qemu(): Promise<InitramfsFile[]> {
  for (const path of [QEMU, BIOS, ...ROMS.map((name) => join(FIRMWARE, name))]) {
    if (await exists(path)) continue;
    throw new UsageError(
      `the guest's QEMU is the host's, which lacks ${path} (apt install qemu-system-x86 seabios).`,
    );
  }
  const { stdout } = await runTool("ldd", [QEMU]);
  const libraries = stdout.toString().match(/\/\S+/g) ?? [];
  const paths = [QEMU, ...libraries, ...ROMS.map((name) => join(FIRMWARE, name))];
  const files = paths.map(async (path) => ({ path, data: await readFile(path), mode: 0o755 }));
  return [
    ...(await Promise.all(files)),
    { path: join(FIRMWARE, "bios-256k.bin"), data: await readFile(BIOS) },
  ];
}

/** The guest, built anew each time. Throws a UsageError that names what is missing. */
export async function twoLevelGuest(progress: (text: string) => void): Promise<Guest> {
  const out = outputFolder();
  await mkdir(out, { recursive: true });
  const files = await qemu();
  const compiled = await compileGuestPrograms(await kitSources(), 64, out, progress);
  const programs = [
    { path: "/bin/vtbench", data: await readFile(compiled.vtbench), mode: 0o755 },
    { path: "/bin/vtexit", data: await readFile(compiled.vtexit), mode: 0o755 },
  ];
  const inner = await debianGuest({ kernelPackage: KERNEL, script: work("L2"), files: programs, progress });
  const guest = await debianGuest({
    kernelPackage: KERNEL,
    modules: ["kvm_intel"],
    script: outer,
    files: [
      ...programs,
      ...files,
      { path: "/l2/kernel", data: inner.kernel },
      { path: "/l2/initrd", data: inner.initrd },
    ],
    progress,
  });
  const kernel = join(out, "vmlinuz64nested");
  const initrd = join(out, "initrd64nested");
  await put(kernel, guest.kernel);
  await put(initrd, guest.initrd);
  return { bits: 64, kernel, initrd, memory: MEMORY };
}
