/**
 * An x86 assembler for vt86's own guests: each instruction is a method, named as in the manual.
 *
 *     const a = new Assembler(0x100000, 64);
 *     const again = a.here("again");
 *     a.mov(rax, qword(counter));
 *     a.add(rax, 1);
 *     a.jnz(again);
 *     const program = a.finish();
 *
 * Its layers, from the bytes up: `code-buffer`, `encoder`, then the instructions by family. What the processor
 * can't encode is an Error that says why.
 */

import { Vmx } from "./vmx.js";

export class Assembler extends Vmx {}

export { type Immediate, Label, type Place } from "./label.js";
export { byte, dword, type Memory, mem, qword, word } from "./memory.js";
export * from "./registers.js";
