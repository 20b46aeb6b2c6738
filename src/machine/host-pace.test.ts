/** Guest time and the host's clock, with a clock that the tests move. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HostPace } from "./host-pace.js";

const MS = 1_000_000;
const SECOND = 1000 * MS;

class Clock {
  now = 5000;
  readonly pace = new HostPace(() => this.now);
  constructor() {
    this.pace.begin(0);
  }

  /** The guest sleeps; the host waits as long as it is told. Returns how long, in milliseconds, and the tick then. */
  sleep(from: number, until: number): { host: number; tick: number } {
    const began = this.now;
    let tick = from;
    while (tick < until) {
      this.now += Math.max(this.pace.sleep(tick, until), 0.01);
      this.pace.slept(tick);
      tick = this.pace.follow(tick, until);
    }
    return { host: this.now - began, tick };
  }
}

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 0.1, `${actual}, not ${expected}`);

test("a guest that computes and lags behind is moved forward in small steps", () => {
  const { pace } = new Clock();
  const clock = new Clock();
  clock.now += 100;
  assert.equal(clock.pace.follow(10 * MS, undefined), 10.5 * MS);
  assert.equal(clock.pace.follow(99.9 * MS, undefined), 100 * MS);
  assert.equal(clock.pace.follow(200 * MS, undefined), 200 * MS, "never backwards");
  assert.equal(pace.follow(0, undefined), 0);
});

test("a guest that sleeps is moved to the host's time, but not beyond its next event", () => {
  const clock = new Clock();
  clock.now += 100;
  assert.equal(clock.pace.follow(10 * MS, 50 * MS), 50 * MS);
  assert.equal(clock.pace.follow(10 * MS, SECOND), 100 * MS);
});

test("a lag of more than a second is given up", () => {
  const clock = new Clock();
  clock.now += 60_000;
  clock.pace.follow(0, undefined);
  assert.equal(clock.pace.follow(0, 100 * SECOND), SECOND, "while it computed");
  clock.now += 60_000;
  assert.equal(clock.pace.follow(SECOND, 2 * SECOND), 2 * SECOND);
  assert.equal(
    clock.pace.follow(2 * SECOND, 100 * SECOND),
    3 * SECOND,
    "while it slept, and its timer ran out",
  );
});

test("a sleep lasts as long as it says, and so does the next one", () => {
  for (const length of [30 * MS, 60 * SECOND]) {
    const clock = new Clock();
    for (const from of [0, length]) {
      const { host, tick } = clock.sleep(from, from + length);
      near(host, length / MS);
      assert.equal(tick, from + length);
    }
  }
});

test("a guest that is ten seconds ahead sleeps a quarter longer, not ten seconds", () => {
  const clock = new Clock();
  near(clock.sleep(10 * SECOND, 10 * SECOND + 40 * MS).host, 50);
  // So the lead becomes less: fifty seconds later there is none.
  near(clock.sleep(10 * SECOND + 40 * MS, 70 * SECOND).host, 70_000 - 50);
  near(clock.sleep(70 * SECOND, 70 * SECOND + 40 * MS).host, 40);
});

test("input that ends a sleep early finds time moved on as far", () => {
  const clock = new Clock();
  clock.pace.sleep(SECOND, 2 * SECOND);
  clock.now += 10;
  clock.pace.slept(SECOND);
  assert.equal(clock.pace.follow(SECOND, 2 * SECOND), SECOND + 8 * MS);
});
