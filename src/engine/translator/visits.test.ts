import assert from "node:assert/strict";
import { test } from "node:test";
import type { Region } from "./region.js";
import { Visits } from "./visits.js";

/** Objects that are told apart; nothing looks into them. */
const regions = (count: number): Region[] =>
  Array.from({ length: count }, (_, slot) => ({ slot }) as unknown as Region);

/** Regions that were to be dropped after `rounds` samples of each. */
function dropped(all: readonly Region[], rounds: number, stay: (i: number) => number): Set<number> {
  const visits = new Visits();
  const found = new Set<number>();
  for (let round = 0; round < rounds; round++) {
    for (const [i, region] of all.entries()) if (visits.note(region, stay(i))) found.add(i);
  }
  return found;
}

test("brief visits of many functions are given up, long ones are not", () => {
  const found = dropped(regions(200), 40, (i) => (i % 2 === 0 ? 20 : 500));
  assert.equal(found.size, 100);
  assert.ok([...found].every((i) => i % 2 === 0));
});

test("brief visits of a few functions are fine", () => {
  assert.equal(dropped(regions(10), 400, () => 20).size, 0);
});

test("it is the mean that counts", () => {
  const visits = new Visits();
  const others = regions(200);
  let given = false;
  const [subject] = regions(1);
  for (let round = 0; round < 64; round++) {
    for (const region of others) visits.note(region, 1000);
    given ||= visits.note(subject!, round % 8 === 0 ? 4000 : 10);
  }
  assert.equal(given, false);
});
