import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { ACPI_DISABLE, ACPI_ENABLE, AcpiPm, PM_TIMER_HERTZ, Pm1, SLP_TYP_S3, SLP_TYP_S5 } from "./acpi-pm.js";
import { Bench, Probe } from "./bench.test.js";

const SLP_EN = 1 << 13;

function setup(bits: 24 | 32 = 24) {
  const bench = new Bench();
  const ports = new PortSpace();
  const sci = new Probe();
  const pm = new AcpiPm(bench.timeline, sci.line, bits);
  pm.attach(ports);
  return { bench, ports, sci, pm };
}

test("ACPI enable and disable through the SMI command port", () => {
  const { ports } = setup();
  assert.equal(ports.read(0x604, 2), 0);
  ports.write(0xb2, 1, ACPI_ENABLE);
  assert.equal(ports.read(0x604, 2), 1);
  ports.write(0xb2, 1, ACPI_DISABLE);
  assert.equal(ports.read(0x604, 2), 0);
  assert.equal(ports.read(0x630, 4) & 0x20, 0x20, "APMC_EN tells SeaBIOS that there is no SMM to set up");
});

test("the PM timer counts at 3.579545 MHz and wraps at its width", () => {
  const narrow = setup();
  narrow.bench.run(1e9);
  assert.equal(narrow.ports.read(0x608, 4), PM_TIMER_HERTZ);
  narrow.bench.run(9e9);
  assert.equal(narrow.ports.read(0x608, 4), (10 * PM_TIMER_HERTZ) % 2 ** 24);
  const wide = setup(32);
  wide.bench.run(10e9);
  assert.equal(wide.ports.read(0x608, 4), 10 * PM_TIMER_HERTZ);
  assert.equal(wide.ports.read(0x609, 1), ((10 * PM_TIMER_HERTZ) >> 8) & 0xff);
});

test("TMR_STS follows the top bit and interrupts when enabled", () => {
  const { bench, ports, sci } = setup();
  bench.run(3e9);
  assert.equal(ports.read(0x600, 2), Pm1.timer);
  ports.write(0x600, 2, Pm1.timer);
  assert.equal(ports.read(0x600, 2), 0);
  ports.write(0xb2, 1, ACPI_ENABLE);
  ports.write(0x602, 2, Pm1.timer);
  bench.run(Math.floor((2 ** 24 / PM_TIMER_HERTZ) * 1e9) - 3e9);
  assert.equal(sci.level, false);
  bench.run(1000);
  assert.equal(sci.level, true);
  ports.write(0x600, 2, Pm1.timer);
  assert.equal(sci.level, false);
});

test("the power button raises SCI when enabled and SCI_EN is set", () => {
  const { ports, sci, pm } = setup();
  pm.pressPowerButton();
  ports.write(0x602, 2, Pm1.powerButton);
  assert.equal(sci.level, false);
  ports.write(0x604, 2, 1);
  assert.equal(sci.level, true);
  assert.equal(ports.read(0x600, 4), (Pm1.powerButton | (Pm1.powerButton << 16)) >>> 0);
  ports.write(0x600, 2, 0xffff);
  assert.equal(sci.level, false);
});

test("general purpose events", () => {
  const { ports, sci, pm } = setup();
  ports.write(0x604, 2, 1);
  ports.write(0x628, 2, 0x0200);
  pm.raiseGpe(9);
  assert.equal(sci.level, true);
  assert.equal(ports.read(0x620, 2), 0x0200);
  ports.write(0x621, 1, 0x02);
  assert.equal(sci.level, false);
});

test("S5 and S3", () => {
  const { ports, pm } = setup();
  const seen: string[] = [];
  pm.onPowerOff = () => seen.push("off");
  pm.onSuspend = () => seen.push("suspend");
  ports.write(0x604, 2, SLP_TYP_S3 << 10);
  assert.deepEqual(seen, [], "SLP_TYP alone does nothing");
  ports.write(0x604, 2, (SLP_TYP_S3 << 10) | SLP_EN);
  ports.write(0x604, 2, (SLP_TYP_S5 << 10) | SLP_EN);
  assert.deepEqual(seen, ["suspend", "off"]);
  assert.equal(ports.read(0x604, 2) & SLP_EN, 0, "SLP_EN reads as zero");
  pm.wake(Pm1.rtc);
  assert.equal(ports.read(0x600, 2), Pm1.wake | Pm1.rtc);
});

test("the block moves with PMBASE", () => {
  const { ports, pm } = setup();
  ports.write(0x604, 2, 1);
  pm.relocate(0xb000);
  assert.equal(ports.read(0x604, 2), 0xffff);
  assert.equal(ports.read(0xb004, 2), 1);
  pm.relocate(undefined);
  assert.equal(ports.read(0xb004, 2), 0xffff);
  assert.equal(ports.read(0xb2, 1), 0);
});

test("state survives JSON", () => {
  const { bench, ports, pm } = setup();
  ports.write(0x604, 2, 1);
  ports.write(0x602, 2, Pm1.timer);
  bench.run(1e9);
  const other = setup();
  other.bench.tick = bench.tick;
  other.pm.restore(JSON.parse(JSON.stringify(pm.save())));
  other.bench.run(2e9);
  assert.equal(other.sci.level, true);
});
