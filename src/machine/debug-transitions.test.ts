/** Stops after VM exits and VM entries, and breakpoints of one side: src/machine/debug-control.ts on a small VMCS. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { eax, rax } from "../guests/assembler/assembler.js";
import { DebugControl } from "./debug-control.js";
import type { MachineExit } from "./machine.js";
import { At, VmxBench } from "./vmx-bench.test.helper.js";

await prepareTier0();

const ENTRY_FAILURE = 0x8000_0000;
const VALID = 0x8000_0000;

function debugged(bench = new VmxBench()) {
  const { cpu, timeline } = bench.pc;
  const debug = new DebugControl(() => bench.pc);
  cpu.state.rip = BigInt(At.launch);
  /** Until a stop, or HLT. */
  const go = (): MachineExit | undefined => {
    debug.arm();
    for (let i = 0; i < 1000; i++) {
      timeline.runDue(cpu.now());
      cpu.execute(cpu.now() + 100);
      const stop = debug.takeStop();
      if (stop || cpu.halted) return stop;
    }
    return assert.fail("neither a stop nor HLT");
  };
  return { bench, cpu, debug, go };
}

describe("VM exits to stop after", () => {
  test("by reason, at the host's RIP, before it has done anything", () => {
    const { bench, cpu, debug, go } = debugged();
    debug.transitions.exits = new Set([ExitReason.cpuid]);
    bench.guest((a) => {
      a.mov(eax, 7);
      a.cpuid();
    });
    const stop = go();
    assert.equal(stop?.reason, "vm-exit");
    assert.equal(stop.exit.reason, ExitReason.cpuid);
    assert.equal(stop.exit.rip, BigInt(At.guest + 5));
    assert.equal(cpu.state.rip, BigInt(At.exited));
    assert.equal(cpu.guest.active, false);
    assert.equal(go(), undefined, "and on it goes, to the host's HLT");
    assert.equal(cpu.state.rip, BigInt(At.exited + 1));
  });

  test("not by another reason, and none when it is off; then nobody observes", () => {
    const { bench, cpu, debug, go } = debugged();
    debug.transitions.exits = new Set([ExitReason.hlt, ExitReason.vmcall]);
    bench.guest((a) => {
      a.cpuid();
      a.cpuid();
    });
    assert.equal(go(), undefined);
    assert.equal(bench.read("EXIT_REASON"), ExitReason.cpuid);
    debug.clear();
    cpu.state.rip = BigInt(At.resume);
    cpu.halted = false;
    assert.equal(go(), undefined);
    assert.equal(cpu.vmx.observer, undefined);
  });

  test("between two instructions: an external interrupt", () => {
    const { bench, debug, go } = debugged(new VmxBench({ pin: ["externalInterruptExiting"] }));
    bench.pc.apic.writeMmio(0xf0, 4, 0x1ff);
    bench.guest((a) => a.jmp(a.here("loop")));
    bench.pc.apicBus.send({ destination: 0, logical: false, deliveryMode: 0, vector: 0x51, level: false });
    debug.transitions.exits = "all";
    const stop = go();
    assert.equal(stop?.reason, "vm-exit");
    assert.equal(stop.exit.reason, ExitReason.externalInterrupt);
  });

  test("a VM entry that fails after the host's checks", () => {
    const { bench, cpu, debug, go } = debugged();
    bench.write("GUEST_RFLAGS", 0);
    debug.transitions.exits = new Set([ExitReason.entryFailureGuestState]);
    const stop = go();
    assert.equal(stop?.reason, "vm-entry-failure");
    assert.equal(stop.failure.reason, ExitReason.entryFailureGuestState);
    assert.equal(bench.read("EXIT_REASON"), ENTRY_FAILURE + ExitReason.entryFailureGuestState);
    assert.equal(cpu.state.rip, BigInt(At.exited));
  });

  test("who observes already goes on observing, and still does afterwards", () => {
    const { bench, cpu, debug, go } = debugged();
    const seen: string[] = [];
    const observer = {
      onEntry: () => void seen.push("entry"),
      onExit: () => void seen.push("exit"),
      onEntryFailure: () => void seen.push("failure"),
      onAbort: () => void seen.push("abort"),
    };
    debug.observeVmx(observer);
    debug.transitions.exits = "all";
    bench.guest((a) => a.cpuid());
    assert.equal(go()?.reason, "vm-exit");
    assert.deepEqual(seen, ["entry", "exit"]);
    debug.clear();
    debug.arm();
    assert.equal(cpu.vmx.observer, observer);
  });
});

describe("VM entries to stop after", () => {
  test("the guest's state, its first instruction to come; a step delivers what is injected", () => {
    const { bench, cpu, debug, go } = debugged();
    bench.handler(0x40, 0x11000, (a) => {
      a.pop(rax);
      a.cpuid();
    });
    bench.write("GUEST_RFLAGS", 0x202);
    bench.write("ENTRY_INTERRUPTION_INFO", VALID + 0x40);
    bench.guest((a) => a.nop());
    debug.transitions.entries = true;
    const stop = go();
    assert.equal(stop?.reason, "vm-entry");
    assert.equal(stop.entry.rip, BigInt(At.guest));
    assert.equal(stop.entry.launch, true);
    assert.equal(cpu.state.rip, BigInt(At.guest));
    assert.equal(cpu.guest.active, true);
    cpu.stepInstruction();
    assert.equal(cpu.state.rip, 0x11000n);
    cpu.stepInstruction();
    assert.equal(cpu.state.gpr(0), BigInt(At.guest), "it returns to where the guest was");
    assert.equal(go(), undefined);
    assert.equal(bench.read("EXIT_REASON"), ExitReason.cpuid);
  });

  test("a step ends with the VM exit that is due", () => {
    const { bench, cpu, debug, go } = debugged(new VmxBench({ primary: ["monitorTrapFlag"] }));
    bench.guest((a) => a.nop());
    debug.transitions.entries = true;
    go();
    cpu.stepInstruction();
    assert.equal(cpu.state.rip, BigInt(At.guest + 1));
    cpu.stepInstruction();
    assert.equal(bench.read("EXIT_REASON"), ExitReason.monitorTrapFlag);
    assert.equal(cpu.state.rip, BigInt(At.exited));
  });
});

describe("a breakpoint at an address that host and guest both execute", () => {
  const SHARED = BigInt(At.free);

  /** Both call the same routine: the host before VMLAUNCH and after the VM exit, the guest in between. */
  function shared() {
    const parts = debugged();
    const { bench, cpu } = parts;
    const start = At.free + 0x100;
    bench.assemble(At.free, (a) => {
      a.inc(eax);
      a.ret();
    });
    for (const [at, last] of [
      [start, "vmlaunch"],
      [At.guest, "cpuid"],
      [At.exited, "hlt"],
    ] as const) {
      bench.assemble(at, (a) => {
        a.mov(rax, At.free);
        a.db(0xff, 0xd0); // CALL RAX
        a[last]();
      });
    }
    cpu.state.setGpr(4, BigInt(At.hostStack));
    cpu.state.rip = BigInt(start);
    return parts;
  }

  for (const [scope, stops] of [
    ["any", [false, true, false]],
    ["l1", [false, false]],
    ["l2", [true]],
  ] as const) {
    test(`in ${scope}`, () => {
      const { cpu, debug, go } = shared();
      debug.addBreakpoint(SHARED, scope);
      const inGuest: boolean[] = [];
      for (let stop = go(); stop; stop = go()) {
        assert.deepEqual(stop, { reason: "breakpoint", address: SHARED });
        assert.equal(cpu.state.rip, SHARED);
        inGuest.push(cpu.guest.active);
      }
      assert.deepEqual(inGuest, stops);
    });
  }

  test("another scope takes the place of the one before", () => {
    const { cpu, debug, go } = shared();
    debug.addBreakpoint(SHARED, "l1");
    assert.equal(go()?.reason, "breakpoint");
    debug.addBreakpoint(SHARED, "l2");
    assert.equal(go()?.reason, "breakpoint");
    assert.equal(cpu.guest.active, true);
    debug.removeBreakpoint(SHARED);
    assert.equal(go(), undefined);
  });
});
