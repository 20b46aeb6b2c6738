/**
 * VMREAD and VMWRITE of registers in VMX root operation, as generated code executes them, against the VMCS as TypeScript
 * reads and writes it: every field, encodings that do not exist, and privilege (SDM vol. 3, 31.3).
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VmError } from "../cpu/vmx/errors.js";
import { HIGH_HALF, VMCS_FIELDS, VmcsField } from "../cpu/vmx/fields.js";
import { Vmcs } from "../cpu/vmx/vmcs.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { rax, rbx } from "../guests/assembler/assembler.js";
import { ARITHMETIC_FLAGS, Flag } from "../isa/flags.js";
import * as S from "../isa/state.js";
import { At, VmxBench } from "./vmx-bench.test.helper.js";

await prepareTier0();

const VMREAD_AT = At.free;
const VMWRITE_AT = At.free + 0x100;
/** What the region has to be afterwards. */
const EXPECTED = At.free + 0x1000;
const RAX = 0;
const RBX = 3;
const JUNK = 0x5a5a_1234_8765_a5a5n;
const VALUE = 0xfedc_ba98_7654_3210n;
const USER = 4n;

function prepared(model?: string): VmxBench {
  const bench = new VmxBench({}, model);
  bench.assemble(VMREAD_AT, (a) => {
    a.vmread(rbx, rax);
    a.hlt();
  });
  bench.assemble(VMWRITE_AT, (a) => {
    a.vmwrite(rax, rbx);
    a.hlt();
  });
  for (let i = 12; i < 4096; i += 4) bench.put32(At.vmcs + i, Math.imul(i, 0x9e37_79b1) >>> 0);
  return bench;
}

function execute({ pc: { cpu } }: VmxBench, at: number, encoding: bigint, value: bigint): void {
  const { state } = cpu;
  state.rip = BigInt(at);
  state.setGpr(RAX, encoding);
  state.setGpr(RBX, value);
  state.rflags = 2 | ARITHMETIC_FLAGS;
  cpu.halted = false;
  cpu.execute(cpu.now() + 10);
}

const status = ({ pc: { cpu } }: VmxBench): number => cpu.state.rflags & ARITHMETIC_FLAGS;

/** The region is the one that TypeScript has made. */
function assertRegion(bench: VmxBench, name: string): void {
  for (let i = 0; i < 4096; i += 4) {
    assert.equal(bench.get32(At.vmcs + i), bench.get32(EXPECTED + i), `${name}: word ${i.toString(16)}h`);
  }
}

const encodings = [
  ...VMCS_FIELDS.flatMap(({ encoding }) => [encoding, encoding | HIGH_HALF]),
  ...Array.from({ length: 64 }, (_, i) => (i * 0x1f7 + 0x3e) & 0x7fff),
];

describe("VMREAD and VMWRITE of registers", () => {
  for (const model of ["Skylake-Server,+vmx", "Nehalem,+vmx"]) {
    it(`every field of ${model}`, () => {
      const bench = prepared(model);
      const { cpu, physical } = bench.pc;
      const { capabilities } = cpu.vmx;
      const expected = Vmcs.at(cpu.state.view, physical, BigInt(EXPECTED))!;
      assert.notEqual(cpu.state.u32(S.CURRENT_VMCS), 0, "generated code may use the VMCS");
      let found = 0;
      for (const encoding of encodings) {
        const name = encoding.toString(16);
        for (let i = 0; i < 4096; i += 4) bench.put32(EXPECTED + i, bench.get32(At.vmcs + i));
        execute(bench, VMREAD_AT, BigInt(encoding), JUNK);
        if (capabilities.fieldExists(encoding)) {
          found++;
          assert.equal(cpu.state.gpr(RBX), expected.read(encoding), `${name} is read`);
          assert.equal(status(bench), 0, `${name}: VMsucceed`);
        } else {
          assert.equal(cpu.state.gpr(RBX), JUNK, `${name} is not read`);
          assert.equal(status(bench), Flag.ZF, `${name}: VMfail`);
          expected.write(VmcsField.INSTRUCTION_ERROR, BigInt(VmError.unsupportedComponent));
        }
        assertRegion(bench, name);
        execute(bench, VMWRITE_AT, BigInt(encoding), VALUE ^ BigInt(encoding));
        if (!capabilities.fieldExists(encoding)) {
          assert.equal(status(bench), Flag.ZF, `${name}: VMfail`);
        } else if (!capabilities.fieldWritable(encoding)) {
          assert.equal(status(bench), Flag.ZF, `${name}: VMfail`);
          expected.write(VmcsField.INSTRUCTION_ERROR, BigInt(VmError.readOnlyComponent));
        } else {
          assert.equal(status(bench), 0, `${name}: VMsucceed`);
          expected.write(encoding, VALUE ^ BigInt(encoding));
        }
        assertRegion(bench, name);
      }
      assert.ok(found > 100, `${found} encodings exist`);
    });
  }

  it("all 64 bits of the encoding count", () => {
    const bench = prepared();
    for (const above of [0x8000n, 0x1_0000_0000n, 1n << 63n]) {
      execute(bench, VMREAD_AT, BigInt(VmcsField.GUEST_RIP) | above, JUNK);
      assert.equal(bench.pc.cpu.state.gpr(RBX), JUNK);
      assert.equal(status(bench), Flag.ZF);
      assert.equal(bench.read("INSTRUCTION_ERROR"), VmError.unsupportedComponent);
    }
  });

  it("without a current VMCS: VMfailInvalid", () => {
    const bench = prepared();
    bench.pc.cpu.vmx.current = undefined;
    execute(bench, VMREAD_AT, BigInt(VmcsField.GUEST_RIP), JUNK);
    assert.equal(bench.pc.cpu.state.gpr(RBX), JUNK);
    assert.equal(status(bench), Flag.CF);
  });

  it("outside VMX operation and at privilege 3 they fault", () => {
    for (const spoil of ["operation", "privilege"] as const) {
      const bench = prepared();
      const { cpu } = bench.pc;
      if (spoil === "operation") cpu.vmx.leaveOperation();
      else {
        for (const at of [At.pml4, At.pdpt, At.directory]) bench.put64(at, bench.get64(at) | USER);
        cpu.state.cpl = 3;
        cpu.modeChanged();
      }
      execute(bench, VMREAD_AT, BigInt(VmcsField.GUEST_RIP), JUNK);
      assert.equal(cpu.state.gpr(RBX), JUNK, spoil);
      // There are no handlers.
      assert.ok(cpu.shutdown, spoil);
    }
  });
});
