/** The inspector on a machine whose guest is a hypervisor: options of `vt86 run`, and the monitor. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { VmcsField } from "../cpu/vmx/fields.js";
import { hypervisorImage } from "../guests/hypervisor.js";
import { vmxGuest } from "../guests/vmx-guest.js";
import { Monitor } from "../inspect/monitor.js";
import type { ExitEvent, VtEvent } from "../inspect/vt-event.js";
import { VtRecorder } from "../inspect/vt-recorder.js";
import { Machine } from "../machine/machine.js";
import { vt86 } from "./vt86.test.helper.js";

const folder = mkdtempSync(join(tmpdir(), "vt86-vt-"));
after(() => rmSync(folder, { recursive: true }));

const CPU = "Skylake-Server,+vmx";
const MEMORY = 64 << 20;
const kernel = join(folder, "hypervisor");
writeFileSync(kernel, hypervisorImage().data);

const run = (file: string, ...words: string[]) =>
  vt86(["run", "--kernel", file, "-m", "64M", "--cpu", CPU, "--clock", "virtual", "--no-reboot", ...words]);

/** A kernel whose VMLAUNCH breaks a rule. */
function refused(name: string, field: number, value: number): string {
  const path = join(folder, name);
  const image = vmxGuest({ fields: [[field, value]], letters: {}, skip: [], code: () => {} });
  writeFileSync(path, image.data);
  return path;
}

describe("vt86 run", { concurrency: 2 }, () => {
  test("--trace vt=FILE has a line for each VM entry and VM exit, --stats vt counts them", async () => {
    const file = join(folder, "trace.txt");
    const { status, stderr } = await run(kernel, "--trace", `vt=${file}`, "--stats", "vt");
    assert.equal(status, 0);
    const text = readFileSync(file, "utf8");
    assert.match(text, /entry {2}VMLAUNCH of VMCS [0-9a-f]+h, guest RIP [0-9a-f]+h$/m);
    assert.match(
      text,
      /exit {3}EPT violation at guest RIP .*: data read at guest-physical 1205678h, .*EPT maps no page there/,
    );
    assert.match(text, /exit {3}RDMSR at guest RIP .*: MSR 12345h/);
    assert.match(text, /injects #GP with error code 0h$/m);
    const exits = text.match(/ exit {3}/g)?.length;
    assert.ok(stderr.includes(`${exits} VM exits`), stderr);
    assert.match(stderr, /^vt86: EPT violation \(48\) +2 /m);
  });

  test("--trace-format perfetto writes Trace Event JSON", async () => {
    const file = join(folder, "trace.json");
    await run(kernel, "--trace", `vt=${file}`, "--trace-format", "perfetto");
    const events = JSON.parse(readFileSync(file, "utf8")) as {
      name: string;
      ph: string;
      ts: number;
      dur: number;
    }[];
    const guests = events.filter(({ name, ph }) => name === "guest" && ph === "X");
    assert.ok(guests.length > 10);
    assert.ok(guests.every(({ ts, dur }) => ts > 0 && dur > 0));
  });

  test("a failed VM entry prints which rule broke", async () => {
    const controls = await run(refused("controls", VmcsField.PIN_CONTROLS, 0), "--trace", "vt-failures");
    assert.match(
      controls.stderr,
      /VMLAUNCH of VMCS 204000h at RIP .*: VM entry with invalid control field\(s\), VM-instruction error 7$/m,
    );
    assert.match(
      controls.stderr,
      /rule .*\(SDM vol\. 3, 27\.2\.1\.1\)\n +pin-based VM-execution controls = 0h$/m,
    );
    const guest = await run(refused("guest", VmcsField.GUEST_RFLAGS, 0), "--trace", "vt-failures");
    assert.match(
      guest.stderr,
      /invalid guest state, exit reason 33\n +rule .*27\.3\.1\.4\)\n +guest RFLAGS = 0h$/m,
    );
  });
});

/** The hypervisor's machine, run until an event that is wanted, and its monitor. */
async function machineAt(wanted: (event: VtEvent) => boolean) {
  const machine = await Machine.create({
    kernel: hypervisorImage(),
    memory: MEMORY,
    cpu: CPU,
    clock: "virtual",
    onReset: "stop",
  });
  let reached = false;
  const recorder = new VtRecorder(machine, [
    {
      event: (event) => {
        reached ||= wanted(event);
      },
    },
  ]);
  machine.observeVmx(recorder);
  for (let i = 0; i < 2_000_000 && !reached; i++) machine.runInstructions(1);
  assert.ok(reached);
  const monitor = new Monitor(machine, recorder, () => {});
  return { machine, ask: (line: string) => monitor.execute(line).join("\n") };
}

const isViolation = (event: VtEvent): event is ExitEvent => event.kind === "exit" && event.reason === 48;

describe("the monitor", () => {
  test("explains an EPT violation while the hypervisor runs", async () => {
    const { machine, ask } = await machineAt(isViolation);
    using _ = machine;
    assert.match(ask("info registers"), /^VMX root operation, current VMCS [0-9a-f]+h$/m);
    const exit = ask("explain exit");
    assert.match(exit, /^EPT violation, exit reason 48/);
    assert.match(exit, /data read at guest-physical 1205678h/);
    assert.match(exit, /EPT PDE .*\n(.*EPT PTE .*not present\n)? +EPT violation/);
    assert.match(
      ask("vt86 explain ept 100e16 x"),
      /EPT PML4E .*table\n.*EPT PDPTE .*table\n.*EPT PDE .*\n +leads to 100e16h, in a page of 2 MiB$/,
    );
    assert.match(ask("info guest-walk 1205678"), /4-level paging:\n +PML4E .*physical/);
    assert.match(ask("info vmcs exit reason"), /exit reason +30h +EPT violation/);
    assert.match(ask("explain vmcs secondary"), /enable EPT/);
    assert.match(ask("info exits 2"), /RDMSR.*\n.*EPT violation/);
    assert.equal(ask("explain entry"), "No VM entry has broken a rule.");
  });

  test("looks into the guest while it runs", async () => {
    const { machine, ask } = await machineAt(({ kind }) => kind === "entry");
    using _ = machine;
    assert.match(ask("info registers"), /non-root operation/);
    const rip = machine.registers().rip;
    assert.match(ask(`info walk ${rip.toString(16)} x`), /4-level paging:[\s\S]*EPT:[\s\S]*leads to/);
    const code = [...machine.readPhysical(Number(rip), 4)].map((byte) => byte.toString(16).padStart(2, "0"));
    const line = `${rip.toString(16)}h: ${code.join(" ")}`;
    assert.equal(ask(`x/4b ${rip.toString(16)}`), line);
    assert.equal(ask(`xp/4b ${rip.toString(16)}h`), line);
    assert.match(ask("x 123456789000"), /: \?{8}$/);
  });

  test("says what is missing", async () => {
    using machine = await Machine.create({ kernel: hypervisorImage(), memory: MEMORY, cpu: "Westmere,-vmx" });
    const monitor = new Monitor(machine, new VtRecorder(machine), () => {});
    assert.deepEqual(monitor.execute("info vmcs"), ["No VMCS to look at: the CPU has no VMX."]);
    assert.deepEqual(monitor.execute("explian vmcs"), [
      "There is no command 'explian'; did you mean 'explain'?",
    ]);
    assert.deepEqual(monitor.execute("info vmsc"), ["Nothing is known about 'vmsc'; did you mean 'vmcs'?"]);
    assert.deepEqual(monitor.execute("x 1g"), ['"1g" is no hexadecimal address.']);
    assert.deepEqual(monitor.execute("info ept"), ["No VMCS to look at: the CPU has no VMX."]);
    assert.match(monitor.execute("help").join("\n"), /info ept GPA/);
    assert.deepEqual(monitor.execute(""), []);
  });
});
