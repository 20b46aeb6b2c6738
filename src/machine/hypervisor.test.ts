/**
 * The built-in hypervisor on this machine's VMX: the VM exits that it reports. `tools/compare-bochs.mjs` compares the
 * same report with that of Bochs.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { HYPERVISOR_END, hypervisorImage } from "../guests/hypervisor.js";
import { Machine } from "./machine.js";

/** Everything that the hypervisor prints until it switches the machine off. */
async function report(cpu: string): Promise<string> {
  const machine = await Machine.create({
    kernel: hypervisorImage(),
    cpu,
    memory: 32 << 20,
    clock: "virtual",
    onReset: "stop",
  });
  let output = "";
  machine.console.listen((bytes) => {
    output += new TextDecoder().decode(bytes);
  });
  const timer = setTimeout(() => machine.pause(), 30_000);
  try {
    assert.equal((await machine.run()).reason, "power-off", output);
  } finally {
    clearTimeout(timer);
    machine.dispose();
  }
  return output.replaceAll("\r", "");
}

/** Exit reason, qualification (hexadecimal), and instruction length of each reported exit. */
const exits = (text: string): [reason: number, qualification: string, length: string][] =>
  [...text.matchAll(/^ *\d+ +(\d+) [A-Z].{25} *([\da-f]+) +[\da-f]+ +(\d|-) {2}/gm)].map(
    ([, reason, qualification, length]) => [Number(reason), qualification!, length!],
  );

/** As Bochs reports them, too. */
const LONG_GUEST = [
  [ExitReason.ioInstruction, "e90030", "2"],
  [ExitReason.ioInstruction, "600048", "2"],
  [ExitReason.ioInstruction, "800040", "2"],
  [ExitReason.cpuid, "0", "2"],
  [ExitReason.rdmsr, "0", "2"],
  [ExitReason.rdmsr, "0", "2"],
  [ExitReason.eptViolation, "181", "-"],
  [ExitReason.eptViolation, "18a", "-"],
  [ExitReason.vmcall, "0", "3"],
  [ExitReason.interruptWindow, "0", "-"],
  [ExitReason.hlt, "0", "1"],
  [ExitReason.externalInterrupt, "0", "-"],
  [ExitReason.vmcall, "0", "3"],
  [ExitReason.hlt, "0", "1"],
];
const REAL_MODE_GUEST = [
  [ExitReason.ioInstruction, "e90030", "2"],
  [ExitReason.cpuid, "0", "2"],
  [ExitReason.controlRegisterAccess, "0", "3"],
  [ExitReason.hlt, "0", "1"],
];

describe("the built-in hypervisor", () => {
  it("reports the exits of both guests", async () => {
    const text = await report("Skylake-Server,+vmx");
    assert.deepEqual(exits(text), [...LONG_GUEST, ...REAL_MODE_GUEST]);
    for (const part of [
      'printed "Hello from VMX non-root operation"',
      "the guest counts 2 interrupts and 1 exceptions, and reads 2a2ah",
      'printed "Hello from real mode"',
      "  I/O instruction              4\n",
      "VMXOFF.",
    ]) {
      assert.ok(text.includes(part), part);
    }
    assert.ok(text.endsWith(`${HYPERVISOR_END}\n`));
  });

  it("leaves the real-mode guest out where there is no unrestricted guest", async () => {
    assert.deepEqual(exits(await report("Nehalem,+vmx")), LONG_GUEST);
  });

  it("says so where there is no VMX", async () => {
    assert.match(await report("Westmere"), /this processor has no VMX/);
  });
});
