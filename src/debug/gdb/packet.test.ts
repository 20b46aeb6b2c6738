/** The packets of GDB's remote protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePacket, fromHex, PacketReader, toHex } from "./packet.js";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const bytes = (packet: string) => new Uint8Array(Buffer.from(packet, "latin1"));
const events = (...pieces: string[]) => {
  const reader = new PacketReader();
  return pieces
    .flatMap((piece) => [...reader.feed(bytes(piece))])
    .map((event) => (event.kind === "packet" ? text(event.data) : `<${event.kind}>`));
};

test("a packet has its checksum, and escapes for what packets are made of", () => {
  assert.equal(text(encodePacket("OK")), "$OK#9a");
  assert.equal(text(encodePacket("")), "$#00");
  assert.equal(text(encodePacket("a}b$c#d*e")), "$a}]b}\x04c}\x03d}\x0ae#51");
  assert.deepEqual(events(text(encodePacket("a}b$c#d*e"))), ["a}b$c#d*e"]);
});

test("packets arrive in pieces, or several at once, between acknowledgements", () => {
  assert.deepEqual(events("+$g#67+$", "m10,4", "#", "2", "e", "+\x03"), ["g", "m10,4", "<interrupt>"]);
  assert.deepEqual(events("$\x03#03"), ["\x03"], "03h inside a packet is no Ctrl-C");
});

test("a wrong checksum is noticed, and the next packet understood", () => {
  assert.deepEqual(events("$g#00$g#67$g#zz"), ["<garbled>", "g", "<garbled>"]);
});

test("hexadecimal", () => {
  assert.equal(toHex(Uint8Array.of(0, 15, 255)), "000fff");
  assert.deepEqual(fromHex("000fff"), Uint8Array.of(0, 15, 255));
});
