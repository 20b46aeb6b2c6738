import assert from "node:assert/strict";
import { test } from "node:test";
import { Listening } from "./listening.js";
import { Ier, Mcr, Register } from "./registers.js";

test("a guest that raises RTS is ready from then on, until it lowers it", () => {
  const guest = new Listening();
  assert.equal(guest.access(Register.mcr, true, Mcr.dtr | Mcr.out2, 0), false);
  assert.equal(guest.access(Register.mcr, true, Mcr.dtr | Mcr.rts, 0), true, "this made it ready");
  assert.equal(guest.access(Register.data, true, Mcr.dtr | Mcr.rts, 0), false, "it was ready before");
  assert.equal(guest.now, true);
  guest.access(Register.mcr, true, Mcr.dtr, 0);
  assert.equal(guest.now, false);
});

test("the receive interrupt says it for a guest that leaves the modem lines alone", () => {
  const guest = new Listening();
  guest.access(Register.ier, true, Mcr.dtr, Ier.received);
  assert.equal(guest.now, false, "DTR without RTS: a driver that is still starting");
  guest.access(Register.ier, true, Mcr.out2, Ier.received);
  assert.equal(guest.now, true);
});

test("polling is reading LSR again and again", () => {
  const guest = new Listening();
  const poll = () => guest.access(Register.lsr, false, 0, 0);
  assert.deepEqual([poll(), poll(), poll(), poll()], [false, false, true, false]);
  // Looking before each byte sent is not polling for input.
  for (let i = 0; i < 5; i++) {
    guest.access(Register.data, true, 0, 0);
    poll();
    assert.equal(guest.now, false);
  }
});
