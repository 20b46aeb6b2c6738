/**
 * A prompt with commands.
 */

import {
  al,
  byte,
  ecx,
  type Label,
  mem,
  qword,
  r12,
  r14,
  rbx,
  rcx,
  rdi,
  rsi,
} from "../assembler/assembler.js";
import type { Tour } from "./program.js";

export interface Command {
  readonly name: string;
  readonly help: string;
  /** A routine. */
  readonly run: Label;
}

const LINE_LENGTH = 64;
/** Of an entry of the table of commands: name, help, routine. */
const COMMAND_LENGTH = 24;

export function prompt(a: Tour, commands: readonly Command[]): void {
  const line = a.reserve("line", LINE_LENGTH);
  const table = a.label("commands");
  const help = a.label("help");
  const again = a.here("prompt");
  a.say("vt86> ");
  readLine(a, line);
  a.cmp(byte(line), 0);
  a.je(again);

  // Walks the table. Its end is an entry without a name.
  const unknown = a.label("commandUnknown");
  const found = a.label("commandFound");
  a.lea(r12, mem(table));
  const next = a.here("commandNext");
  a.mov(rsi, qword(r12));
  a.test(rsi, rsi);
  a.jz(unknown);
  a.lea(rdi, mem(line));
  const compare = a.here("commandCompare");
  const differs = a.label("commandDiffers");
  a.lodsb();
  a.cmp(al, byte(rdi));
  a.jne(differs);
  a.inc(rdi);
  a.test(al, al);
  a.jz(found);
  a.jmp(compare);
  a.bind(differs);
  a.add(r12, COMMAND_LENGTH);
  a.jmp(next);

  a.bind(found);
  a.call(qword(r12, 16));
  a.jmp(again);
  a.bind(unknown);
  a.say("  There is no such command; 'help' names them.\n");
  a.jmp(again);

  a.bind(help);
  helpText(a, table);

  const all = [{ name: "help", help: "this list", run: help }, ...commands];
  a.align(8);
  a.bind(table);
  for (const command of all) a.dq(a.text(command.name), a.text(command.help), command.run);
  a.dq(0);
}

/** Reads a line with echo; backspace takes back a character. */
function readLine(a: Tour, line: Label): void {
  const done = a.label("lineDone");
  const erase = a.label("lineErase");
  a.lea(rbx, mem(line));
  a.xor(ecx, ecx);
  const next = a.here("lineNext");
  a.call(a.readCharacter);
  for (const end of [0x0d, 0x0a]) {
    a.cmp(al, end);
    a.je(done);
  }
  for (const backspace of [0x08, 0x7f]) {
    a.cmp(al, backspace);
    a.je(erase);
  }
  a.cmp(al, 0x20);
  a.jb(next);
  a.cmp(ecx, LINE_LENGTH - 1);
  a.jae(next);
  a.mov(byte({ base: rbx, index: rcx }), al);
  a.inc(ecx);
  a.call(a.printCharacter);
  a.jmp(next);

  a.bind(erase);
  a.test(ecx, ecx);
  a.jz(next);
  a.dec(ecx);
  a.say("\b \b");
  a.jmp(next);

  a.bind(done);
  a.mov(byte({ base: rbx, index: rcx }), 0);
  a.say("\n");
}

function helpText(a: Tour, table: Label): void {
  const done = a.label("helpDone");
  a.lea(r14, mem(table));
  const next = a.here("helpNext");
  a.mov(rsi, qword(r14));
  a.test(rsi, rsi);
  a.jz(done);
  // Names are padded to a column of ten.
  a.mov(rdi, rsi);
  a.say("  ");
  a.mov(rsi, rdi);
  a.call(a.printText);
  a.mov(ecx, 10);
  const length = a.here("helpLength");
  const pad = a.label("helpPad");
  a.cmp(byte(rdi), 0);
  a.je(pad);
  a.inc(rdi);
  a.dec(ecx);
  a.jmp(length);
  a.bind(pad);
  a.mov(al, 0x20);
  a.call(a.printCharacter);
  a.dec(ecx);
  a.jnz(pad);
  a.mov(rsi, qword(r14, 8));
  a.call(a.printText);
  a.say("\n");
  a.add(r14, COMMAND_LENGTH);
  a.jmp(next);
  a.bind(done);
  a.ret();
}
