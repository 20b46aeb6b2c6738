/** Which regions are translated anew with registers in locals. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Region } from "./region.js";
import { Visits } from "./visits.js";

const region = (slot: number) => ({ slot }) as Region;

describe("visits", () => {
  test("a region in which execution stays is worth a second translation", () => {
    const visits = new Visits();
    const [one, other] = [region(1), region(2)];
    for (let i = 0; i < 9; i++) {
      assert.equal(visits.note(one, 10_000), false);
      assert.equal(visits.note(other, 3000), false);
    }
    assert.equal(visits.note(one, 10_000), true);
    assert.equal(visits.note(other, 3000), false);
  });

  test("one very long visit is enough", () => {
    assert.equal(new Visits().note(region(1), 2_000_000), true);
  });

  test("what was dropped begins anew", () => {
    const visits = new Visits();
    const one = region(1);
    visits.note(one, 90_000);
    visits.forget(one);
    assert.equal(visits.note(one, 90_000), false);
  });
});
