import assert from "node:assert/strict";
import { test } from "node:test";
import type { Uart16550 } from "../devices/uart16550/uart16550.js";
import { SerialConsole } from "./console.js";

/** A UART that takes a few bytes at a time. */
function fakeUart(room: number) {
  const received: number[] = [];
  const uart = {
    listening: true,
    onRoom: undefined as (() => void) | undefined,
    receive(bytes: ArrayLike<number>) {
      const taken = Math.min(room, bytes.length);
      for (let i = 0; i < taken; i++) received.push(bytes[i]!);
      return taken;
    },
  };
  return { uart, received };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const print = (console: SerialConsole, words: string) => {
  for (const byte of new TextEncoder().encode(words)) console.print(byte);
};

test("what is typed waits until the UART takes it, in order", () => {
  const console = new SerialConsole();
  let woken = 0;
  console.onInput = () => woken++;
  console.write("abc");
  const { uart, received } = fakeUart(2);
  console.attach(uart as unknown as Uart16550);
  console.write(new TextEncoder().encode("de"));
  uart.onRoom?.();
  uart.onRoom?.();
  uart.onRoom?.();
  assert.equal(text(Uint8Array.from(received)), "abcde");
  assert.equal(woken, 2);
});

test("what is typed waits until the guest listens", () => {
  const console = new SerialConsole();
  const { uart, received } = fakeUart(16);
  uart.listening = false;
  console.attach(uart as unknown as Uart16550);
  console.write("early");
  assert.equal(received.length, 0);
  uart.listening = true;
  uart.onRoom?.();
  assert.equal(text(Uint8Array.from(received)), "early");
});

test("output comes in pieces, to every listener, until it unlistens", () => {
  const console = new SerialConsole();
  const heard: string[] = [];
  const unlisten = console.listen((bytes) => heard.push(text(bytes)));
  print(console, "hello");
  assert.equal(heard.length, 0);
  console.flush();
  console.flush();
  print(console, "x".repeat(5000));
  console.flush();
  assert.deepEqual(
    heard.map((piece) => piece.length),
    [5, 4096, 904],
  );
  unlisten();
  print(console, "again");
  console.flush();
  assert.equal(heard.length, 3);
});

test("the stream has what was printed since it was first asked for, and ends", async () => {
  const console = new SerialConsole();
  print(console, "early");
  console.flush();
  const { readable } = console;
  assert.equal(console.readable, readable);
  print(console, "late");
  console.end();
  const pieces: string[] = [];
  const reader = readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(text(next.value));
  assert.deepEqual(pieces, ["late"]);
  console.end();
});

test("a cancelled stream takes nothing any more", async () => {
  const console = new SerialConsole();
  await console.readable.cancel();
  print(console, "unheard");
  console.end();
});
