/** VMX by nothing but instructions: a small hypervisor on the bare machine. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { VmcsField } from "../cpu/vmx/fields.js";
import { al, eax, ecx } from "../guests/assembler/assembler.js";
import { vmxGuest } from "../guests/vmx-guest.js";
import { Machine } from "./machine.js";

it("VMXON, VMLAUNCH and VMRESUME: CPUID, HLT, I/O, MSR and timer exits", async () => {
  const kernel = vmxGuest({
    fields: [
      [VmcsField.PIN_CONTROLS, 0x56],
      // HLT and unconditional I/O exiting.
      [VmcsField.PRIMARY_CONTROLS, 0x0400_6172 | 0x80 | 0x0100_0000],
      [VmcsField.PREEMPTION_TIMER_VALUE, 20],
    ],
    letters: {
      [ExitReason.cpuid]: "c",
      [ExitReason.hlt]: "h",
      [ExitReason.ioInstruction]: "i",
      [ExitReason.rdmsr]: "r",
      [ExitReason.wrmsr]: "w",
      [ExitReason.preemptionTimerExpired]: "t",
      [ExitReason.vmcall]: ".",
    },
    skip: [ExitReason.cpuid, ExitReason.hlt, ExitReason.ioInstruction, ExitReason.rdmsr, ExitReason.wrmsr],
    code: (a) => {
      a.cpuid();
      a.in(al, 0x80);
      a.mov(ecx, 0xc000_0081);
      a.rdmsr();
      a.wrmsr();
      a.hlt();
      a.mov(ecx, 2000);
      const again = a.here("again");
      a.dec(ecx);
      a.jnz(again);
      a.mov(eax, 1);
    },
  });
  const machine = await Machine.create({
    kernel,
    memory: 64 << 20,
    cpu: "Skylake-Server,+vmx",
    clock: "virtual",
    onReset: "stop",
    testDevices: true,
  });
  let output = "";
  machine.console.listen((bytes) => {
    output += new TextDecoder().decode(bytes);
  });
  await machine.run();
  assert.match(output, /^cirwht+\.$/);
});
