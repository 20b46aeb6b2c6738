/** Events in VMX non-root operation on a whole machine (SDM vol. 3, 26.2, 26.5, 27.6, 27.7 and chapter 30). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { cr8, dword, eax, ebx, ecx, rax, rbx } from "../guests/assembler/assembler.js";
import { At, VmxBench } from "./vmx-bench.test.helper.js";

const VALID = 0x8000_0000;
const external = (vector: number) => VALID + vector;
const exception = (vector: number, error = false) => VALID + 0x300 + (error ? 0x800 : 0) + vector;
const NMI = VALID + 0x202;
const IF = 0x202;
const MTF = VALID + 0x700;

await prepareTier0();

describe("event injection", () => {
  it("delivers an exception with its error code before the first instruction", () => {
    const bench = new VmxBench();
    bench.handler(13, 0x11000, (a) => {
      a.pop(rax);
      a.pop(rbx);
      a.cpuid();
    });
    bench.write("ENTRY_INTERRUPTION_INFO", exception(13, true));
    bench.write("ENTRY_EXCEPTION_ERROR_CODE", 0x18);
    bench.guest((a) => a.ud2());
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.pc.cpu.state.gpr(0), 0x18n);
    assert.equal(bench.pc.cpu.state.gpr(3), BigInt(At.guest));
    assert.equal(bench.read("ENTRY_INTERRUPTION_INFO"), exception(13, true) - VALID);
  });

  it("a software interrupt returns behind itself", () => {
    const bench = new VmxBench();
    bench.handler(0x40, 0x11000, (a) => {
      a.pop(rbx);
      a.cpuid();
    });
    bench.write("ENTRY_INTERRUPTION_INFO", VALID + 0x440);
    bench.write("ENTRY_INSTRUCTION_LENGTH", 2);
    bench.guest((a) => a.ud2());
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.pc.cpu.state.gpr(3), BigInt(At.guest + 2));
  });

  it("what its delivery meets is reported with it", () => {
    const bench = new VmxBench();
    bench.write("EXCEPTION_BITMAP", 1 << 13);
    bench.write("ENTRY_INTERRUPTION_INFO", external(0x30));
    bench.write("GUEST_RFLAGS", IF);
    bench.guest((a) => a.nop());
    assert.equal(bench.run(), ExitReason.exceptionOrNmi);
    assert.equal(bench.read("IDT_VECTORING_INFO"), external(0x30));
    assert.equal(bench.read("GUEST_RIP"), At.guest);
  });

  it("an NMI blocks further ones", () => {
    const bench = new VmxBench({ pin: ["nmiExiting", "virtualNmis"] });
    bench.handler(2, 0x11000, (a) => a.cpuid());
    bench.write("ENTRY_INTERRUPTION_INFO", NMI);
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.read("GUEST_INTERRUPTIBILITY_STATE"), 8);
    assert.equal(bench.pc.cpu.nmiBlocked, false);
  });
});

describe("windows, timers, traps", () => {
  it("interrupt-window exiting, when STI has taken effect", () => {
    const bench = new VmxBench({ primary: ["interruptWindowExiting"] });
    bench.guest((a) => {
      a.nop();
      a.sti();
      a.nop();
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.interruptWindow);
    assert.equal(bench.read("GUEST_RIP"), At.guest + 3);
  });

  it("NMI-window exiting, when IRET has ended the blocking", () => {
    const bench = new VmxBench({ pin: ["nmiExiting", "virtualNmis"], primary: ["nmiWindowExiting"] });
    bench.handler(2, 0x11000, (a) => a.iretq());
    bench.write("ENTRY_INTERRUPTION_INFO", NMI);
    bench.guest((a) => a.cpuid());
    assert.equal(bench.run(), ExitReason.nmiWindow);
    assert.equal(bench.read("GUEST_RIP"), At.guest);
  });

  it("the VMX-preemption timer", () => {
    const bench = new VmxBench({ pin: ["activatePreemptionTimer"], exit: ["savePreemptionTimer"] });
    bench.write("PREEMPTION_TIMER_VALUE", 100);
    bench.guest((a) => a.jmp(a.here("loop")));
    const before = bench.pc.cpu.now();
    assert.equal(bench.run(), ExitReason.preemptionTimerExpired);
    const ticks = bench.pc.cpu.now() - before;
    assert.ok(ticks >= 99 * 4 && ticks <= 101 * 4 + 10, `${ticks} ticks`);
    assert.equal(bench.read("PREEMPTION_TIMER_VALUE"), 0);
    bench.write("PREEMPTION_TIMER_VALUE", 0);
    assert.equal(bench.run(), ExitReason.preemptionTimerExpired);
  });

  it("the timer ends HLT", () => {
    const bench = new VmxBench({ pin: ["activatePreemptionTimer"] });
    bench.write("PREEMPTION_TIMER_VALUE", 1000);
    bench.guest((a) => a.hlt());
    assert.equal(bench.run(), ExitReason.preemptionTimerExpired);
    assert.equal(bench.read("GUEST_ACTIVITY_STATE"), 1);
  });

  it("the monitor trap flag, after each instruction", () => {
    const bench = new VmxBench({ primary: ["monitorTrapFlag"] });
    bench.guest((a) => {
      a.nop();
      a.mov(eax, 5);
      a.nop();
    });
    for (const offset of [1, 6, 7]) {
      assert.equal(bench.run(), ExitReason.monitorTrapFlag);
      assert.equal(bench.read("GUEST_RIP"), At.guest + offset);
    }
    assert.equal(bench.pc.cpu.state.gpr(0), 5n);
  });

  it("an injected MTF comes before the first instruction", () => {
    const bench = new VmxBench();
    bench.write("ENTRY_INTERRUPTION_INFO", MTF);
    bench.guest((a) => a.ud2());
    assert.equal(bench.run(), ExitReason.monitorTrapFlag);
    assert.equal(bench.read("GUEST_RIP"), At.guest);
  });

  it("pending debug exceptions are delivered after VM entry", () => {
    const bench = new VmxBench();
    bench.write("EXCEPTION_BITMAP", 2);
    bench.write("GUEST_PENDING_DEBUG_EXCEPTIONS", 0x4000);
    bench.guest((a) => a.cpuid());
    assert.equal(bench.run(), ExitReason.exceptionOrNmi);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x4000);
    assert.equal(bench.read("GUEST_RIP"), At.guest);
  });
});

describe("external events", () => {
  it("interrupts exit whatever IF is, and are acknowledged if so asked", () => {
    const bench = new VmxBench({ pin: ["externalInterruptExiting"], exit: ["acknowledgeInterrupt"] });
    const { pc } = bench;
    pc.apic.writeMmio(0xf0, 4, 0x1ff);
    bench.guest((a) => a.jmp(a.here("loop")));
    pc.apicBus.send({ destination: 0, logical: false, deliveryMode: 0, vector: 0x51, level: false });
    assert.equal(bench.run(), ExitReason.externalInterrupt);
    assert.equal(bench.read("EXIT_INTERRUPTION_INFO"), external(0x51));
    assert.equal(pc.apic.pending(), -1);
  });

  it("NMIs exit, and block NMIs of the host", () => {
    const bench = new VmxBench({ pin: ["nmiExiting"] });
    bench.guest((a) => a.jmp(a.here("loop")));
    bench.pc.cpu.nmi();
    bench.pc.cpu.nmiBlocked = false;
    // The host would take it first.
    bench.pc.cpu.nmiBlocked = true;
    bench.write("GUEST_INTERRUPTIBILITY_STATE", 0);
    assert.equal(bench.run(), ExitReason.exceptionOrNmi);
    assert.equal(bench.read("EXIT_INTERRUPTION_INFO"), NMI);
    assert.equal(bench.pc.cpu.nmiBlocked, true);
  });
});

describe("INIT (24.8)", () => {
  const INIT = { destination: 0, logical: false, deliveryMode: 5, vector: 0, level: true } as const;

  it("waits in VMX root operation, and is the first VM exit of a guest", () => {
    const bench = new VmxBench({ primary: ["hltExiting"] });
    bench.guest((a) => a.hlt());
    bench.pc.apicBus.send(INIT);
    assert.equal(bench.run(), ExitReason.initSignal);
    assert.equal(bench.read("GUEST_RIP"), At.guest);
    assert.equal(bench.run(), ExitReason.hlt, "one INIT is one VM exit");
    assert.equal(bench.resets, 0);
  });

  it("comes after the event that VM entry injects", () => {
    const bench = new VmxBench();
    bench.handler(0x40, 0x11000, (a) => a.cpuid());
    bench.write("GUEST_RFLAGS", IF);
    bench.write("ENTRY_INTERRUPTION_INFO", external(0x40));
    bench.pc.apicBus.send(INIT);
    assert.equal(bench.run(), ExitReason.initSignal);
    assert.equal(bench.read("GUEST_RIP"), 0x11000);
  });

  it("waits on while the guest waits for a startup IPI", () => {
    const bench = new VmxBench({ primary: ["hltExiting"], pin: ["activatePreemptionTimer"] });
    bench.write("PREEMPTION_TIMER_VALUE", 10);
    bench.write("GUEST_ACTIVITY_STATE", 3);
    bench.guest((a) => a.hlt());
    bench.pc.apicBus.send(INIT);
    assert.equal(bench.run(), ExitReason.preemptionTimerExpired);
    bench.write("GUEST_ACTIVITY_STATE", 0);
    bench.write("PREEMPTION_TIMER_VALUE", 10_000);
    assert.equal(bench.run(), ExitReason.initSignal);
  });

  it("is done right after VMXOFF", () => {
    const bench = new VmxBench();
    const { cpu } = bench.pc;
    bench.assemble(At.free, (a) => {
      a.nop();
      a.vmxoff();
      a.inc(eax);
      a.hlt();
    });
    bench.pc.apicBus.send(INIT);
    cpu.state.rip = BigInt(At.free);
    cpu.state.setGpr(0, 0n);
    cpu.execute(cpu.now() + 100);
    assert.equal(bench.resets, 1);
    assert.equal(cpu.state.rip, BigInt(At.free + 4));
    assert.equal(cpu.state.gpr(0), 0n);
    bench.pc.apicBus.send(INIT);
    assert.equal(bench.resets, 2, "nothing holds it back now");
  });

  it("is forgotten by a reset", () => {
    const bench = new VmxBench();
    bench.pc.apicBus.send(INIT);
    bench.pc.cpu.reset();
    assert.equal(bench.pc.cpu.guest.initPending, false);
  });
});

describe("virtual APIC", () => {
  it("CR8 is the TPR shadow; below the threshold there is a VM exit", () => {
    const bench = new VmxBench({ primary: ["useTprShadow"], secondary: ["virtualizeApicAccesses"] });
    bench.write("VIRTUAL_APIC_ADDRESS", At.free);
    bench.write("APIC_ACCESS_ADDRESS", At.free + 0x1000);
    bench.put32(At.free + 0x80, 0x60);
    bench.write("TPR_THRESHOLD", 4);
    bench.guest((a) => {
      a.mov(rax, cr8);
      a.mov(ebx, 5);
      a.mov(cr8, rbx);
      a.mov(ebx, 3);
      a.mov(cr8, rbx);
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.tprBelowThreshold);
    assert.equal(bench.pc.cpu.state.gpr(0), 6n);
    assert.equal(bench.get32(At.free + 0x80), 0x30);
    assert.equal(bench.pc.cpu.taskPriority, 0);
  });

  it("the APIC-access page: TPR is virtual, other registers exit", () => {
    const bench = new VmxBench({ primary: ["useTprShadow"], secondary: ["virtualizeApicAccesses"] });
    bench.write("VIRTUAL_APIC_ADDRESS", At.free);
    bench.write("APIC_ACCESS_ADDRESS", At.free + 0x1000);
    bench.put32(At.free + 0x80, 0x60);
    bench.guest((a) => {
      a.mov(rbx, At.free + 0x1000);
      a.mov(eax, dword(rbx, 0x80));
      a.mov(ecx, dword(rbx, 0x300));
    });
    assert.equal(bench.run(), ExitReason.apicAccess);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x300);
    assert.equal(bench.pc.cpu.state.gpr(0), 0x60n);
  });
});
