/** VMX non-root operation on a whole machine: instructions, exceptions, transitions (SDM vol. 3, chapters 26-28). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { VmcsField } from "../cpu/vmx/fields.js";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import {
  al,
  cr0,
  cr3,
  dr0,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edx,
  mem,
  qword,
  rax,
  rbx,
  rcx,
} from "../guests/assembler/assembler.js";
import { At, VmxBench } from "./vmx-bench.test.helper.js";

const VALID = 0x8000_0000;
const exception = (vector: number, error = false) => VALID + 0x300 + (error ? 0x800 : 0) + vector;
const IF = 0x202;

await prepareTier0();

describe("instructions that cause VM exits", () => {
  it("CPUID, always, with its length", () => {
    const bench = new VmxBench();
    bench.guest((a) => {
      a.mov(eax, 7);
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.read("EXIT_INSTRUCTION_LENGTH"), 2);
    assert.equal(bench.read("GUEST_RIP"), At.guest + 5);
    assert.equal(bench.pc.cpu.state.gpr32(0), 7);
  });

  it("HLT, if so asked; the guest goes on after it", () => {
    const bench = new VmxBench({ primary: ["hltExiting"] });
    bench.guest((a) => {
      a.hlt();
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.hlt);
    bench.skip();
    assert.equal(bench.run(), ExitReason.cpuid);
  });

  it("I/O by bitmaps, with port, size and direction", () => {
    const bench = new VmxBench({ primary: ["useIoBitmaps"] });
    bench.write("IO_BITMAP_A", At.free);
    bench.write("IO_BITMAP_B", At.free + 0x1000);
    bench.put32(At.free + 0x80 / 8, 1 << 1);
    bench.put32(At.free + 0x1000 + 0x1230 / 8, 8);
    bench.guest((a) => {
      a.in(al, 0x80);
      a.in(al, 0x81);
      a.mov(dx, 0x9231);
      a.out(dx, eax);
    });
    assert.equal(bench.run(), ExitReason.ioInstruction);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x0081_0048);
    bench.skip();
    assert.equal(bench.run(), ExitReason.ioInstruction);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x9231_0003);
  });

  it("string I/O, with the address and the segment", () => {
    const bench = new VmxBench({ primary: ["unconditionalIoExiting"] });
    bench.guest((a) => {
      a.mov(rcx, 3);
      a.mov(dx, 0x70);
      a.db(0x64, 0xf3, 0x6e); // REP OUTSB from FS
    });
    bench.write("GUEST_FS_BASE", 0x1000);
    bench.pc.cpu.state.setGpr(6, 0x20n);
    assert.equal(bench.run(), ExitReason.ioInstruction);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x0070_0030);
    assert.equal(bench.read("GUEST_LINEAR_ADDRESS"), 0x1020);
    assert.equal(bench.read("EXIT_INSTRUCTION_INFO"), (2 << 7) | (4 << 15));
  });

  it("RDMSR and WRMSR by bitmaps", () => {
    const bench = new VmxBench({ primary: ["useMsrBitmaps"] });
    bench.write("MSR_BITMAPS", At.free);
    bench.put32(At.free + 0xc00 + 0x80 / 8, 1 << 1); // writes of C0000081h
    bench.guest((a) => {
      a.mov(ecx, 0xc000_0081);
      a.rdmsr();
      a.wrmsr();
      a.mov(ecx, 0x4000);
      a.rdmsr();
    });
    assert.equal(bench.run(), ExitReason.wrmsr);
    bench.skip();
    assert.equal(bench.run(), ExitReason.rdmsr);
  });

  it("MOV CR0 where a masked bit differs from its shadow", () => {
    const bench = new VmxBench();
    bench.write("CR0_GUEST_HOST_MASK", 8);
    bench.write("CR0_READ_SHADOW", 8);
    bench.guest((a) => {
      a.mov(rax, cr0);
      a.mov(cr0, rax); // TS is 1 in the shadow and stays 0
      a.mov(rbx, cr0);
      a.clts();
    });
    assert.equal(bench.run(), ExitReason.controlRegisterAccess);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x20);
    assert.equal(bench.pc.cpu.state.gpr(3) & 8n, 8n);
    assert.equal(bench.read("GUEST_CR0") & 8, 0);
  });

  it("MOV to CR3 but for target values, MOV DR", () => {
    const bench = new VmxBench({ primary: ["cr3LoadExiting", "movDrExiting"] });
    bench.write("CR3_TARGET_COUNT", 1);
    bench.write("CR3_TARGET_VALUE_0", At.pml4);
    bench.guest((a) => {
      a.mov(rax, At.pml4);
      a.mov(cr3, rax);
      a.mov(rbx, At.pml4 + 8);
      a.mov(cr3, rbx);
      a.mov(rcx, dr0);
    });
    assert.equal(bench.run(), ExitReason.controlRegisterAccess);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x303);
    bench.skip();
    assert.equal(bench.run(), ExitReason.movDr);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x110);
  });

  it("LGDT, with the parts of its operand", () => {
    const bench = new VmxBench({ secondary: ["descriptorTableExiting"] });
    bench.guest((a) => a.lgdt(mem({ base: rbx, index: rcx, scale: 4, displacement: -8 })));
    assert.equal(bench.run(), ExitReason.gdtrOrIdtrAccess);
    assert.equal(bench.vmcs.read(VmcsField.EXIT_QUALIFICATION), 0xffff_ffff_ffff_fff8n);
    const [scale, addressSize, size, ds, index, base, lgdt] = [
      2,
      2 << 7,
      1 << 11,
      3 << 15,
      1 << 18,
      3 << 23,
      2 << 28,
    ];
    assert.equal(bench.read("EXIT_INSTRUCTION_INFO"), scale | addressSize | size | ds | index | base | lgdt);
  });

  it("PAUSE and RDTSC", () => {
    const bench = new VmxBench({ primary: ["pauseExiting", "rdtscExiting"] });
    bench.guest((a) => {
      a.pause();
      a.rdtsc();
    });
    assert.equal(bench.run(), ExitReason.pause);
    bench.skip();
    assert.equal(bench.run(), ExitReason.rdtsc);
  });
});

describe("exceptions in a guest", () => {
  it("that the bitmap selects cause VM exits and change neither CR2 nor RIP", () => {
    const bench = new VmxBench();
    bench.write("EXCEPTION_BITMAP", 1 << 14);
    bench.guest((a) => {
      a.mov(rax, 0x1234_5678_9000n);
      a.mov(rbx, qword(rax));
    });
    assert.equal(bench.run(), ExitReason.exceptionOrNmi);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x1234_5678_9000);
    assert.equal(bench.read("EXIT_INTERRUPTION_INFO"), exception(14, true));
    assert.equal(bench.read("EXIT_INTERRUPTION_ERROR_CODE"), 0);
    assert.equal(bench.pc.cpu.state.cr2, 0n);
    assert.equal(bench.read("GUEST_RFLAGS") & 0x10000, 0x10000);
  });

  it("page faults by error code", () => {
    const bench = new VmxBench();
    bench.write("EXCEPTION_BITMAP", (1 << 14) | (1 << 6));
    bench.write("PAGE_FAULT_ERROR_CODE_MASK", 2);
    bench.write("PAGE_FAULT_ERROR_CODE_MATCH", 2);
    bench.handler(14, 0x11000, (a) => a.ud2());
    bench.guest((a) => {
      a.mov(rax, 0x1234_5678_9000n);
      a.mov(rbx, qword(rax));
    });
    assert.equal(bench.run(), ExitReason.exceptionOrNmi);
    assert.equal(bench.read("EXIT_INTERRUPTION_INFO"), exception(6));
    assert.equal(bench.pc.cpu.state.cr2, 0x1234_5678_9000n);
  });

  it("a fault during the delivery of INT n reports the INT", () => {
    const bench = new VmxBench();
    bench.write("EXCEPTION_BITMAP", 1 << 13);
    bench.guest((a) => a.int(0x80));
    assert.equal(bench.run(), ExitReason.exceptionOrNmi);
    assert.equal(bench.read("EXIT_INTERRUPTION_INFO"), exception(13, true));
    assert.equal(bench.read("EXIT_INTERRUPTION_ERROR_CODE"), 0x80 * 8 + 2);
    assert.equal(bench.read("IDT_VECTORING_INFO"), VALID + 0x480);
    assert.equal(bench.read("EXIT_INSTRUCTION_LENGTH"), 2);
  });

  it("a triple fault is a VM exit", () => {
    const bench = new VmxBench();
    bench.write("GUEST_IDTR_LIMIT", 0);
    bench.guest((a) => a.ud2());
    assert.equal(bench.run(), ExitReason.tripleFault);
    assert.equal(bench.read("IDT_VECTORING_INFO"), 0);
    assert.equal(bench.pc.cpu.shutdown, false);
  });
});

describe("transitions", () => {
  it("TSC offset applies to the guest only", () => {
    const bench = new VmxBench({ primary: ["useTscOffsetting"] });
    bench.write("TSC_OFFSET", 1n << 50n);
    bench.guest((a) => {
      a.rdtsc();
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.ok(bench.pc.cpu.state.gpr32(2) >>> 18 === 1);
    assert.ok(bench.pc.cpu.tsc() < 1n << 50n);
  });

  for (const factor of [1n, 1024n]) {
    it(`TSC multiplier ${factor} applies to the guest, before the offset`, () => {
      const bench = new VmxBench({ primary: ["useTscOffsetting"], secondary: ["useTscScaling"] });
      const { cpu } = bench.pc;
      bench.write("TSC_MULTIPLIER", factor << 48n);
      bench.write("TSC_OFFSET", 1n << 50n);
      bench.guest((a) => {
        a.rdtsc();
        a.cpuid();
      });
      const before = cpu.tsc();
      assert.equal(bench.run(), ExitReason.cpuid);
      const read = (BigInt(cpu.state.gpr32(2)) << 32n) | BigInt(cpu.state.gpr32(0));
      const scaled = read - (1n << 50n);
      assert.ok(before * factor <= scaled, `${before} times ${factor}, ${scaled}`);
      assert.ok(scaled <= cpu.tsc() * factor, `${scaled}, ${cpu.tsc()} times ${factor}`);
    });
  }

  it("MSR areas: guest's values in, guest's out, host's in", () => {
    const bench = new VmxBench({ primary: ["useMsrBitmaps"] });
    bench.write("MSR_BITMAPS", At.free + 0x1000);
    const STAR = 0xc000_0081;
    const area = (at: number, value: bigint) => {
      bench.put64(at, BigInt(STAR));
      bench.put64(at + 8, value);
    };
    area(At.free, 0x1111n);
    area(At.free + 16, 0n);
    area(At.free + 32, 0x3333n);
    for (const [name, at] of [
      ["ENTRY_MSR_LOAD", At.free],
      ["EXIT_MSR_STORE", At.free + 16],
      ["EXIT_MSR_LOAD", At.free + 32],
    ] as const) {
      bench.write(`${name}_ADDRESS`, at);
      bench.write(`${name}_COUNT`, 1);
    }
    bench.guest((a) => {
      a.mov(ecx, STAR);
      a.rdmsr();
      a.add(eax, 0x1111);
      a.wrmsr();
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.get64(At.free + 24), 0x2222n);
    assert.equal(bench.pc.cpu.readMsr(STAR), 0x3333n);
  });

  it("a VM entry that cannot load an MSR fails with its number", () => {
    const bench = new VmxBench();
    bench.put64(At.free, 0xc000_0100n);
    bench.write("ENTRY_MSR_LOAD_ADDRESS", At.free);
    bench.write("ENTRY_MSR_LOAD_COUNT", 1);
    assert.equal(bench.run(), ExitReason.entryFailureMsrLoading + VALID);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 1);
    assert.equal(bench.vmcs.launched, false);
    // Entries that load nothing much, but too many of them.
    for (let at = At.free; at < At.free + 0x2020; at += 16) bench.put64(at, 0xc000_0081n);
    bench.write("ENTRY_MSR_LOAD_COUNT", 514);
    assert.equal(bench.run(), ExitReason.entryFailureMsrLoading + VALID);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 513);
  });

  it("the host's hidden segment parts are fixed", () => {
    const bench = new VmxBench();
    bench.write("HOST_FS_BASE", 0x1234_5678_9000n);
    bench.write("HOST_DS_SELECTOR", 0);
    bench.guest((a) => a.cpuid());
    bench.run();
    const { state } = bench.pc.cpu;
    assert.deepEqual(state.segment(4), {
      selector: 0,
      base: 0x1234_5678_9000n,
      limit: 0xffff_ffff,
      rights: 0x10000,
    });
    assert.equal(state.rights(1), 0xa09b);
    assert.equal(state.rights(2), 0xc093);
    assert.equal(state.rights(3), 0x10000);
    assert.equal(state.rflags, 2);
  });
});

describe("guests in other modes", () => {
  it("real-address mode with EPT: unrestricted guest", () => {
    const bench = new VmxBench({ secondary: ["enableEpt", "unrestrictedGuest", "enableVpid"] });
    bench.controls({ secondary: ["enableEpt", "unrestrictedGuest", "enableVpid"], primary: ["hltExiting"] });
    bench.write("ENTRY_CONTROLS", bench.read("ENTRY_CONTROLS") & ~0x200);
    bench.write("VPID", 1);
    bench.identityEpt(At.free);
    bench.realMode();
    bench.assemble(
      At.guest,
      (a) => {
        a.mov(eax, cr0);
        a.or(eax, 1);
        a.mov(cr0, eax);
        a.hlt();
      },
      16,
    );
    assert.equal(bench.run(), ExitReason.hlt);
    assert.equal(bench.read("GUEST_CR0") & 1, 1);
    assert.equal(bench.read("GUEST_RIP"), (At.guest % 0x10000) + 10);
    // An EPT violation: address 64 MiB is not mapped.
    bench.assemble(At.guest + 10, (a) => a.mov(eax, dword(ecx)), 16);
    bench.pc.cpu.state.setGpr(1, 0x400_0000n);
    bench.write("GUEST_DS_LIMIT", 0xffff_ffff);
    bench.write("GUEST_DS_ACCESS_RIGHTS", 0xc093);
    bench.write("GUEST_CS_ACCESS_RIGHTS", 0x9b);
    assert.equal(bench.run(), ExitReason.eptViolation);
    assert.equal(bench.read("GUEST_PHYSICAL_ADDRESS"), 0x400_0000);
    assert.equal(bench.read("EXIT_QUALIFICATION") & 0x1bf, 0x181);
  });

  it("INIT is a VM exit", () => {
    const bench = new VmxBench();
    bench.guest((a) => a.jmp(a.here("loop")));
    bench.pc.timeline
      .event("INIT", () => {
        bench.pc.apicBus.send({ destination: 0, logical: false, deliveryMode: 5, vector: 0, level: false });
      })
      .arm(bench.pc.cpu.now() + 1000);
    assert.equal(bench.run(), ExitReason.initSignal);
  });

  it("RDMSR of a virtual x2APIC reads 8 bytes of the page", () => {
    const bench = new VmxBench({
      primary: ["useTprShadow", "useMsrBitmaps"],
      secondary: ["virtualizeX2apicMode", "apicRegisterVirtualization"],
    });
    bench.write("MSR_BITMAPS", At.free + 0x1000);
    bench.write("VIRTUAL_APIC_ADDRESS", At.free);
    bench.put64(At.free + 0x300, 0x1234_5678_9abc_def0n);
    bench.put32(At.free + 0x310, 0x5555_5555);
    bench.guest((a) => {
      a.mov(ecx, 0x830);
      a.rdmsr();
      a.cpuid();
    });
    assert.equal(bench.run(), ExitReason.cpuid);
    assert.equal(bench.pc.cpu.state.gpr(0), 0x9abc_def0n);
    assert.equal(bench.pc.cpu.state.gpr(2), 0x1234_5678n);
  });

  it("virtual-interrupt delivery, self-IPI and EOI", () => {
    const bench = new VmxBench({
      pin: ["externalInterruptExiting"],
      primary: ["useTprShadow", "useMsrBitmaps"],
      secondary: ["virtualizeX2apicMode", "apicRegisterVirtualization", "virtualInterruptDelivery"],
      exit: ["acknowledgeInterrupt"],
    });
    bench.write("MSR_BITMAPS", At.free + 0x1000);
    bench.write("VIRTUAL_APIC_ADDRESS", At.free);
    bench.write("EOI_EXIT_BITMAP_1", 2);
    bench.write("GUEST_RFLAGS", IF);
    bench.handler(0x41, 0x11000, (a) => {
      a.mov(ebx, 0x41);
      a.mov(ecx, 0x80b);
      a.mov(eax, 0);
      a.mov(edx, 0);
      a.wrmsr();
      a.cpuid();
    });
    bench.guest((a) => {
      a.mov(ecx, 0x83f);
      a.mov(eax, 0x41);
      a.mov(edx, 0);
      a.wrmsr();
      a.hlt();
    });
    assert.equal(bench.run(), ExitReason.virtualizedEoi);
    assert.equal(bench.read("EXIT_QUALIFICATION"), 0x41);
    assert.equal(bench.pc.cpu.state.gpr(3), 0x41n);
    assert.equal(bench.read("GUEST_INTERRUPT_STATUS"), 0);
    assert.equal(bench.run(), ExitReason.cpuid);
  });
});
