/**
 * The shape of the house: which room may import from which, how long a file may be.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** The rooms from top to bottom (ARCHITECTURE.md). Imports go down; rooms of one line do not know each other. */
const floors = [
  ["index"],
  ["bench"],
  ["cli", "web"],
  ["inspect"],
  ["debug"],
  ["machine"],
  ["guests"],
  ["boot"],
  ["devices"],
  ["iommu"],
  ["chipset"],
  ["engine"],
  ["cpu"],
  ["isa"],
  ["wasm"],
  ["memory"],
  ["time"],
  ["host"],
];
/** The longest that a file may be; tests, which are lists of cases, may be a little longer. */
const MOST_LINES = { source: 400, test: 500 } as const;
/** Files that are longer still, and how long they may be at most until they are split up. */
const longer = new Map([
  ["cpu/cpu.ts", 676],
  ["cpu/mmu.ts", 440],
  ["engine/interpreter/code-cache.ts", 485],
  ["engine/interpreter/interpreter.ts", 410],
  ["machine/fuzz/templates.ts", 420],
  ["machine/vmx.test.ts", 600],
]);

const source = join(dirname(fileURLToPath(import.meta.url)), "../src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts"))
  .sort();
const textOf = new Map(files.map((name) => [name, readFileSync(join(source, name), "utf8")]));

/** The room of a file: its first folder; files of no folder make up the package's public surface. */
const roomOf = (name: string) => (name.includes("/") ? name.slice(0, name.indexOf("/")) : "index");
const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room));

/** Paths, relative to src, of what a file imports or re-exports from other files of the project. */
function importsOf(name: string): string[] {
  const text = textOf.get(name) ?? "";
  const found = text.matchAll(/(?:^|[\s;])(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, path = ""]) => posix.join(posix.dirname(name), path).replace(/\.js$/, ".ts"));
}

test("every folder of src is a room of the house", () => {
  assert.deepEqual(
    [...new Set(files.map(roomOf))].filter((room) => floorOf(room) < 0),
    [],
  );
});

test("imports go down the list of rooms, never up", () => {
  const wrong: string[] = [];
  for (const name of files) {
    for (const target of importsOf(name)) {
      const [from, to] = [roomOf(name), roomOf(target)];
      if (from !== to && floorOf(to) <= floorOf(from)) wrong.push(`${name} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("what is imported exists", () => {
  const wrong = files.flatMap((name) =>
    importsOf(name)
      .filter((target) => !textOf.has(target))
      .map((target) => `${name} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

const isTest = (name: string) => /\.(test|long)(\.helper)?\.ts$/.test(name);

test("nothing but tests imports a test's file", () => {
  const wrong = files.flatMap((name) =>
    isTest(name)
      ? []
      : importsOf(name)
          .filter(isTest)
          .map((target) => `${name} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test("no file is too long", () => {
  const wrong = [...textOf].flatMap(([name, text]) => {
    const lines = text.split("\n").length - 1;
    const most = longer.get(name) ?? MOST_LINES[isTest(name) ? "test" : "source"];
    return lines > most ? [`${name}: ${lines}`] : [];
  });
  assert.deepEqual(wrong, []);
});
