/**
 * The boot matrix: real guests on the processors and memory sizes that they can run on. Takes half an hour or
 * so; `npm run test:long` runs it.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { debianGuest } from "../boot/node/debian-guest.js";
import { debianFile } from "../host/node/debian.js";
import { assertWorked, runDebian, runGuest, WORK } from "./guests.test.helper.js";

const CLOUD = "linux-image-cloud-amd64";
const MIB = 0x100000;

/** Host seconds until a guest is given up. */
const PATIENCE = 1200;

const CPUS_64 = [
  "Penryn",
  "Nehalem",
  "Westmere,+smep,+smap,+umip,+fsgsbase,+invpcid,+fsrm",
  "Haswell",
  "Skylake-Server",
  "EPYC",
  "Opteron_G3",
  "max",
];

for (const cpu of CPUS_64) {
  test(`the cloud kernel on ${cpu}`, async () => {
    assertWorked(await runDebian({ kernelPackage: CLOUD, script: WORK, cpu, seconds: PATIENCE }));
  });
}

for (const mib of [128, 3072]) {
  test(`the cloud kernel with ${mib} MiB of memory`, async () => {
    const memory = mib * MIB;
    assertWorked(await runDebian({ kernelPackage: CLOUD, script: WORK, memory, seconds: PATIENCE }));
  });
}

test("the full kernel", async () => {
  assertWorked(await runDebian({ kernelPackage: "linux-image-amd64", script: WORK, seconds: PATIENCE }));
});

for (const cpu of ["Westmere", "pentium3"]) {
  test(`the 32-bit kernel without PAE on ${cpu}`, async () => {
    assertWorked(
      await runDebian({ kernelPackage: "linux-image-686:i386", script: WORK, cpu, seconds: PATIENCE }),
    );
  });
}

/** Each of them takes another path to the same interrupts, time and memory. */
const COMMAND_LINES = [
  ["the 8259 pair instead of the I/O APIC", "noapic"],
  ["no APIC at all", "nolapic"],
  ["the HPET as clock", "clocksource=hpet"],
  ["the PIT and the ACPI timer as clocks", "hpet=disable clocksource=acpi_pm lapic=notscdeadline"],
  ["no address randomization, no page table isolation", "nokaslr nopti"],
  ["page table isolation", "pti=on"],
] as const;

for (const [what, words] of COMMAND_LINES) {
  test(`the cloud kernel with ${what}`, async () => {
    const commandLine = `console=ttyS0 ${words}`;
    const run = await runDebian({ kernelPackage: CLOUD, script: WORK, commandLine, seconds: PATIENCE });
    assertWorked(run);
  });
}

test("the cloud kernel without ACPI, which can only be reset at the end", async () => {
  const script = `${WORK}\nreboot -f\n`;
  const commandLine = "console=ttyS0 acpi=off";
  const run = await runDebian({ kernelPackage: CLOUD, script, commandLine, seconds: PATIENCE });
  assertWorked(run, "reset");
});

test("GNU Mach's 32-bit image probes the PCI bus, with interrupts from the 8254 through the 8259", async () => {
  const path = await debianFile({ package: "gnumach-image-1.8-486:i386", path: /^boot\/gnumach-/ });
  const kernel = { name: "gnumach", data: await readFile(path), commandLine: "console=com0" };
  const until = "Probing PCI hardware.";
  const { output } = await runGuest({ kernel, cpu: "pentium3", until, seconds: PATIENCE });
  assert.match(output, /^GNU Mach 1\.8/m);
  assert.ok(output.includes(until), output);
});

/** Xen on the second of them reads and writes the memory of its domains only between STAC and CLAC. */
for (const cpu of ["Haswell", "Skylake-Server"]) {
  test(`Xen with Debian's kernel as its first domain, paravirtual, on ${cpu}`, async () => {
    const path = await debianFile({
      package: "xen-hypervisor-4.17-amd64",
      path: /^boot\/xen-4\.17-amd64\.gz$/,
    });
    const commandLine = "console=com1 com1=115200,8n1 dom0_mem=512M noreboot loglvl=all";
    const dom0 = await debianGuest({ kernelPackage: "linux-image-amd64", script: WORK });
    const run = await runGuest({
      kernel: { name: "xen", data: await readFile(path), commandLine },
      modules: [
        { name: dom0.name, data: dom0.kernel, commandLine: `${dom0.name} console=hvc0` },
        { name: "initrd", data: dom0.initrd },
      ],
      cpu,
      memory: 1024 * MIB,
      seconds: PATIENCE,
    });
    assertWorked(run);
    assert.match(run.output, /^\(XEN\) \*\*\* Building a PV Dom0/m);
  });
}
