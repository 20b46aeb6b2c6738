/**
 * Translated functions that call each other: guests whose calls and returns lead from page to page, in lockstep with an
 * interpreting machine.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Assembler,
  dword,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  type Label,
  mem,
} from "../guests/assembler/assembler.js";
import type { Engine } from "./config.js";
import { DATA, gate, PAGE_TABLES, paging, together } from "./translation.test.helper.js";

const TURNS: Partial<Record<Engine, number>> = { translator: 300, auto: 40_000 };

/** A call whose target the translator cannot see. */
function callThrough(a: Assembler, target: Label): void {
  a.mov(eax, target);
  a.call(eax);
}

/** Repeats `body`, and leaves EBX as the result. */
function repeat(a: Assembler, engine: Engine, body: () => void): void {
  a.mov(esi, TURNS[engine]!);
  a.xor(ebx, ebx);
  const again = a.here("again");
  body();
  a.dec(esi);
  a.jnz(again);
  a.mov(dword(DATA), ebx);
}

/** Functions on pages of their own, which control does not fall into. */
function functions(a: Assembler, ...each: readonly (readonly [Label, () => void])[]): void {
  const over = a.label("over");
  a.jmp(over);
  for (const [label, body] of each) {
    a.align(4096);
    a.bind(label);
    body();
  }
  a.align(4096);
  a.bind(over);
}

const resultOf = (machine: { readPhysical(address: number, length: number): Uint8Array }): number =>
  new DataView(machine.readPhysical(DATA, 4).buffer).getInt32(0, true);

for (const engine of ["translator", "auto"] as const) {
  describe(`calls between translated functions: ${engine}`, () => {
    test("deeper than functions may wait for each other", async () => {
      const depth = 60;
      const machine = await together(
        (a) => {
          const [down, up] = [a.label("down"), a.label("up")];
          repeat(a, engine, () => {
            a.mov(ecx, depth);
            callThrough(a, down);
          });
          const step = (other: Label) => () => {
            const end = a.label("end");
            a.dec(ecx);
            a.jz(end);
            a.push(ecx);
            callThrough(a, other);
            a.pop(ecx);
            a.add(ebx, ecx);
            a.bind(end);
            a.ret();
          };
          functions(a, [down, step(up)], [up, step(down)]);
        },
        1000,
        engine,
      );
      assert.equal(resultOf(machine), (TURNS[engine]! * depth * (depth - 1)) / 2);
      machine.dispose();
    });

    test("that return elsewhere, or not at all", async () => {
      const machine = await together(
        (a) => {
          const [skip, drop] = [a.label("skip"), a.label("drop")];
          repeat(a, engine, () => {
            const [one, other] = [a.label("one"), a.label("other")];
            a.mov(edx, other);
            callThrough(a, skip);
            a.add(ebx, 0x10000);
            a.bind(other);
            a.add(ebx, 1);
            a.mov(edx, one);
            callThrough(a, drop);
            a.add(ebx, 0x10000);
            a.bind(one);
            a.add(ebx, 1);
          });
          functions(
            a,
            [
              skip,
              () => {
                a.pop(ecx);
                a.push(edx);
                a.ret();
              },
            ],
            [
              drop,
              () => {
                a.pop(ecx);
                a.jmp(edx);
              },
            ],
          );
        },
        1000,
        engine,
      );
      assert.equal(resultOf(machine), TURNS[engine]! * 2);
      machine.dispose();
    });

    test("of which one faults", async () => {
      const page = 0x900000;
      const machine = await together(
        (a) => {
          const [outer, inner, handler] = [a.label("outer"), a.label("inner"), a.label("handler")];
          paging(a);
          gate(a, 14, handler);
          repeat(a, engine, () => {
            a.mov(dword(PAGE_TABLES + (page >> 12) * 4), 0);
            a.invlpg(mem(page));
            callThrough(a, outer);
          });
          functions(
            a,
            [
              outer,
              () => {
                callThrough(a, inner);
                a.add(ebx, 1);
                a.ret();
              },
            ],
            [
              inner,
              () => {
                a.mov(dword(page), ebx);
                a.add(ebx, dword(page));
                a.sub(ebx, dword(page));
                a.ret();
              },
            ],
            [
              handler,
              () => {
                a.pop(edi);
                a.mov(dword(PAGE_TABLES + (page >> 12) * 4), page | 3);
                a.iretd();
              },
            ],
          );
        },
        1000,
        engine,
      );
      assert.equal(resultOf(machine), TURNS[engine]!);
      machine.dispose();
    });

    test("of which one overwrites what its caller goes on with", async () => {
      const machine = await together(
        (a) => {
          const [outer, inner, patched] = [a.label("outer"), a.label("inner"), a.label("patched")];
          repeat(a, engine, () => {
            callThrough(a, outer);
          });
          functions(
            a,
            [
              outer,
              () => {
                callThrough(a, inner);
                a.bind(patched);
                a.add(ebx, 0x7fffffff);
                a.ret();
              },
            ],
            [
              inner,
              () => {
                // The immediate of ADD EBX, imm32 lies behind two bytes.
                const keep = a.label("keep");
                a.mov(eax, esi);
                a.and(eax, 63);
                a.jnz(keep);
                a.mov(eax, patched);
                a.mov(mem(eax, 2), esi);
                a.bind(keep);
                a.ret();
              },
            ],
          );
        },
        1000,
        engine,
      );
      machine.dispose();
    });
  });
}
