import assert from "node:assert/strict";
import test from "node:test";
import { Bench, Probe } from "../../chipset/bench.test.js";
import { PortSpace } from "../../memory/ports.js";
import { Ier, Iir, Lsr, Mcr, Msr } from "./registers.js";
import { Uart16550 } from "./uart16550.js";

const NONE = Iir.fifosEnabled | Iir.none;

function setup() {
  const bench = new Bench();
  const ports = new PortSpace();
  const irq = new Probe();
  const uart = new Uart16550(bench.timeline, irq.line, 0x3f8);
  let output = "";
  uart.onOutput = (byte) => {
    output += String.fromCharCode(byte);
  };
  uart.attach(ports);
  const read = (register: number) => ports.read(0x3f8 + register, 1);
  const write = (register: number, value: number) => ports.write(0x3f8 + register, 1, value);
  /** 115200 8N1, FIFOs on with the given trigger, interrupts through. */
  const open = (trigger = 0) => {
    write(3, 0x83);
    write(0, 1);
    write(1, 0);
    write(3, 0x03);
    write(2, 0x07 | (trigger << 6));
    write(4, Mcr.dtr | Mcr.rts | Mcr.out2);
  };
  return { bench, ports, irq, uart, read, write, open, output: () => output };
}

test("what Linux's autoconfig looks at says 16550A", () => {
  const { read, write } = setup();
  write(1, 0);
  assert.equal(read(1), 0);
  write(1, 0xff);
  assert.equal(read(1), 0x0f);
  write(1, 0);
  write(4, Mcr.loop | 0x0a);
  assert.equal(read(6) & 0xf0, 0x90, "loopback");
  write(4, 0);
  assert.equal(read(2) >> 6, 0);
  write(2, 0x01);
  assert.equal(read(2) >> 6, 3);
  write(2, 0x21);
  assert.equal(read(2) & 0x20, 0, "no 64-byte FIFO");
  write(3, 0xbf);
  assert.notEqual(read(2), 0, "no enhanced feature register");
  write(3, 0);
  write(7, 0x5a);
  assert.equal(read(7), 0x5a);
});

test("the divisor latch hides data and IER", () => {
  const { read, write, output } = setup();
  write(3, 0x80);
  write(0, 0x34);
  write(1, 0x12);
  assert.deepEqual([read(0), read(1)], [0x34, 0x12]);
  write(3, 0x03);
  assert.equal(read(1), 0);
  assert.equal(output(), "");
});

test("transmission takes no time", () => {
  const { read, write, output } = setup();
  for (const character of "hello") {
    assert.equal(read(5) & 0x60, 0x60);
    write(0, character.charCodeAt(0));
  }
  assert.equal(output(), "hello");
});

test("THRE interrupt: on enabling, after each byte, cleared by reading IIR", () => {
  const { read, write, open, irq } = setup();
  open();
  write(1, Ier.transmitEmpty);
  assert.equal(irq.level, true);
  assert.equal(read(2), Iir.fifosEnabled | Iir.transmitEmpty);
  assert.equal(irq.level, false);
  assert.equal(read(2), NONE);
  write(0, 0x41);
  assert.equal(irq.level, true);
  assert.equal(irq.rises, 2);
  write(0, 0x42);
  assert.equal(irq.rises, 3, "each byte gives an edge");
  write(1, 0);
  assert.equal(irq.level, false);
  read(2);
  write(1, Ier.transmitEmpty);
  assert.equal(
    read(2),
    Iir.fifosEnabled | Iir.transmitEmpty,
    "Linux's THRE test: enabling again interrupts again",
  );
});

test("OUT2 gates the interrupt", () => {
  const { write, open, irq } = setup();
  open();
  write(4, Mcr.dtr | Mcr.rts);
  write(1, Ier.transmitEmpty);
  assert.equal(irq.level, false);
  write(4, Mcr.out2);
  assert.equal(irq.level, true);
});

test("reception with back-pressure", () => {
  const { read, uart, open } = setup();
  open();
  let pending: number[] = Array.from({ length: 40 }, (_, index) => index);
  const offer = () => {
    pending = pending.slice(uart.receive(pending));
  };
  uart.onRoom = offer;
  offer();
  assert.equal(pending.length, 24);
  const got: number[] = [];
  while (read(5) & Lsr.dataReady) got.push(read(0));
  assert.deepEqual(
    got,
    Array.from({ length: 40 }, (_, index) => index),
  );
  assert.equal(read(5) & Lsr.overrun, 0);
});

test("without FIFOs one byte is held", () => {
  const { read, uart } = setup();
  assert.equal(uart.receive([1, 2]), 1);
  assert.equal(read(0), 1);
  assert.equal(uart.receive([2]), 1);
});

test("trigger level and receive time-out", () => {
  const { bench, read, write, uart, open, irq } = setup();
  open(2);
  write(1, Ier.received);
  uart.receive([1, 2, 3, 4, 5, 6, 7]);
  assert.equal(irq.level, false, "below the trigger of 8");
  bench.run(300_000);
  assert.equal(irq.level, false);
  bench.run(50_000);
  assert.equal(read(2), Iir.fifosEnabled | Iir.timeout, "four character times of 87 µs");
  assert.equal(read(0), 1);
  assert.equal(irq.level, false, "reading clears the time-out");
  uart.receive([8, 9]);
  assert.equal(read(2), Iir.fifosEnabled | Iir.received);
  for (let index = 0; index < 7; index++) read(0);
  assert.equal(irq.level, false);
  bench.run(1e6);
  assert.equal(irq.level, true, "one byte is left");
  read(0);
  bench.run(1e6);
  assert.equal(irq.level, false);
});

test("priorities: line status, data, THRE, modem status", () => {
  const { read, write, uart, open } = setup();
  open();
  uart.setModem(Msr.cts);
  uart.receiveBreak();
  write(1, 0x0f);
  const order = [read(2) & 0x0f];
  assert.equal(read(5) & Lsr.breakInterrupt, Lsr.breakInterrupt);
  assert.equal(read(5) & Lsr.breakInterrupt, 0);
  order.push(read(2) & 0x0f);
  assert.equal(read(0), 0);
  order.push(read(2) & 0x0f);
  order.push(read(2) & 0x0f);
  assert.equal(read(6), Msr.cts | Msr.deltaDsr | Msr.deltaDcd);
  order.push(read(2) & 0x0f);
  assert.deepEqual(order, [Iir.lineStatus, Iir.received, Iir.transmitEmpty, Iir.modemStatus, Iir.none]);
});

test("modem deltas; RI counts at its trailing edge", () => {
  const { read, uart } = setup();
  uart.setModem(Msr.cts | Msr.dsr | Msr.dcd | Msr.ri);
  assert.equal(read(6), 0xf0);
  uart.setModem(Msr.cts | Msr.dsr | Msr.dcd);
  assert.equal(read(6), 0xb0 | Msr.trailingRi);
  assert.equal(read(6), 0xb0);
});

test("loopback returns bytes, overruns, and disconnects the host", () => {
  const { read, write, uart, open, output, irq } = setup();
  open();
  write(1, Ier.received);
  write(4, Mcr.loop | Mcr.out2);
  write(0, 0x5a);
  assert.equal(irq.level, false, "OUT2 is inactive in loopback mode");
  assert.equal(read(0), 0x5a);
  assert.equal(output(), "");
  assert.equal(uart.receive([1]), 0);
  for (let index = 0; index < 17; index++) write(0, index);
  assert.equal(read(5) & Lsr.overrun, Lsr.overrun);
  let room = 0;
  uart.onRoom = () => room++;
  write(2, 0x07);
  write(4, Mcr.out2);
  assert.equal(room, 1);
});

test("FCR clears the receive FIFO; toggling the FIFOs clears it too", () => {
  const { read, write, uart, open } = setup();
  open();
  uart.receive([1, 2, 3]);
  write(2, 0x03);
  assert.equal(read(5) & Lsr.dataReady, 0);
  uart.receive([1, 2, 3]);
  write(2, 0x00);
  assert.equal(read(5) & Lsr.dataReady, 0);
});

test("reset and state", () => {
  const { bench, uart, write, open, irq } = setup();
  open(2);
  write(1, Ier.received);
  uart.receive([7, 8]);
  const saved = JSON.parse(JSON.stringify(uart.save()));
  const other = setup();
  other.bench.tick = bench.tick;
  other.uart.restore(saved);
  other.bench.run(400_000);
  assert.equal(other.irq.level, true);
  assert.equal(other.read(0), 7);
  bench.run(400_000);
  assert.equal(irq.level, true);
  uart.reset();
  assert.equal(irq.level, false);
});
