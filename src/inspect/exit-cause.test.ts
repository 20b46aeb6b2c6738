/** VM exits in words: names, exit qualifications, causes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { exitOf } from "./event.test.helper.js";
import { describeCause } from "./exit-cause.js";
import { exitName } from "./exit-names.js";
import { decodeQualification, describeInterruption } from "./qualification.js";
import { msrName } from "./text.js";

const [RAX, RCX, RDX] = [0, 1, 2];
const VALID = 0x8000_0000;

test("every exit reason that vt86 gives has a name, and an unknown one its number", () => {
  for (const reason of Object.values(ExitReason)) assert.doesNotMatch(exitName(reason), /^exit reason/);
  assert.equal(exitName(48), "EPT violation");
  assert.equal(exitName(1000), "exit reason 1000");
});

test("every cause copes with a VM exit whose registers are unknown, and with all bits set", () => {
  for (const reason of Object.values(ExitReason)) {
    const qualification = 0xffff_ffff_ffff_ffffn;
    for (const registers of [undefined, exitOf(0).registers]) {
      const cause = describeCause(
        exitOf(reason, { registers, qualification, interruptionInfo: 0xffff_ffff }),
      );
      assert.doesNotMatch(cause, /undefined|NaN/, exitName(reason));
    }
    for (const { value } of decodeQualification(reason, qualification)) assert.ok(value);
  }
});

test("exit qualifications, part by part", () => {
  const decoded = (reason: number, qualification: bigint, info?: number) =>
    Object.fromEntries(
      decodeQualification(reason, qualification, info).map(({ name, value }) => [name, value]),
    );
  assert.deepEqual(decoded(ExitReason.ioInstruction, 0x3f8_0041n), {
    size: "2 bytes",
    direction: "OUT",
    "port operand": "immediate",
    port: "3f8h",
  });
  assert.deepEqual(decoded(ExitReason.taskSwitch, 0x4000_0028n), { "TSS selector": "28h", source: "IRET" });
  assert.deepEqual(decoded(ExitReason.exceptionOrNmi, 0x4001n, VALID + 0x301), { B0: "yes", BS: "yes" });
  assert.deepEqual(decoded(ExitReason.cpuid, 0n), {});
});

test("interruption information", () => {
  assert.equal(describeInterruption(0x0000_0320, 0), undefined);
  assert.equal(describeInterruption(VALID + 0x20, 0), "external interrupt 20h");
  assert.equal(describeInterruption(VALID + 0x202, 0), "NMI");
  assert.equal(describeInterruption(VALID + 0xb0e, 2), "#PF with error code 2h");
  assert.equal(describeInterruption(VALID + 0x480, 0), "software interrupt 80h");
  assert.equal(describeInterruption(VALID + 0x603, 0), "#BP of INT3");
});

test("names of MSRs, of runs of them, and of VMX capabilities", () => {
  assert.equal(msrName(0x10), "IA32_TIME_STAMP_COUNTER");
  assert.equal(msrName(0xc000_0080), "IA32_EFER");
  assert.equal(msrName(0x480), "IA32_VMX_BASIC");
  assert.equal(msrName(0x202), "IA32_MTRR_PHYSBASE1");
  assert.equal(msrName(0x1234_5678), undefined);
});

describe("causes", () => {
  const cases: readonly (readonly [cause: string, exit: ReturnType<typeof exitOf>])[] = [
    ["leaf 7h, subleaf 1h", exitOf(ExitReason.cpuid, {}, { [RAX]: 7n, [RCX]: 1n })],
    [
      "MOV to CR3 from RCX = 5000h",
      exitOf(ExitReason.controlRegisterAccess, { qualification: 0x103n }, { [RCX]: 0x5000n }),
    ],
    ["MOV from CR8 into RDX", exitOf(ExitReason.controlRegisterAccess, { qualification: 0x218n })],
    ["CLTS", exitOf(ExitReason.controlRegisterAccess, { qualification: 0x20n })],
    ["LMSW of 3h", exitOf(ExitReason.controlRegisterAccess, { qualification: 0x3_0030n })],
    ["MOV from DR0 into RCX", exitOf(ExitReason.movDr, { qualification: 0x110n })],
    ["IN of 4 bytes from port cfch", exitOf(ExitReason.ioInstruction, { qualification: 0xcfc_000bn })],
    [
      "OUT of 1 byte, 41h, to port 3f8h",
      exitOf(ExitReason.ioInstruction, { qualification: 0x3f8_0000n }, { [RAX]: 0x1241n }),
    ],
    [
      "REP OUTS of 2 bytes to port 1f0h, memory at 9000h",
      exitOf(ExitReason.ioInstruction, { qualification: 0x1f0_0031n, guestLinear: 0x9000n }),
    ],
    ["MSR c0000080h (IA32_EFER)", exitOf(ExitReason.rdmsr, {}, { [RCX]: 0xc000_0080n })],
    [
      "MSR 1bh (IA32_APIC_BASE) = 1fee00800h",
      exitOf(ExitReason.wrmsr, {}, { [RCX]: 0x1bn, [RAX]: 0xfee0_0800n, [RDX]: 1n }),
    ],
    ["XCR 0h = 7h", exitOf(ExitReason.xsetbv, {}, { [RAX]: 7n })],
    [
      "data write at guest-physical 8001008h, linear ffff8008h; EPT allows R-X",
      exitOf(ExitReason.eptViolation, {
        qualification: 0x1aan,
        guestPhysical: 0x800_1008n,
        guestLinear: 0xffff_8008n,
      }),
    ],
    [
      "data read and data write of a paging structure at guest-physical 5000h, linear 7h; EPT maps no page there",
      exitOf(ExitReason.eptViolation, { qualification: 0x83n, guestPhysical: 0x5000n, guestLinear: 7n }),
    ],
    ["at guest-physical fee00000h", exitOf(ExitReason.eptMisconfiguration, { guestPhysical: 0xfee0_0000n })],
    ["data write at offset 300h (ICR)", exitOf(ExitReason.apicAccess, { qualification: 0x1300n })],
    ["offset b0h (EOI)", exitOf(ExitReason.apicWrite, { qualification: 0xb0n })],
    [
      "field 681eh (guest RIP)",
      exitOf(ExitReason.vmread, { instructionInfo: 0x2000_0000 }, { [RDX]: 0x681en }),
    ],
    ["field 7000h (no such field)", exitOf(ExitReason.vmwrite, {}, { [RAX]: 0x7000n })],
    ["vector 20h", exitOf(ExitReason.externalInterrupt, { interruptionInfo: VALID + 0x20 })],
    ["not acknowledged", exitOf(ExitReason.externalInterrupt)],
    [
      "#PF with error code 2h, linear address 1234h",
      exitOf(ExitReason.exceptionOrNmi, {
        qualification: 0x1234n,
        interruptionInfo: VALID + 0xb0e,
        interruptionError: 2,
      }),
    ],
    ["to TSS selector 28h by JMP", exitOf(ExitReason.taskSwitch, { qualification: 0x8000_0028n })],
    [
      "while external interrupt 20h was delivered",
      exitOf(ExitReason.tripleFault, { idtVectoringInfo: VALID + 0x20 }),
    ],
    ["", exitOf(ExitReason.hlt)],
  ];
  for (const [cause, exit] of cases) {
    test(`${exitName(exit.reason)}: ${cause || "nothing to add"}`, () =>
      assert.equal(describeCause(exit), cause));
  }
});
