import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { Bench, Probe } from "./bench.test.js";
import { Rtc } from "./rtc.js";

const MS = 1_000_000;
/** The periodic flag, set at its rate whether wanted or not. */
const PF = 0x40;

function setup(start: string) {
  const bench = new Bench();
  const ports = new PortSpace();
  const irq8 = new Probe();
  const rtc = new Rtc(bench.timeline, irq8.line, Date.parse(start));
  rtc.attach(ports);
  const read = (register: number) => {
    ports.write(0x70, 1, register);
    return ports.read(0x71, 1);
  };
  const write = (register: number, value: number) => {
    ports.write(0x70, 1, register);
    ports.write(0x71, 1, value);
  };
  const time = () =>
    [0x32, 9, 8, 7, 4, 2, 0].map((register) => read(register).toString(16).padStart(2, "0")).join(" ");
  return { bench, ports, irq8, rtc, read, write, time };
}

test("the clock starts at the given time, in BCD and 24 hours", () => {
  const { time, read } = setup("2024-02-28T23:59:58Z");
  assert.equal(time(), "20 24 02 28 23 59 58");
  assert.equal(read(6), 4, "a Wednesday; Sunday is 1");
  assert.equal(read(0x0d), 0x80);
  assert.equal(read(0x0b), 0x02);
});

test("the calendar rolls over with leap years and the century", () => {
  const leap = setup("2024-02-28T23:59:58Z");
  leap.bench.run(2000 * MS);
  assert.equal(leap.time(), "20 24 02 29 00 00 00");
  leap.bench.run(86_400_000 * MS);
  assert.equal(leap.time(), "20 24 03 01 00 00 00");
  const century = setup("1999-12-31T23:59:59.500Z");
  century.bench.run(499 * MS);
  assert.equal(century.time(), "19 99 12 31 23 59 59");
  century.bench.run(1 * MS);
  assert.equal(century.time(), "20 00 01 01 00 00 00");
  assert.equal(century.read(6), 7);
});

test("12-hour and binary formats", () => {
  const { write, read, bench } = setup("2024-01-01T00:00:00Z");
  write(0x0b, 0x80);
  write(4, 0x11);
  write(2, 0x59);
  write(0, 0x59);
  write(0x0b, 0x00);
  bench.run(1000 * MS);
  assert.equal(read(4), 0x92, "11 am becomes 12 pm");
  write(0x0b, 0x86);
  write(4, 23);
  write(2, 59);
  write(0, 59);
  write(7, 30);
  write(0x0b, 0x06);
  bench.run(1000 * MS);
  assert.deepEqual([read(4), read(2), read(0), read(7)], [0, 0, 0, 31]);
});

test("UIP is set 2228 µs before the registers change and falls with them", () => {
  const { bench, read } = setup("2024-01-01T00:00:00Z");
  bench.run(1000 * MS - 2_228_001);
  assert.equal(read(0x0a), 0x26);
  bench.run(1);
  assert.equal(read(0x0a), 0xa6);
  bench.run(2_227_999);
  assert.equal(read(0x0a), 0xa6);
  assert.equal(read(0), 0x00);
  bench.run(1);
  assert.equal(read(0x0a), 0x26);
  assert.equal(read(0), 0x01);
});

test("SET holds the registers and keeps UIP clear", () => {
  const { bench, read, write } = setup("2024-01-01T00:00:00Z");
  write(0x0b, 0x92);
  assert.equal(read(0x0b), 0x82, "SET clears UIE");
  bench.run(5999 * MS);
  assert.equal(read(0x0a) & 0x80, 0);
  assert.equal(read(0), 0);
  write(0x0b, 0x02);
  bench.run(1 * MS);
  assert.equal(read(0), 1);
});

test("the first update comes half a second after the divider leaves reset", () => {
  const { bench, read, write } = setup("2024-01-01T00:00:00Z");
  write(0x0a, 0x76);
  bench.run(3_210 * MS);
  assert.equal(read(0), 0);
  write(0x0a, 0x26);
  bench.run(500 * MS - 1);
  assert.equal(read(0), 0);
  bench.run(1);
  assert.equal(read(0), 1);
});

test("update-ended interrupt", () => {
  const { bench, irq8, read, write } = setup("2024-01-01T00:00:00Z");
  bench.run(1000 * MS);
  assert.equal(read(0x0c) & ~PF, 0x10, "UF without UIE");
  write(0x0b, 0x12);
  bench.run(1000 * MS);
  assert.equal(irq8.level, true);
  assert.equal(read(0x0c) & ~PF, 0x90);
  assert.equal(irq8.level, false);
  assert.equal(read(0x0c), 0);
});

test("alarm interrupt, with and without don't-care bytes", () => {
  const { bench, irq8, read, write } = setup("2024-01-01T12:00:00Z");
  write(1, 0x05);
  write(3, 0x00);
  write(5, 0x12);
  write(0x0b, 0x22);
  bench.run(4999 * MS);
  assert.equal(irq8.level, false);
  bench.run(1 * MS);
  assert.equal(irq8.level, true);
  assert.equal(read(0x0c) & ~PF, 0xb0);
  write(3, 0xc0);
  write(5, 0xff);
  bench.run(60_000 * MS);
  assert.equal(irq8.rises, 2, "every minute at second 5");
});

test("periodic interrupt: 1024 Hz, exactly", () => {
  const { bench, irq8, read, write } = setup("2024-01-01T12:00:00Z");
  write(0x0b, 0x42);
  let interrupts = 0;
  for (let step = 0; step < 20_000; step++) {
    bench.run(100_000);
    if (irq8.level) {
      assert.equal(read(0x0c) & 0xc0, 0xc0);
      interrupts++;
    }
  }
  assert.equal(interrupts, 2048);
});

test("the periodic flag is set without its interrupt too", () => {
  const { bench, irq8, read, write } = setup("2024-01-01T12:00:00Z");
  write(0x0a, 0x2f);
  read(0x0c);
  bench.run(499 * MS);
  assert.equal(read(0x0c), 0);
  bench.run(1 * MS);
  assert.equal(read(0x0c), 0x40);
  assert.equal(irq8.rises, 0);
});

test("CMOS RAM: set by the machine, kept by reset, indexed with the NMI bit", () => {
  const { ports, rtc, read, write } = setup("2024-01-01T12:00:00Z");
  rtc.setByte(0x34, 0x12);
  assert.equal(read(0x34 | 0x80), 0x12);
  write(0x0f, 0x05);
  write(0x0b, 0x72);
  rtc.reset();
  assert.equal(read(0x0f), 0x05);
  assert.equal(read(0x0b), 0x02);
  ports.write(0x70, 2, 0xab40);
  assert.equal(rtc.getByte(0x40), 0xab, "a word write carries index and data");
  assert.equal(ports.read(0x70, 1), 0xff);
});

test("state survives JSON", () => {
  const { bench, rtc, write } = setup("2024-01-01T12:00:00.250Z");
  write(0x0b, 0x12);
  bench.run(100 * MS);
  const other = setup("1970-01-01T00:00:00Z");
  other.bench.tick = bench.tick;
  other.rtc.restore(JSON.parse(JSON.stringify(rtc.save())));
  other.bench.run(649 * MS);
  assert.equal(other.irq8.level, false);
  other.bench.run(1 * MS);
  assert.equal(other.irq8.level, true);
  assert.equal(other.time(), "20 24 01 01 12 00 01");
});
