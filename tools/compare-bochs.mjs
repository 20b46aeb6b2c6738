/**
 * Runs the same hypervisor on Bochs and on vt86, and compares the VM exits that it sees. By hand:
 *
 *     apt-get install bochs bochsbios vgabios grub-pc-bin grub-common xorriso mtools
 *     npm run build && node tools/compare-bochs.mjs [OPTION...] [bochs-cpu-model] [vt86-cpu]
 *
 * The hypervisor is vt86's built-in one, which prints its exits, or with `--vtkvm` Linux' KVM, which runs the
 * benchmark kit's vtkvm and a guest that goes from real mode to paging; Linux' tracepoint kvm_exit tells what KVM
 * has read from the VMCS. `--kvm="ept=0"` gives parameters to kvm_intel.
 *
 * Prints the lines that differ, and ends with 1 if there are any. `--show` prints Bochs's report as well.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const dist = process.env.VT86_DIST ?? new URL("../dist", import.meta.url).pathname;
const { values: options, positionals } = parseArgs({
  options: { show: { type: "boolean" }, vtkvm: { type: "boolean" }, kvm: { type: "string", default: "" } },
  allowPositionals: true,
});
const [bochsCpu = "corei7_haswell_4770", vt86Cpu = "Skylake-Server,+vmx"] = positionals;

const load = (path) => import(pathToFileURL(join(dist, path)).href);
const { Machine } = await load("machine/machine.js");

/**
 * What runs on both machines. `configuration` is Machine's; `files` and `entry` are of a CD with GRUB, for Bochs;
 * `end` is in the last line on the serial port; `exits` turns all of them into those to compare.
 */
const subject = options.vtkvm ? await kvm() : await builtIn();
const [bochsText, vt86Text] = [await onBochs(), await onVt86()];
if (options.show) console.log(`Bochs:\n${bochsText}`);
const [reported, actual] = [subject.exits(bochsText), subject.exits(vt86Text)];
const expected = reported.map(corrected);
const corrections = reported.filter((line, i) => line !== expected[i]).length;
let differences = 0;
for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
  if (expected[i] === actual[i]) continue;
  if (++differences > 40) continue;
  console.log(`Bochs: ${expected[i] ?? "(nothing)"}\nvt86:  ${actual[i] ?? "(nothing)"}\n`);
}
const exits = expected.reduce((sum, line) => sum + subject.exitsIn(line), 0);
if (exits === 0) throw new Error(`There is no exit in what Bochs has printed:\n${bochsText}`);
console.log(differences === 0 ? `${exits} exits, no differences.` : `${differences} lines differ.`);
if (corrections > 0)
  console.log(`Lines of Bochs that were corrected first: ${corrections} (see "corrected" in this program).`);
process.exitCode = differences === 0 ? 0 : 1;

/**
 * Where Bochs 2.7 isn't right. With accessed and dirty flags for EPT enabled, an access to the guest's paging structures
 * that causes an EPT violation sets bits 0 and 1 of the exit qualification (SDM vol. 3, table 28-7, note 1); Bochs sets
 * only bit 1. Bit 7 with bit 8 clear marks such an access.
 */
function corrected(line) {
  return line.replace(/(?<=EPT_VIOLATION .* info1 0x)[0-9a-f]+/, (digits) => {
    const qualification = Number.parseInt(digits, 16);
    const walk = (qualification & 0x180) === 0x80 && (qualification & 2) !== 0;
    return (walk ? qualification | 1 : qualification).toString(16).padStart(digits.length, "0");
  });
}

async function builtIn() {
  const { hypervisorImage, HYPERVISOR_END } = await load("guests/hypervisor.js");
  const kernel = hypervisorImage();
  return {
    configuration: { kernel },
    memory: 128,
    files: { kernel: kernel.data },
    entry: "multiboot /boot/kernel",
    end: HYPERVISOR_END,
    seconds: 180,
    // From its heading on: what comes before is about the machine, not about exits.
    exits: (text) => text.slice(text.indexOf("The guest:")).split("\n"),
    exitsIn: (line) => (/^ *\d+ +\d+ /.test(line) ? 1 : 0),
  };
}

/** Debian's kernel with KVM's guests. The same exits after one another are one line with their number before it. */
async function kvm() {
  const { debianGuest } = await load("boot/node/debian-guest.js");
  const { SCRIPT_END } = await load("boot/initramfs.js");
  const { compileProgram64 } = await load("bench/compile.js");
  const { kitSources } = await load("bench/guest.js");
  const { kvmProgram, KVM_PROGRAM_WORKED } = await load("machine/kvm-program.test.helper.js");
  const folder = mkdtempSync(join(tmpdir(), "vt86-vtkvm-"));
  try {
    const vtkvm = await compileProgram64(join(await kitSources(), "vtkvm.c"), join(folder, "vtkvm"));
    // External interrupts come when they come; an exit after one of them is the one that would have come anyway.
    const script = `
mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing
echo 16384 > buffer_size_kb
echo 1 > events/kvm/kvm_exit/enable
for program in "vtkvm 1000 100000" kvm-program; do
  echo > trace
  $program
  echo "Exits of $program:"
  sed -n '/EXTERNAL_INTERRUPT/d; s/.*kvm_exit: vcpu 0 reason //p' trace | uniq -c
done
`;
    const { kernel, initrd } = await debianGuest({
      kernelPackage: "linux-image-cloud-amd64",
      modules: [`kvm_intel ${options.kvm}`],
      script,
      files: [
        { path: "/bin/vtkvm", data: readFileSync(vtkvm), mode: 0o755 },
        { path: "/bin/kvm-program", data: kvmProgram(), mode: 0o755 },
      ],
    });
    const commandLine = "console=ttyS0,115200 quiet nokaslr mitigations=off panic=-1";
    return {
      configuration: {
        kernel: { name: "linux", data: kernel, commandLine },
        modules: [{ name: "initrd", data: initrd }],
      },
      memory: 256,
      files: { kernel, initrd },
      entry: `linux /boot/kernel ${commandLine}\n initrd /boot/initrd`,
      end: SCRIPT_END,
      seconds: 900,
      exits: (text) => {
        if (!text.includes("@R kvm_loop") || !text.includes(KVM_PROGRAM_WORKED)) {
          throw new Error(`A guest of KVM didn't come to its end:\n${text}`);
        }
        return text.split("\n").filter((line) => /^Exits of |^ *\d+ .* rip /.test(line));
      },
      exitsIn: (line) => (line.startsWith("Exits of ") ? 0 : Number.parseInt(line, 10)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A CD that GRUB boots the files from. */
function makeIso(folder) {
  const grub = join(folder, "iso/boot/grub");
  mkdirSync(grub, { recursive: true });
  for (const [name, data] of Object.entries(subject.files))
    writeFileSync(join(folder, "iso/boot", name), data);
  writeFileSync(join(grub, "grub.cfg"), `set timeout=0\nmenuentry vt86 {\n ${subject.entry}\n}\n`);
  const iso = join(folder, "boot.iso");
  execFileSync("grub-mkrescue", ["-o", iso, join(folder, "iso")], { stdio: ["ignore", "ignore", "pipe"] });
  return iso;
}

function bochsConfiguration(folder, iso) {
  return [
    'display_library: rfb, options="timeout=0"',
    "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
    "vgaromimage: file=/usr/share/vgabios/vgabios.bin",
    `megs: ${subject.memory}`,
    `cpu: model=${bochsCpu}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1`,
    "clock: sync=none",
    "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
    `ata0-master: type=cdrom, path=${iso}, status=inserted`,
    "boot: cdrom",
    `com1: enabled=1, mode=file, dev=${join(folder, "serial")}`,
    `log: ${join(folder, "log")}`,
    "panic: action=fatal",
    "error: action=report",
    "info: action=ignore",
    "debug: action=ignore",
    "",
  ].join("\n");
}

/** What is printed on Bochs, which doesn't power off by itself: until the last line. */
async function onBochs() {
  const folder = mkdtempSync(join(tmpdir(), "vt86-bochs-"));
  try {
    const configuration = join(folder, "bochsrc");
    writeFileSync(configuration, bochsConfiguration(folder, makeIso(folder)));
    // Debian's Bochs has its debugger built in, which waits for a command.
    writeFileSync(join(folder, "commands"), "c\n");
    const child = spawn("bochs-bin", ["-q", "-f", configuration, "-rc", join(folder, "commands")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes) => {
        said += bytes;
      });
    }
    let over = false;
    child.on("exit", () => {
      over = true;
    });
    const serial = () => {
      const file = join(folder, "serial");
      return existsSync(file) ? readFileSync(file, "utf8").replaceAll("\r", "") : "";
    };
    for (let waited = 0; waited < subject.seconds && !over && !serial().includes(subject.end); waited++) {
      await sleep(1000);
    }
    child.kill("SIGKILL");
    const text = serial();
    if (!text.includes(subject.end)) {
      const log = readFileSync(join(folder, "log"), "utf8");
      throw new Error(`Bochs didn't come to the end.\n${said.slice(-2000)}\n${log.slice(-2000)}\n${text}`);
    }
    return text;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function onVt86() {
  const machine = await Machine.create({
    ...subject.configuration,
    cpu: vt86Cpu,
    memory: subject.memory << 20,
    clock: "virtual",
    onReset: "stop",
  });
  let text = "";
  const decoder = new TextDecoder();
  machine.console.listen((bytes) => {
    text += decoder.decode(bytes, { stream: true });
  });
  const timer = setTimeout(() => machine.pause(), subject.seconds * 1000);
  await machine.run();
  clearTimeout(timer);
  machine.dispose();
  return text.replaceAll("\r", "");
}
