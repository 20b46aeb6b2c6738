/** For how long code that was overwritten is left to the interpreter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Overwritten } from "./overwritten.js";

test("code that is overwritten again and again has to wait, longer each time, but not for ever", () => {
  const overwritten = new Overwritten();
  assert.equal(overwritten.isVolatile(32, 0), false);
  overwritten.note(32, 0);
  assert.equal(overwritten.isVolatile(32, 0), false, "once is no habit");
  overwritten.note(32, 10);
  assert.equal(overwritten.isVolatile(32, 109), true);
  assert.equal(overwritten.isVolatile(64, 109), false);
  assert.equal(overwritten.isVolatile(32, 110), false);
  overwritten.note(32, 200);
  assert.equal(overwritten.isVolatile(32, 399), true);
  assert.equal(overwritten.isVolatile(32, 400), false);
  for (let i = 0; i < 100; i++) overwritten.note(32, 1000);
  assert.equal(overwritten.isVolatile(32, 4199), true);
  assert.equal(overwritten.isVolatile(32, 4200), false);
  overwritten.note(32, 5000);
  overwritten.clear();
  assert.equal(overwritten.isVolatile(32, 5000), false);
});
