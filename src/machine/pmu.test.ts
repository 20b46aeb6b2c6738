/** Performance counters on a whole machine: code that counts itself, interrupts by overflow, VM entries and VM exits. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PmuMsr } from "../cpu/pmu/layout.js";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { type Assembler, eax, ebx, ecx, edx, esi } from "../guests/assembler/assembler.js";
import { At, type Controls, VmxBench } from "./vmx-bench.test.helper.js";

await prepareTier0();

const [USR, OS, INT, EN] = [1 << 16, 1 << 17, 1 << 20, 1 << 22] as const;
const INSTRUCTIONS = 0xc0;
const LVT_PERFORMANCE = 0x340;
const NMI_DELIVERY = 0x400;

const nops = (a: Assembler, count: number) => {
  for (let i = 0; i < count; i++) a.nop();
};

function counting(controls: Controls = {}, select = INSTRUCTIONS | USR | OS | EN) {
  const bench = new VmxBench(controls);
  const { cpu, msrs, apic } = bench.pc;
  apic.writeMmio(0xf0, 4, 0x1ff);
  msrs.write(PmuMsr.PERF_GLOBAL_CTRL, 0n);
  msrs.write(PmuMsr.PERFEVTSEL0, BigInt(select));
  return { bench, cpu, msrs, count: () => Number(msrs.read(PmuMsr.PMC0)) };
}

describe("performance counters", () => {
  it("count what lies between two RDPMC, in a loop too", () => {
    const { bench, cpu, msrs } = counting();
    msrs.write(PmuMsr.PERF_GLOBAL_CTRL, 1n);
    bench.assemble(At.free, (a) => {
      const rdpmc = () => {
        a.mov(ecx, 0);
        a.db(0x0f, 0x33);
      };
      rdpmc();
      a.mov(ebx, eax);
      a.mov(esi, 1000);
      const loop = a.here("loop");
      a.dec(esi);
      a.jnz(loop);
      rdpmc();
      a.hlt();
    });
    cpu.state.rip = BigInt(At.free);
    while (!cpu.halted) cpu.execute(cpu.now() + 10_000);
    // MOV, MOV, 1000 times DEC and JNZ, MOV, RDPMC.
    assert.equal(Number(cpu.state.gpr(0) - cpu.state.gpr(3)), 2004);
  });

  it("interrupt at the exact instruction: NMI exiting of a guest", () => {
    const stops = [50, 60].map((left) => {
      const { bench, msrs, count } = counting(
        { pin: ["nmiExiting"], exit: ["loadPerfGlobalCtrl"], entry: ["loadPerfGlobalCtrl"] },
        INSTRUCTIONS | USR | OS | EN | INT,
      );
      bench.pc.apic.writeMmio(LVT_PERFORMANCE, 4, NMI_DELIVERY);
      msrs.write(PmuMsr.PMC0, BigInt(-left));
      bench.write("GUEST_PERF_GLOBAL_CTRL", 1);
      bench.guest((a) => {
        nops(a, 100);
        a.hlt();
      });
      assert.equal(bench.run(), ExitReason.exceptionOrNmi);
      assert.equal(msrs.read(PmuMsr.PERF_GLOBAL_STATUS), 1n);
      assert.notEqual(bench.pc.apic.readMmio(LVT_PERFORMANCE, 4) & 0x10000, 0, "the entry is masked now");
      assert.ok(count() < 4);
      return bench.read("GUEST_RIP") - At.guest;
    });
    assert.equal(stops[1]! - stops[0]!, 10);
    assert.ok(Math.abs(stops[0]! - 50) <= 1, String(stops));
  });

  it("do not exist without the feature", () => {
    const { pc } = new VmxBench({}, "Skylake-Server,+vmx,-pmu");
    assert.equal(pc.msrs.has(PmuMsr.PERF_GLOBAL_CTRL), false);
    assert.equal(pc.cpu.vmx.capabilities.has("entry.loadPerfGlobalCtrl"), false);
    assert.throws(() => pc.cpu.readPerformanceCounter(0));
  });
});

describe("IA32_PERF_GLOBAL_CTRL at VM entries and VM exits", () => {
  const LOADS = { exit: ["loadPerfGlobalCtrl"], entry: ["loadPerfGlobalCtrl"] } as const;

  it("loaded by both: only the guest counts", () => {
    const counts = [10, 110].map((count) => {
      const { bench, msrs, count: counted } = counting(LOADS);
      bench.write("GUEST_PERF_GLOBAL_CTRL", 1);
      bench.write("HOST_PERF_GLOBAL_CTRL", 0x7_0000_0000n);
      bench.guest((a) => {
        nops(a, count);
        a.cpuid();
      });
      assert.equal(bench.run(), ExitReason.cpuid);
      assert.equal(msrs.read(PmuMsr.PERF_GLOBAL_CTRL), 0x7_0000_0000n);
      const at = counted();
      bench.pc.cpu.execute(bench.pc.cpu.now() + 100);
      assert.equal(counted(), at, "the host does not");
      return at;
    });
    assert.equal(counts[1]! - counts[0]!, 100);
  });

  it("left alone without the controls", () => {
    const { bench, msrs } = counting();
    msrs.write(PmuMsr.PERF_GLOBAL_CTRL, 3n);
    bench.write("GUEST_PERF_GLOBAL_CTRL", 1);
    bench.guest((a) => a.cpuid());
    bench.run();
    assert.equal(msrs.read(PmuMsr.PERF_GLOBAL_CTRL), 3n);
  });

  it("saved by VM exits", () => {
    const { bench, msrs } = counting({
      ...LOADS,
      exit: ["loadPerfGlobalCtrl", "savePerfGlobalCtrl"],
      primary: ["useMsrBitmaps"],
    });
    bench.write("MSR_BITMAPS", At.free + 0x1000);
    bench.write("GUEST_PERF_GLOBAL_CTRL", 1);
    bench.write("HOST_PERF_GLOBAL_CTRL", 2);
    bench.guest((a) => {
      a.mov(ecx, PmuMsr.PERF_GLOBAL_CTRL);
      a.mov(eax, 5);
      a.mov(edx, 6);
      a.wrmsr();
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.read("GUEST_PERF_GLOBAL_CTRL"), 0x6_0000_0005);
    assert.equal(msrs.read(PmuMsr.PERF_GLOBAL_CTRL), 2n);
  });

  it("no VM entry with reserved bits", () => {
    const { bench } = counting(LOADS);
    bench.write("GUEST_PERF_GLOBAL_CTRL", 0x10);
    assert.equal(bench.run(), 0x8000_0000 + 33);
    assert.equal(bench.pc.cpu.vmx.lastFailure?.rule.name, "guest IA32_PERF_GLOBAL_CTRL");
  });
});
