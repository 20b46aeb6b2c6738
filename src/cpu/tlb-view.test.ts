/** What a view holds in memory, compared with a simple model, with few and with many translations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JUMP_ENTRIES, TLB_ENTRIES } from "../isa/state.js";
import { NO_EPT, TlbView, TlbViewPool, VIEW_BYTES } from "./tlb-view.js";

const AT = 0x1000;
const TABLES = ["read", "write"] as const;
type Table = (typeof TABLES)[number];

interface Filled {
  readonly low: number;
  readonly high: number;
  readonly addend: number;
  readonly global: boolean;
}

/** Numbers below `limit`, the same in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const slotOf = (low: number): number => (low >>> 12) & (TLB_ENTRIES - 1);

class Model {
  readonly memory = new ArrayBuffer(AT + VIEW_BYTES);
  readonly words = new Int32Array(this.memory);
  readonly view = new TlbView(this.memory, AT);
  readonly tables: Record<Table, Map<number, Filled>> = { read: new Map(), write: new Map() };
  /** Slots of the jump cache that hold a block. */
  readonly jumps = new Set<number>();
  /** Pages of code by their address, with the slots that were filled since the jump cache was last emptied. */
  readonly code = new Map<number, { readonly global: boolean; readonly slots: Set<number> }>();

  fill(table: Table, filled: Filled): void {
    const { low, high, addend, global } = filled;
    this.view.fill(table, low, high, addend, global, 12);
    this.tables[table].set(slotOf(low), filled);
  }

  /** As the engine does: the page is translated, then the block is entered. */
  jump(rip: number, global: boolean): void {
    const page = rip & ~0xfff;
    let known = this.code.get(page);
    assert.equal(this.view.fetch.lookup(rip, 0), known === undefined ? -1 : page * 2);
    if (known === undefined) {
      known = { global, slots: new Set() };
      this.code.set(page, known);
      this.view.fetch.add(rip, 0, page * 2, global);
    }
    this.view.fetch.noteJump(rip, rip, 0);
    const slot = (rip ^ (rip >>> 10)) & (JUMP_ENTRIES - 1);
    this.words[this.view.jump / 4 + slot * 4] = rip;
    this.words[this.view.jump / 4 + slot * 4 + 1] = 0;
    this.jumps.add(slot);
    known.slots.add(slot);
  }

  dropCode(which: (page: number, global: boolean) => boolean): void {
    for (const [page, { global, slots }] of this.code) {
      if (!which(page, global)) continue;
      this.code.delete(page);
      for (const slot of slots) this.jumps.delete(slot);
    }
  }

  drop(which: (filled: Filled) => boolean): void {
    for (const table of Object.values(this.tables)) {
      for (const [slot, filled] of table) if (which(filled)) table.delete(slot);
    }
  }

  check(): void {
    for (const table of TABLES) {
      for (let slot = 0; slot < TLB_ENTRIES; slot++) {
        const filled = this.tables[table].get(slot);
        const at = this.view[table] / 4 + slot * 4;
        if (filled === undefined)
          assert.notEqual(slotOf(this.words[at]!), slot, "an empty slot matches nothing");
        else assert.deepEqual([...this.words.subarray(at, at + 2)], [filled.low, filled.high]);
        assert.equal(this.view.isFree(table, slot << 12), filled === undefined);
      }
    }
    assert.equal(this.view.entries, this.tables.read.size + this.tables.write.size);
    for (let slot = 0; slot < JUMP_ENTRIES; slot++) {
      const at = this.view.jump / 4 + slot * 4;
      const empty = this.words[at] === 0x10000 && this.words[at + 1] === 0x10000;
      assert.equal(empty, !this.jumps.has(slot), `slot ${slot} of the jump cache`);
    }
    assert.equal(this.view.fetch.size, this.code.size);
  }
}

for (const [name, most] of [
  ["few", 40],
  ["many", 2000],
] as const) {
  test(`views with ${name} translations`, () => {
    const random = numbers(most);
    const model = new Model();
    const { view } = model;
    for (let round = 0; round < 60; round++) {
      for (let i = random(most); i > 0; i--) {
        const low = random(0x4000) << 12;
        const filled = { low, high: random(3) - 1, addend: random(2 ** 20) << 12, global: random(2) === 0 };
        model.fill(TABLES[random(2)]!, filled);
        if (random(3) === 0) model.jump(low + random(4096), filled.global);
        if (random(8) === 0) {
          view.invalidate(low, filled.high);
          model.drop((other) => other.low === low && other.high === filled.high);
          if (filled.high === 0) model.dropCode((page) => page === low);
        }
      }
      model.check();
      const what = random(4);
      if (what === 0) {
        view.flush();
        model.drop(() => true);
        model.dropCode(() => true);
      } else if (what === 1) {
        view.flushNonGlobal();
        model.drop(({ global }) => !global);
        model.dropCode((_, global) => !global);
      } else if (what === 2) {
        const filled = [...model.tables.write.values()][0];
        if (filled !== undefined) {
          const host = (filled.low + filled.addend) | 0;
          view.protectHostPage(host);
          for (const [slot, { low, addend }] of model.tables.write) {
            if (((low + addend) | 0) === host) model.tables.write.delete(slot);
          }
        }
      } else {
        view.fetch.flush();
        model.dropCode(() => true);
      }
      model.check();
    }
  });
}

test("a view out of use is emptied at last when addresses are dropped, one in use is not", () => {
  const pool = new TlbViewPool(new ArrayBuffer(AT + 2 * VIEW_BYTES), AT, 2);
  const space = { vpid: 1, eptRoot: NO_EPT };
  const [used, unused] = [pool.get(0, 0, space), pool.get(4, 0, space)];
  used.held = true;
  const translations = () => [used.entries, unused.entries];
  for (const view of [used, unused]) view.fill("read", 0x5000, 0, 0, false, 12);
  for (let i = 0; i < 100; i++) pool.invalidate(0x9000, 0, 1, 0);
  assert.deepEqual(translations(), [1, 1]);
  pool.use(unused);
  for (let i = 0; i < 200; i++) pool.invalidate(0x9000, 0, 1, 0);
  assert.deepEqual(translations(), [1, 1]);
  for (let i = 0; i < 100; i++) pool.invalidate(0x9000, 0, 1, 0);
  assert.deepEqual(translations(), [1, 0]);
  assert.deepEqual([...pool.touched()], [used]);
  // Whoever uses it again, finds it empty, and it is dropped from again.
  assert.equal(pool.get(4, 0, space), unused);
  unused.fill("read", 0x5000, 0, 0, false, 12);
  pool.invalidate(0x5000, 0, 1, 0);
  assert.deepEqual(translations(), [0, 0]);
});
