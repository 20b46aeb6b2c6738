/**
 * Xen as a guest that makes guests: its first domain, paravirtual, has Debian's xl build a domain in VMX non-root
 * operation (PVH: a hardware domain without emulated devices) from Debian's cloud kernel, which works and switches itself
 * off. Takes a few minutes; `npm run test:long` runs it.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type InitramfsFile, SCRIPT_END } from "../boot/initramfs.js";
import { debianGuest } from "../boot/node/debian-guest.js";
import { exists } from "../host/node/cache.js";
import { debianFile, debianPackage } from "../host/node/debian.js";
import { assertNoComplaints, runGuest, WORK } from "./guests.test.helper.js";
import { CLOUD } from "./nested.test.helper.js";

/** Host seconds until a guest is given up. */
const PATIENCE = 1200;
const MEMORY = 1024 * 0x100000;

/** Those of the packages that xl and the daemons depend on which hold shared libraries. */
const LIBRARIES = [
  "libc6",
  "libgcc-s1",
  "liblzma5",
  "libuuid1",
  "libxencall1",
  "libxendevicemodel1",
  "libxenevtchn1",
  "libxenforeignmemory1",
  "libxengnttab1",
  "libxenhypfs1",
  "libxenmisc4.17",
  "libxenstore4",
  "libxentoolcore1",
  "libxentoollog1",
  "libyajl2",
  "libzstd1",
  "libbz2-1.0",
  "liblzo2-2",
  "libnl-3-200",
  "libnl-route-3-200",
  "zlib1g",
];
const LIBRARY_FOLDER = "lib/x86_64-linux-gnu";
const LOADER = "ld-linux-x86-64.so.2";
const PROGRAMS = ["xl", "xenstored", "xenconsoled", "xen-init-dom0"];
const MODULES = ["xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd"];

/** A shared library or the loader, under the name that programs ask for. */
const LIBRARY = /^(lib.*\.so(\.\d+)+|ld-linux.*)$/;

async function libraries(): Promise<InitramfsFile[]> {
  const files: InitramfsFile[] = [];
  for (const name of LIBRARIES) {
    const { root } = await debianPackage({ package: name });
    for (const folder of [LIBRARY_FOLDER, `usr/${LIBRARY_FOLDER}`]) {
      const path = join(root, folder);
      if (!(await exists(path))) continue;
      for (const file of (await readdir(path)).filter((each) => LIBRARY.test(each))) {
        files.push({
          path: `/${LIBRARY_FOLDER}/${file}`,
          data: await readFile(join(path, file)),
          mode: 0o755,
        });
      }
    }
  }
  const loader = files.find(({ path }) => path.endsWith(`/${LOADER}`));
  assert.ok(loader, "libc6 holds the loader");
  return [...files, { ...loader, path: `/lib64/${LOADER}` }];
}

async function programs(): Promise<InitramfsFile[]> {
  const { root } = await debianPackage({ package: "xen-utils-4.17" });
  const files = PROGRAMS.map(async (name) => {
    return {
      path: `/bin/${name}`,
      data: await readFile(join(root, "usr/lib/xen-4.17/bin", name)),
      mode: 0o755,
    };
  });
  return Promise.all(files);
}

const text = (path: string, content: string): InitramfsFile => ({
  path,
  data: new TextEncoder().encode(content),
});

const CONFIGURATION = `name = "inner"
type = "pvh"
kernel = "/inner/kernel"
ramdisk = "/inner/initrd"
extra = "console=hvc0"
memory = 192
`;

/** xl stays until the domain has ended. What the domain prints is kept by xenconsoled. */
const SCRIPT = `
set -e
mount -t xenfs xenfs /proc/xen
mkdir -p /run/xen /run/xenstored /var/lib/xen /var/lib/xenstored /var/lock /var/log/xen/console
ln -s /run /var/run
xenstored
xen-init-dom0
xenconsoled --log=guest --log-dir=/var/log/xen/console
xl create -F /inner/configuration
cat /var/log/xen/console/guest-inner.log
`;

/** A PVH domain has no real-time clock. */
const DOMAIN_WORK = WORK.replace(/^between rtc .*$/m, "");

/** Xen gives a PVH domain a table of general-purpose events and no device behind it: their ports read as all ones. */
const GPE = /^.*ACPI Error: No handler or method for GPE 0[0-7], disabling event.*$/gm;

/** Debian's Xen is built without shadow page tables for its domains: it needs EPT. */
const CPUS = [
  ["Skylake-Server,+vmx", "an unrestricted guest, and SMAP in Xen"],
  ["Nehalem,+vmx", "no unrestricted guest"],
] as const;

for (const [cpu, what] of CPUS) {
  test(`Xen with a PVH domain in VMX non-root operation, on ${cpu}: ${what}`, async () => {
    const xen = await debianFile({
      package: "xen-hypervisor-4.17-amd64",
      path: /^boot\/xen-4\.17-amd64\.gz$/,
    });
    const inner = await debianGuest({ kernelPackage: CLOUD, script: DOMAIN_WORK });
    const dom0 = await debianGuest({
      kernelPackage: "linux-image-amd64",
      modules: MODULES,
      script: SCRIPT,
      files: [
        ...(await libraries()),
        ...(await programs()),
        text("/etc/xen/xl.conf", 'autoballoon = "off"\n'),
        text("/inner/configuration", CONFIGURATION),
        { path: "/inner/kernel", data: inner.kernel },
        { path: "/inner/initrd", data: inner.initrd },
      ],
    });
    const commandLine = "console=com1 com1=115200,8n1 dom0_mem=512M noreboot loglvl=all";
    const run = await runGuest({
      kernel: { name: "xen", data: await readFile(xen), commandLine },
      modules: [
        { name: dom0.name, data: dom0.kernel, commandLine: `${dom0.name} console=hvc0` },
        { name: "initrd", data: dom0.initrd },
      ],
      cpu,
      memory: MEMORY,
      seconds: PATIENCE,
    });
    const tail = run.output.slice(-3000);
    assert.equal(run.exit.reason, "power-off", tail);
    assert.match(run.output, /^\(XEN\) HVM: VMX enabled/m);
    assert.match(run.output, /^\(XEN\) HVM: Hardware Assisted Paging \(HAP\) detected/m);
    assert.match(run.output, /Domain 1 has shut down, reason code 0/, tail);
    // Of the domain, then of the first one.
    assert.match(run.output, /^all checks passed\r*$/m, tail);
    assert.equal(run.output.match(new RegExp(`${SCRIPT_END} 0`, "g"))?.length, 2, tail);
    assertNoComplaints({ output: run.output.replace(GPE, "") });
  });
}
