import assert from "node:assert/strict";
import { test } from "node:test";
import { instantiateLibrary, Random } from "./library.test.helper.js";
import { divide128 } from "./wide.js";

test("128-bit division agrees with the definition", () => {
  const { functions } = instantiateLibrary();
  const divide = functions[divide128.name]!;
  const random = new Random();
  for (let i = 0; i < 50000; i++) {
    const divisor = random.ragged() || 1n;
    const high = random.below(8) === 0 ? divisor - 1n : random.ragged() % divisor;
    const low = random.ragged();
    const quotient = BigInt.asUintN(64, divide(0, high, low, divisor) as bigint);
    assert.equal(
      quotient,
      ((high << 64n) | low) / divisor,
      `${high.toString(16)}:${low.toString(16)} / ${divisor.toString(16)}`,
    );
  }
});
