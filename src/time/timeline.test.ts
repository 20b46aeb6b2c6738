import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "./timeline.js";

function setup() {
  let now = 0;
  const fired: string[] = [];
  const timeline = new Timeline(() => now);
  const event = (name: string, then?: (at: number) => void) =>
    timeline.event(name, (at) => {
      fired.push(`${name}@${at}`);
      then?.(at);
    });
  /** Lets time pass to a tick, as a CPU that looks at every deadline. */
  const goTo = (tick: number) => {
    while (timeline.next <= tick) {
      now = Math.max(now, timeline.next);
      timeline.runDue(now);
    }
    now = tick;
  };
  return { timeline, event, fired, goTo };
}

test("events fire in the order of their ticks, once", () => {
  const { timeline, event, fired, goTo } = setup();
  event("late").arm(30);
  event("early").arm(10);
  event("never");
  assert.equal(timeline.next, 10);
  goTo(100);
  assert.deepEqual(fired, ["early@10", "late@30"]);
  assert.equal(timeline.next, Number.POSITIVE_INFINITY);
  assert.equal(timeline.now(), 100);
});

test("at one tick they fire in the order in which they were armed", () => {
  const { event, fired, goTo } = setup();
  const [a, b, c] = [event("a"), event("b"), event("c")];
  c.arm(5);
  a.arm(5);
  b.arm(5);
  // Arming again puts it at the end.
  c.arm(5);
  goTo(5);
  assert.deepEqual(fired, ["a@5", "b@5", "c@5"]);
});

test("arming again moves an event, cancelling takes it away", () => {
  const { event, fired, goTo } = setup();
  const [moved, gone] = [event("moved"), event("gone")];
  moved.arm(10);
  gone.arm(20);
  assert.equal(moved.at, 10);
  moved.arm(40);
  gone.cancel();
  assert.equal(gone.at, Number.POSITIVE_INFINITY);
  goTo(30);
  assert.deepEqual(fired, []);
  goTo(50);
  assert.deepEqual(fired, ["moved@40"]);
});

test("an event may arm itself again: a periodic timer", () => {
  const { timeline, fired, goTo } = setup();
  const tick = timeline.event("tick", (now) => {
    fired.push(`${now}`);
    tick.arm(now + 10);
  });
  tick.arm(10);
  goTo(35);
  assert.deepEqual(fired, ["10", "20", "30"]);
  assert.equal(timeline.next, 40);
});

test("an event may cancel one that is due at the same tick", () => {
  const { event, fired, goTo } = setup();
  const second = event("second");
  event("first", () => second.cancel()).arm(5);
  second.arm(5);
  goTo(5);
  assert.deepEqual(fired, ["first@5"]);
});

test("late: what is overdue fires with the tick of now", () => {
  const { timeline, event, fired } = setup();
  event("b").arm(20);
  event("a").arm(10);
  timeline.runDue(100);
  assert.deepEqual(fired, ["a@100", "b@100"]);
});

test("whoever runs is told only of an earlier deadline", () => {
  const { timeline, event } = setup();
  let told = 0;
  timeline.onEarlier = () => told++;
  const [a, b] = [event("a"), event("b")];
  a.arm(50);
  b.arm(60);
  b.arm(40);
  b.cancel();
  a.arm(70);
  assert.equal(told, 2);
});
