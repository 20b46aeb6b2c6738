/**
 * The little of a BIOS that guests look for although they were started without one.
 *
 * Kernels read the BIOS data area to learn where low memory ends (Xen puts its start-up code there), and some
 * call BIOS services from real mode without asking whether there are any. Every service answers "unsupported
 * function" (carry set, AH = 86h) here; hardware interrupts are acknowledged; a jump to F000:FFF0 resets.
 * Layout: IBM PC/AT technical reference, "ROM BIOS data areas" and "interrupt vector listing".
 */

import { type BootMemory, StructWriter } from "./guest-memory.js";
import { BIOS_STUBS, LOW_RAM_END } from "./layout.js";

const BIOS_SEGMENT = 0xf000;
const SEGMENT_BASE = BIOS_SEGMENT * 16;
const RESET_ENTRY = 0xffff0;

const SERIAL_PORTS_WORD = 0x400;
const EBDA_SEGMENT_WORD = 0x40e;
const BASE_MEMORY_WORD = 0x413;

/** push bp; mov bp,sp; or word [bp+6],1 (carry in the flags image); pop bp; mov ah,86h; iret */
const UNSUPPORTED = [0x55, 0x89, 0xe5, 0x83, 0x4e, 0x06, 0x01, 0x5d, 0xb4, 0x86, 0xcf];
/** push ax; mov al,20h; out 20h,al; pop ax; iret */
const END_OF_IRQ = [0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf];
/** The same for the second 8259: push ax; mov al,20h; out A0h,al; out 20h,al; pop ax; iret */
const END_OF_SLAVE_IRQ = [0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf];
/** mov dx,CF9h; mov al,6; out dx,al; cli; hlt; jmp $-1 */
const RESET = [0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xfa, 0xf4, 0xeb, 0xfd];

/** Writes interrupt vectors, BIOS data area and stubs. `serialPort` is COM1's address, 0 for none. */
export function writeBiosArea(memory: BootMemory, serialPort = 0x3f8): void {
  const stubs = new StructWriter();
  const stub = (code: readonly number[]): number => {
    const offset = BIOS_STUBS - SEGMENT_BASE + stubs.length;
    stubs.bytes(Uint8Array.from(code)).align(16);
    return offset;
  };
  const unsupported = stub(UNSUPPORTED);
  const irq = stub(END_OF_IRQ);
  const slaveIrq = stub(END_OF_SLAVE_IRQ);
  memory.write(BIOS_STUBS, stubs.finish());
  memory.write(RESET_ENTRY, Uint8Array.from(RESET));

  const vectors = new StructWriter();
  for (let vector = 0; vector < 256; vector++) {
    const offset =
      vector >= 0x08 && vector <= 0x0f ? irq : vector >= 0x70 && vector <= 0x77 ? slaveIrq : unsupported;
    vectors.u16(offset).u16(BIOS_SEGMENT);
  }
  memory.write(0, vectors.finish());

  const word = (address: number, value: number): void =>
    memory.write(address, new StructWriter().u16(value).finish());
  word(SERIAL_PORTS_WORD, serialPort);
  word(EBDA_SEGMENT_WORD, LOW_RAM_END / 16);
  word(BASE_MEMORY_WORD, LOW_RAM_END / 1024);
  // The first byte of the extended BIOS data area is its length in KiB.
  memory.write(LOW_RAM_END, Uint8Array.of(1));
}
