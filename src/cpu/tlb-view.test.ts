/** What a view holds in memory, compared with a simple model, with few and with many translations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JUMP_ENTRIES, TLB_ENTRIES } from "../isa/state.js";
import { pageNumber, TlbView, VIEW_BYTES } from "./tlb-view.js";

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
  readonly jumps = new Set<number>();

  fill(table: Table, filled: Filled): void {
    const { low, high, addend, global } = filled;
    this.view.fill(table, low, high, addend, global, 12);
    this.tables[table].set(slotOf(low), filled);
  }

  /** As the engine does: the page is translated, then the block is entered. */
  jump(rip: number): void {
    this.view.codePages.set(pageNumber(rip, 0), 0);
    this.view.noteJump(rip);
    const slot = (rip ^ (rip >>> 10)) & (JUMP_ENTRIES - 1);
    this.words[this.view.jump / 4 + slot * 4] = rip;
    this.words[this.view.jump / 4 + slot * 4 + 1] = 0;
    this.jumps.add(slot);
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
        if (random(3) === 0) model.jump(low + random(4096));
        if (random(8) === 0) {
          view.invalidate(low, filled.high);
          model.drop((other) => other.low === low && other.high === filled.high);
          if (view.codePages.size === 0) model.jumps.clear();
        }
      }
      model.check();
      const what = random(4);
      if (what === 0) {
        view.flush();
        model.drop(() => true);
        model.jumps.clear();
      } else if (what === 1) {
        view.flushNonGlobal();
        model.drop(({ global }) => !global);
        model.jumps.clear();
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
        view.flushCode();
        model.jumps.clear();
      }
      model.check();
    }
  });
}
