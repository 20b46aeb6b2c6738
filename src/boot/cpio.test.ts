import assert from "node:assert/strict";
import { test } from "node:test";
import { cpioArchive } from "./cpio.js";

interface Member {
  readonly path: string;
  readonly fields: readonly number[];
  readonly data: string;
}

function read(archive: Uint8Array): Member[] {
  const text = new TextDecoder("latin1").decode(archive);
  const members: Member[] = [];
  let at = 0;
  while (at < text.length) {
    assert.equal(text.slice(at, at + 6), "070701");
    const fields = Array.from({ length: 13 }, (_, i) =>
      Number.parseInt(text.slice(at + 6 + 8 * i, at + 14 + 8 * i), 16),
    );
    const [nameSize = 0, fileSize = 0] = [fields[11], fields[6]];
    const path = text.slice(at + 110, at + 110 + nameSize - 1);
    const dataAt = Math.ceil((at + 110 + nameSize) / 4) * 4;
    members.push({ path, fields, data: text.slice(dataAt, dataAt + fileSize) });
    at = Math.ceil((dataAt + fileSize) / 4) * 4;
  }
  return members;
}

test("an archive holds files, folders, links and devices, sorted, with the folders that lead to them", () => {
  const archive = cpioArchive([
    { path: "dev/console", mode: 0o600, content: { kind: "characters", major: 5, minor: 1 } },
    { path: "a/b/hello", mode: 0o644, content: { kind: "file", data: new TextEncoder().encode("hello") } },
    { path: "a/link", mode: 0o777, content: { kind: "link", target: "b/hello" } },
  ]);
  const members = read(archive);
  const paths = ["a", "a/b", "a/b/hello", "a/link", "dev", "dev/console", "TRAILER!!!"];
  assert.deepEqual(
    members.map(({ path }) => path),
    paths,
  );
  assert.deepEqual(
    members.slice(0, -1).map(({ fields }) => fields[1]),
    [0o40755, 0o40755, 0o100644, 0o120777, 0o40755, 0o20600],
  );
  assert.equal(members[2]?.data, "hello");
  assert.equal(members[3]?.data, "b/hello");
  assert.deepEqual(members[5]?.fields.slice(9, 11), [5, 1]);
  const inodes = members.slice(0, -1).map(({ fields }) => fields[0]);
  assert.equal(new Set(inodes).size, inodes.length);
  assert.ok(
    members.every(({ fields }) => fields[5] === 0),
    "no times",
  );
});

test("the order of the entries does not matter", () => {
  const one = { path: "x", mode: 0o644, content: { kind: "file", data: Uint8Array.of(1) } } as const;
  const two = { path: "y/z", mode: 0o755, content: { kind: "folder" } } as const;
  assert.deepEqual(cpioArchive([one, two]), cpioArchive([two, one]));
});
