/**
 * Guests that make it hard for translated code: it must be the same as interpreting, at every instruction. Most of them
 * run in lockstep with an interpreting machine, compared every few instructions.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  byte,
  cl,
  cr2,
  cr3,
  dword,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  esp,
  mem,
} from "../guests/assembler/assembler.js";
import { smallGuest } from "../guests/small-guest.test.helper.js";
import { tourImage } from "../guests/tour.js";
import type { Machine } from "./machine.js";
import { create, DATA, gate, PAGE_TABLES, paging, together } from "./translation.test.helper.js";

const LOCAL_APIC = 0xfee00000;

function wordAt(machine: Machine, address: number): number {
  return new DataView(machine.readPhysical(address, 4).buffer).getUint32(0, true);
}

describe("translated code", () => {
  for (const engine of ["translator", "auto"] as const) {
    for (const step of [3, 100, 20_000]) {
      test(`${engine}: a loop with calls, flags and memory, compared every ${step} instructions`, async () => {
        const machine = await together(
          (a) => {
            const work = a.label("work");
            a.mov(ecx, engine === "auto" ? 200_000 : 3000);
            a.xor(ebx, ebx);
            const again = a.here("again");
            a.add(eax, 0x89abcdef | 0);
            a.adc(ebx, eax);
            a.call(work);
            a.inc(edx);
            a.dec(ecx);
            a.jnz(again);
            a.mov(dword(DATA), ebx);
            const over = a.label("over");
            a.jmp(over);
            a.bind(work);
            a.push(ebx);
            a.rol(ebx, 5);
            a.xor(dword(DATA + 4), ebx);
            a.pop(esi);
            const skip = a.label("skip");
            a.test(ebx, 4);
            a.jz(skip);
            a.sub(edx, ebx);
            a.bind(skip);
            a.ret();
            a.bind(over);
          },
          step,
          engine,
        );
        machine.dispose();
      });
    }
  }

  test("that the guest overwrites is not executed any more", async () => {
    const rounds = 40;
    const machine = await together((a) => {
      const patched = a.label("patched");
      a.mov(edi, rounds);
      a.xor(ebx, ebx);
      const outer = a.here("outer");
      a.mov(ecx, 50);
      const inner = a.here("inner");
      a.bind(patched);
      // add ebx, imm32: the immediate is counted up from outside of the inner loop.
      a.db(0x81, 0xc3, 1, 0, 0, 0);
      a.dec(ecx);
      a.jnz(inner);
      a.inc(dword(patched.plus(2)));
      a.dec(edi);
      a.jnz(outer);
      a.mov(dword(DATA), ebx);
    }, 500);
    assert.equal(wordAt(machine, DATA), (50 * rounds * (rounds + 1)) / 2);
    assert.ok(machine.statistics.translator!.invalidated > 0);
    machine.dispose();
  });

  test("that overwrites the instruction behind it sees the new one", async () => {
    const machine = await together((a) => {
      const patched = a.label("patched");
      a.mov(ecx, 200);
      a.xor(ebx, ebx);
      const again = a.here("again");
      a.mov(byte(patched.plus(2)), cl);
      a.bind(patched);
      // add ebx, imm8
      a.db(0x83, 0xc3, 0);
      a.dec(ecx);
      a.jnz(again);
      a.mov(dword(DATA), ebx);
    }, 200);
    let sum = 0;
    for (let i = 200; i > 0; i--) sum = (sum + ((i << 24) >> 24)) | 0;
    assert.equal(wordAt(machine, DATA) | 0, sum);
    machine.dispose();
  });

  test("goes on where its pages are not in the TLB", async () => {
    const machine = await together((a) => {
      paging(a);
      a.mov(edx, 12);
      const pass = a.here("pass");
      // Forgets all translations.
      a.mov(eax, cr3);
      a.mov(cr3, eax);
      a.mov(esi, DATA);
      a.mov(ecx, 200);
      const next = a.here("next");
      a.add(dword(esi), ecx);
      a.add(esi, 4096 - 8);
      // Every so often across two pages.
      a.add(ebx, dword(esi, 5));
      a.dec(ecx);
      a.jnz(next);
      a.dec(edx);
      a.jnz(pass);
    }, 1000);
    machine.dispose();
  });

  for (const step of [37, 5000]) {
    test(`has exact registers in page faults, compared every ${step} instructions`, async () => {
      const pages = 200;
      const machine = await together((a) => {
        const handler = a.label("handler");
        const touch = a.label("touch");
        const out = a.label("out");
        paging(a);
        gate(a, 14, handler);
        a.xor(ebx, ebx);
        a.mov(edx, 2);
        const pass = a.here("pass");
        a.mov(esi, DATA);
        a.mov(ecx, pages);
        const again = a.here("again");
        a.inc(ebx);
        a.bind(touch);
        a.add(dword(esi), ebx);
        a.adc(ebx, 0);
        a.add(esi, 4096);
        a.dec(ecx);
        a.jnz(again);
        a.dec(edx);
        a.jz(out);
        // The second time, no page is there.
        a.mov(ecx, pages);
        const unmap = a.here("unmap");
        a.mov(dword({ index: ecx, scale: 4, displacement: PAGE_TABLES + (DATA >>> 12) * 4 - 4 }), 0);
        a.dec(ecx);
        a.jnz(unmap);
        a.mov(eax, cr3);
        a.mov(cr3, eax);
        a.mov(edi, DATA + 0x200000);
        a.jmp(pass);
        // Writes down where it happened, the flags and what was computed, and maps the page.
        a.bind(handler);
        for (const [i, from] of [dword(esp), dword(esp, 4), dword(esp, 12)].entries()) {
          a.mov(eax, from);
          a.mov(dword(edi, i * 4), eax);
        }
        a.mov(dword(edi, 12), ebx);
        a.add(edi, 16);
        a.mov(eax, cr2);
        a.push(ebx);
        a.mov(ebx, eax);
        a.shr(ebx, 12);
        a.or(eax, 3);
        a.mov(dword({ index: ebx, scale: 4, displacement: PAGE_TABLES }), eax);
        a.pop(ebx);
        a.add(esp, 4);
        a.iretd();
        a.bind(out);
        a.mov(dword(DATA + 0x1ff000), edi);
        a.mov(eax, touch);
        a.mov(dword(DATA + 0x1ff004), eax);
      }, step);
      const log = DATA + 0x200000;
      assert.equal(wordAt(machine, DATA + 0x1ff000), log + pages * 16);
      for (let i = 0; i < pages; i++) {
        // A write to a page that is not there, from ring 0.
        assert.equal(wordAt(machine, log + i * 16), 2);
        assert.equal(wordAt(machine, log + i * 16 + 4), wordAt(machine, DATA + 0x1ff004));
        assert.equal(wordAt(machine, log + i * 16 + 12), pages + i + 1);
      }
      machine.dispose();
    });
  }

  test("is left for an interrupt at the same instruction as the interpreter's", async () => {
    const ticks = 300;
    const machine = await together((a) => {
      const handler = a.label("handler");
      gate(a, 0x30, handler);
      a.mov(edi, DATA);
      a.mov(dword(LOCAL_APIC + 0x3e0), 0xb);
      a.mov(dword(LOCAL_APIC + 0x320), 0x20030);
      a.mov(dword(LOCAL_APIC + 0x380), 5003);
      a.sti();
      const again = a.here("again");
      a.inc(ebx);
      a.rol(edx, 3);
      a.xor(edx, ebx);
      a.add(esi, edx);
      a.cmp(edi, DATA + ticks * 12);
      a.jb(again);
      const out = a.label("out");
      a.jmp(out);
      a.bind(handler);
      a.mov(dword(edi), ebx);
      a.mov(eax, dword(esp));
      a.mov(dword(edi, 4), eax);
      a.push(edx);
      a.rdtsc();
      a.mov(dword(edi, 8), eax);
      a.pop(edx);
      a.add(edi, 12);
      a.mov(dword(LOCAL_APIC + 0xb0), 0);
      a.iretd();
      a.bind(out);
      a.cli();
    }, 50_000);
    const places = new Set<number>();
    for (let i = 0; i < ticks; i++) places.add(wordAt(machine, DATA + i * 12 + 4));
    assert.ok(places.size > 2, "interrupts at different instructions of the loop");
    machine.dispose();
  });

  test("repeats string instructions across pages, and is left by them in time", async () => {
    const machine = await together((a) => {
      paging(a);
      a.cld();
      a.mov(edx, 60);
      const again = a.here("again");
      a.mov(edi, DATA + 0x10ff0);
      a.mov(eax, edx);
      a.mov(ecx, 3000);
      a.rep().stosd();
      a.mov(esi, DATA + 0x10ff0);
      a.mov(edi, DATA + 0x20003);
      a.mov(ecx, 5001);
      a.rep().movsb();
      a.mov(edi, DATA + 0x20003);
      a.mov(ecx, 100_000);
      a.repne().scasb();
      a.add(ebx, ecx);
      a.xor(ecx, ecx);
      a.rep().stosb();
      a.dec(edx);
      a.jnz(again);
      a.mov(dword(DATA), ebx);
    }, 997);
    machine.dispose();
  });

  test("stops after exactly so many instructions", async () => {
    const kernel = smallGuest((a) => {
      const again = a.here("again");
      a.inc(ebx);
      a.lea(ecx, mem({ base: ebx, index: ebx, scale: 2 }));
      a.xor(edx, ecx);
      a.test(ebx, 3);
      a.jnz(again);
      a.add(esi, edx);
      a.jmp(again);
    });
    const [one, other] = [await create(kernel, "interpreter"), await create(kernel, "translator")];
    let total = 0;
    for (let i = 0; i < 2000; i++) {
      const count = i % 2 === 0 ? (i % 97) + 1 : i * 7;
      total += count;
      for (const machine of [one, other]) {
        machine.runInstructions(count);
        assert.equal(machine.instructions, total);
      }
      assert.equal(other.registers().rip, one.registers().rip);
    }
    assert.equal(await other.hash(), await one.hash());
    assert.ok(other.statistics.translator!.regions > 0);
    for (const machine of [one, other]) machine.dispose();
  });
});

describe("the same guest", () => {
  test("has the same state whatever executes it: the tour", async () => {
    const kernel = tourImage();
    const hashes = new Map<string, string[]>();
    for (const engine of ["interpreter", "auto", "translator"] as const) {
      const machine = await create(kernel, engine);
      let output = "";
      machine.console.listen((bytes) => {
        output += new TextDecoder().decode(bytes);
      });
      machine.console.write("primes\nhalt\n");
      for (let i = 0; i < 400 && !machine.ended; i++) machine.runInstructions(50_000);
      machine.console.flush();
      if (engine !== "interpreter") assert.ok(machine.statistics.translator!.regions > 0, engine);
      const hash = await machine.hash();
      hashes.set(`${hash} ${machine.instructions} ${machine.time} ${output.length}`, [engine]);
      machine.dispose();
    }
    assert.equal(hashes.size, 1, [...hashes].join("\n"));
  });
});
