import assert from "node:assert/strict";
import { test } from "node:test";
import { type PortDevice, type PortSize, PortSpace } from "./ports.js";

class Device implements PortDevice {
  readonly log: string[] = [];
  constructor(private readonly answer: number) {}
  readPort(port: number, size: PortSize): number {
    this.log.push(`read ${port.toString(16)} ${size}`);
    return this.answer;
  }
  writePort(port: number, size: PortSize, value: number): void {
    this.log.push(`write ${port.toString(16)} ${size} ${value}`);
  }
}

test("a device answers for the ports that it claims, first and last included", () => {
  const ports = new PortSpace();
  const device = new Device(-1);
  ports.claim(0x60, 0x64, device);
  assert.equal(ports.read(0x60, 4), 0xffffffff, "as an unsigned number");
  ports.write(0x64, 1, 0xfe);
  ports.read(0x5f, 1);
  ports.read(0x65, 1);
  assert.deepEqual(device.log, ["read 60 4", "write 64 1 254"]);
});

test("the later claim wins; released ports are nobody's", () => {
  const ports = new PortSpace();
  const [first, second] = [new Device(1), new Device(2)];
  ports.claim(0x100, 0x10f, first);
  ports.claim(0x108, 0x108, second);
  assert.equal(ports.read(0x107, 1), 1);
  assert.equal(ports.read(0x108, 1), 2);
  ports.release(0x100, 0x10f);
  assert.equal(ports.read(0x108, 1), 0xff);
});

test("where nobody answers there are ones, and somebody is told", () => {
  const ports = new PortSpace();
  const log: string[] = [];
  ports.onUnclaimed = (port, size, write) => log.push(`${port} ${size} ${write}`);
  assert.deepEqual(
    ([1, 2, 4] as const).map((size) => ports.read(0xffff, size)),
    [0xff, 0xffff, 0xffffffff],
  );
  ports.write(0, 2, 1);
  assert.deepEqual(log, ["65535 1 false", "65535 2 false", "65535 4 false", "0 2 true"]);
});
