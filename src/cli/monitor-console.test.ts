/** The monitor at the terminal: keys, lines, and the guest's output meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MonitorConsole } from "./monitor-console.js";
import { EscapeFilter } from "./terminal.js";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A terminal at which a test types. */
function terminal() {
  let screen = "";
  let typed = "";
  const lines: string[] = [];
  const monitor = new MonitorConsole({
    execute: (line) => {
      lines.push(line);
      return line === "" ? [] : [`${line}?`, "ok"];
    },
    write: (data) => {
      screen += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
  });
  const filter = new EscapeFilter({
    input: (data) => {
      if (monitor.open) monitor.input(data);
      else typed += new TextDecoder().decode(data);
    },
    quit: () => {},
    monitor: () => monitor.toggle(),
    say: () => {},
  });
  const take = () => {
    const text = screen;
    screen = "";
    return text;
  };
  return { monitor, lines, take, typed: () => typed, type: (text: string) => filter.feed(bytes(text)) };
}

test("Ctrl-A C goes to the monitor and back; each side gets what was typed at it", () => {
  const { type, typed, lines, take } = terminal();
  type("ls\x01cinfo vmcs\r\x01cpwd");
  assert.equal(typed(), "lspwd");
  assert.deepEqual(lines, ["info vmcs"]);
  assert.match(take(), /\(vt86\) info vmcs\r\ninfo vmcs\?\r\nok\r\n\(vt86\) \r\n$/);
});

test("backspace, Ctrl-U and keys that mean nothing", () => {
  const { type, lines } = terminal();
  type("\x01c\x7fhelq\x7fp\rx 1000\x15y\x1b[A\x1b[1;5Cz\r\r");
  assert.deepEqual(lines, ["help", "yz", ""]);
});

test("the guest's output waits while the monitor is open", () => {
  const { monitor, type, take } = terminal();
  monitor.print(bytes("before "));
  type("\x01c");
  monitor.print(bytes("meanwhile"));
  assert.match(take(), /^before \r\nvt86 monitor: .*\r\n\(vt86\) $/);
  type("\x04");
  assert.equal(take(), "\r\nmeanwhile");
  assert.equal(monitor.open, false);
});
