/**
 * Runs vt86's built-in hypervisor on Bochs and on vt86, and compares the VM exits that it reports. By hand:
 *
 *     apt-get install bochs bochsbios vgabios grub-pc-bin grub-common xorriso mtools
 *     npm run build && node tools/compare-bochs.mjs [bochs-cpu-model] [vt86-cpu]
 *
 * Prints the lines that differ, and ends with 1 if there are any. `--show` prints Bochs's report as well.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const dist = process.env.VT86_DIST ?? new URL("../dist", import.meta.url).pathname;
const words = process.argv.slice(2).filter((word) => word !== "--show");
const show = process.argv.includes("--show");
const [bochsCpu = "corei7_haswell_4770", vt86Cpu = "Skylake-Server,+vmx"] = words;
const SECONDS = 180;

const load = (path) => import(pathToFileURL(join(dist, path)).href);
const { hypervisorImage, HYPERVISOR_END } = await load("guests/hypervisor.js");
const { Machine } = await load("machine/machine.js");

/** A CD that GRUB boots the multiboot kernel from. */
function makeIso(folder) {
  const grub = join(folder, "iso/boot/grub");
  mkdirSync(grub, { recursive: true });
  writeFileSync(join(folder, "iso/boot/kernel"), hypervisorImage().data);
  writeFileSync(join(grub, "grub.cfg"), "set timeout=0\nmenuentry vt86 {\n  multiboot /boot/kernel\n}\n");
  const iso = join(folder, "boot.iso");
  execFileSync("grub-mkrescue", ["-o", iso, join(folder, "iso")], { stdio: ["ignore", "ignore", "pipe"] });
  return iso;
}

function bochsConfiguration(folder, iso) {
  return [
    'display_library: rfb, options="timeout=0"',
    "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
    "vgaromimage: file=/usr/share/vgabios/vgabios.bin",
    "megs: 128",
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

/** What the hypervisor prints on Bochs, which doesn't power off by itself: until the last line. */
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
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    };
    for (let waited = 0; waited < SECONDS && !over && !serial().includes(HYPERVISOR_END); waited++) {
      await sleep(1000);
    }
    child.kill("SIGKILL");
    const text = serial();
    if (!text.includes(HYPERVISOR_END)) {
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
    kernel: hypervisorImage(),
    cpu: vt86Cpu,
    memory: 128 << 20,
    clock: "virtual",
    onReset: "stop",
  });
  let text = "";
  machine.console.listen((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  const timer = setTimeout(() => machine.pause(), SECONDS * 1000);
  await machine.run();
  clearTimeout(timer);
  machine.dispose();
  return text;
}

/** The report from its heading on: what comes before is about the machine, not about exits. */
const exits = (text) =>
  text.replaceAll("\r", "").slice(text.replaceAll("\r", "").indexOf("The guest:")).split("\n");

const [bochsText, vt86Text] = [await onBochs(), await onVt86()];
if (show) console.log(`Bochs:\n${bochsText.replaceAll("\r", "")}`);
const [expected, actual] = [exits(bochsText), exits(vt86Text)];
let differences = 0;
for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
  if (expected[i] === actual[i]) continue;
  differences++;
  console.log(`Bochs: ${expected[i] ?? "(nothing)"}\nvt86:  ${actual[i] ?? "(nothing)"}\n`);
}
const lines = expected.filter((line) => /^ *\d+ +\d+ /.test(line)).length;
console.log(differences === 0 ? `${lines} exits, no differences.` : `${differences} lines differ.`);
process.exitCode = differences === 0 ? 0 : 1;
