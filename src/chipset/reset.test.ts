import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { ResetControl } from "./reset.js";

function setup() {
  const ports = new PortSpace();
  const control = new ResetControl();
  const seen: string[] = [];
  control.attach(ports);
  control.onReset = (kind) => seen.push(kind);
  control.onA20 = (enabled) => seen.push(enabled ? "a20 on" : "a20 off");
  return { ports, control, seen };
}

test("CF9h resets on the rising edge of RST_CPU", () => {
  const { ports, seen } = setup();
  ports.write(0xcf9, 1, 0x02);
  assert.deepEqual(seen, []);
  assert.equal(ports.read(0xcf9, 1), 0x02);
  ports.write(0xcf9, 1, 0x06);
  ports.write(0xcf9, 1, 0x06);
  assert.deepEqual(seen, ["system"]);
  ports.write(0xcf9, 1, 0x00);
  ports.write(0xcf9, 1, 0x04);
  assert.deepEqual(seen, ["system", "cpu"]);
  ports.write(0xcf9, 1, 0x00);
  ports.write(0xcf9, 1, 0x0e);
  assert.deepEqual(seen, ["system", "cpu", "system"]);
});

test("port 92h: fast reset on a rising bit 0", () => {
  const { ports, seen } = setup();
  ports.write(0x92, 1, 0x01);
  ports.write(0x92, 1, 0x01);
  assert.deepEqual(seen, ["cpu"]);
});

test("A20 is the OR of port 92h and the keyboard controller", () => {
  const { ports, control, seen } = setup();
  assert.equal(control.a20, true);
  ports.write(0x92, 1, 0x02);
  control.setKeyboardA20(false);
  assert.deepEqual(seen, []);
  ports.write(0x92, 1, 0x00);
  assert.deepEqual(seen, ["a20 off"]);
  control.setKeyboardA20(true);
  assert.deepEqual(seen, ["a20 off", "a20 on"]);
});

test("restore announces A20; reset opens it", () => {
  const { ports, control } = setup();
  control.setKeyboardA20(false);
  const saved = JSON.parse(JSON.stringify(control.save()));
  const other = setup();
  other.control.restore(saved);
  assert.deepEqual(other.seen, ["a20 off"]);
  other.control.reset();
  assert.deepEqual(other.seen, ["a20 off", "a20 on"]);
  assert.equal(ports.read(0x92, 1), 0);
});
