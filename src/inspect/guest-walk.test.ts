/** Walks of the side that does not run: host and guest with page tables of their own. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { At, VmxBench } from "../machine/vmx-bench.test.helper.js";
import { explainGuestWalk, explainHostWalk } from "./guest-walk.js";

await prepareTier0();

/** Where a linear address leads for each; it is not mapped in the first two gigabytes otherwise. */
const LINEAR = 0x6000_0000n;
const HOST_PAGE = 0x20_0000n;
const GUEST_PAGE = 0x40_0000n;
const [HOST_PML4, GUEST_PML4] = [0x30000, 0x34000];
const LARGE = 0x83n;

/** Tables for the first 64 MiB as they are, and a large page at {@link LINEAR}. @param level PML4: true, else PAE */
function tables(bench: VmxBench, at: number, page: bigint, long: boolean): void {
  const pdpt = long ? at + 0x1000 : at;
  if (long) bench.put64(at, BigInt(pdpt) | 3n);
  const present = long ? 3n : 1n;
  bench.put64(pdpt, BigInt(At.directory) | present);
  bench.put64(pdpt + 8, BigInt(at + 0x2000) | present);
  bench.put64(at + 0x2000 + Number((LINEAR >> 21n) & 0x1ffn) * 8, page | LARGE);
}

function separate(guestLong = true) {
  const bench = new VmxBench();
  tables(bench, HOST_PML4, HOST_PAGE, true);
  tables(bench, GUEST_PML4, GUEST_PAGE, guestLong);
  bench.write("HOST_CR3", HOST_PML4);
  bench.write("GUEST_CR3", GUEST_PML4);
  bench.pc.cpu.state.cr3 = BigInt(HOST_PML4);
  bench.pc.cpu.mmu.flushAll();
  bench.guest((a) => a.jmp(a.here("loop")));
  const question = { address: LINEAR + 0x123n, kind: "linear" } as const;
  return {
    bench,
    host: () => explainHostWalk(bench.pc, question),
    guest: () => explainGuestWalk(bench.pc, bench.vmcs, question),
    enter: () => {
      const { cpu } = bench.pc;
      cpu.state.rip = BigInt(At.launch);
      cpu.execute(cpu.now() + 50);
      assert.equal(cpu.guest.active, true, cpu.vmx.lastFailure?.rule.name);
    },
  };
}

describe("host and guest", () => {
  test("each leads to its own page, whoever runs", () => {
    const { host, guest, enter } = separate();
    for (const when of ["before VM entry", "while the guest runs"]) {
      assert.equal(host().to, HOST_PAGE + 0x123n, when);
      assert.equal(guest().to, GUEST_PAGE + 0x123n, when);
      assert.equal(host().format, "4-level paging");
      if (when === "before VM entry") enter();
    }
  });

  test("what the guest changes of its own registers does not matter to the host's walk", () => {
    const { bench, host, enter } = separate();
    enter();
    const { state, mmu } = bench.pc.cpu;
    state.cr3 = 0x5_0000n;
    state.cr0 &= ~0x8000_0000;
    bench.pc.cpu.modeChanged();
    mmu.flushAll();
    assert.equal(host().to, HOST_PAGE + 0x123n);
  });

  test("a host without VMX has only what runs", () => {
    const { bench, host } = separate();
    bench.pc.cpu.vmx.leaveOperation();
    assert.equal(host().to, HOST_PAGE + 0x123n);
  });

  test("a host with PAE paging", () => {
    const { bench, host, enter } = separate();
    enter();
    tables(bench, 0x38000, HOST_PAGE, false);
    bench.write("HOST_CR3", 0x38000);
    bench.write("EXIT_CONTROLS", bench.read("EXIT_CONTROLS") & ~0x200);
    assert.equal(host().format, "PAE paging");
    assert.equal(host().to, HOST_PAGE + 0x123n);
  });
});
