/**
 * Guests of guests: in vt86 a Debian kernel with KVM (L1), in it QEMU with another one (L2), in that KVM with a small
 * guest (L3). Takes minutes; `npm run test:long` runs it. QEMU, its firmware and libraries are those of the host.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import type { InitramfsFile } from "../boot/initramfs.js";
import { debianGuest } from "../boot/node/debian-guest.js";
import { WORK } from "./guests.test.helper.js";
import { KVM_PROGRAM_WORKED } from "./kvm-program.test.helper.js";
import { CLOUD, KVM_PROGRAM, RUN_KVM_PROGRAM, runKvm, runWithKvm } from "./nested.test.helper.js";

/** Host seconds until a guest is given up. */
const PATIENCE = 1200;
/** Of L1, in bytes: its RAM disk holds QEMU and the images of L2. */
const MEMORY = 1280 * 0x100000;

const QEMU = "/usr/bin/qemu-system-x86_64";
const FIRMWARE = "/usr/share/qemu";
const BIOS = "/usr/share/seabios/bios-256k.bin";
const ROMS = ["kvmvapic.bin", "linuxboot_dma.bin"];
const skip = existsSync(QEMU) && existsSync(BIOS) ? false : "Debian's qemu-system-x86 is not installed";

async function qemu(): Promise<InitramfsFile[]> {
  const { stdout } = await promisify(execFile)("ldd", [QEMU]);
  const paths = [QEMU, ...(stdout.match(/\/\S+/g) ?? []), ...ROMS.map((name) => `${FIRMWARE}/${name}`)];
  const files = paths.map(async (path) => ({ path, data: await readFile(path), mode: 0o755 }));
  return [...(await Promise.all(files)), { path: `${FIRMWARE}/bios-256k.bin`, data: await readFile(BIOS) }];
}

/** Boots Debian's kernel in QEMU with KVM, in Debian's kernel in vt86, and has L2 run a script. */
async function runL2(cpu: string, script: string, l3: boolean): Promise<string> {
  const l2 = await debianGuest({
    kernelPackage: CLOUD,
    script,
    ...(l3 ? { modules: ["kvm_intel"], files: [KVM_PROGRAM] } : {}),
  });
  const files = [
    ...(await qemu()),
    { path: "/l2/kernel", data: l2.kernel },
    { path: "/l2/initrd", data: l2.initrd },
  ];
  const options =
    "-accel kvm -cpu host -M pc -m 256 -nodefaults -vga none -nographic -serial stdio -no-reboot";
  const image = '-kernel /l2/kernel -initrd /l2/initrd -append "console=ttyS0 quiet"';
  const l1 = `${QEMU} ${options} ${image}; echo "QEMU ended with status $?"\n`;
  const { output } = await runWithKvm({ cpu, script: l1, files, memory: MEMORY, seconds: PATIENCE });
  const tail = output.slice(-3000);
  // Of L2, then of L1.
  assert.equal(output.match(/script ended with status 0/g)?.length, 2, tail);
  assert.match(output, /QEMU ended with status 0/, tail);
  return output;
}

test("KVM on Nehalem: EPT, but real mode in virtual-8086 mode", async () => {
  const parameters = await runKvm("Nehalem,+vmx", PATIENCE);
  assert.equal(parameters.ept, "Y");
  assert.equal(parameters.unrestricted_guest, "N");
});

test("KVM on Penryn: shadow page tables", async () => {
  assert.equal((await runKvm("Penryn,+vmx", PATIENCE)).ept, "N");
});

for (const cpu of ["Skylake-Server,+vmx", "Nehalem,+vmx", "Penryn,+vmx"]) {
  test(`L2: QEMU with KVM boots Debian's cloud kernel, which works, on ${cpu}`, { skip }, async () => {
    const output = await runL2(cpu, WORK, false);
    assert.match(output, /all checks passed\r?$/m, output.slice(-3000));
  });
}

test("L3: KVM in the guest of KVM, with a shadow VMCS", { skip }, async () => {
  const output = await runL2("Skylake-Server,+vmx", RUN_KVM_PROGRAM, true);
  assert.ok(output.includes(KVM_PROGRAM_WORKED), output.slice(-3000));
});
