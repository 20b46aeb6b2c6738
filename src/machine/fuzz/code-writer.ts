/** Writes the machine code of a program; knows just enough encoding for the templates of system instructions. */
import type { CodeSize } from "../../isa/instruction.js";

export class CodeWriter {
  readonly bytes = new Uint8Array(2048);
  length = 0;

  /** @param origin linear address of the first byte */
  constructor(
    readonly codeSize: CodeSize,
    readonly origin: number,
  ) {}

  get full(): boolean {
    return this.length > 1500;
  }

  emit(...bytes: readonly number[]): void {
    for (const byte of bytes) this.bytes[this.length++] = byte;
  }

  number(value: number, size: 1 | 2 | 4): void {
    for (let i = 0; i < size; i++) this.bytes[this.length++] = (value >>> (8 * i)) & 0xff;
  }

  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** MOV of an immediate to a 32-bit register (0-7). */
  load(register: number, value: number): void {
    if (this.codeSize === 16) this.emit(0x66);
    this.emit(0xb8 + register);
    this.number(value, 4);
  }

  /** MOV of an immediate to a 64-bit register in 64-bit code, else to a 32-bit one. */
  loadWide(register: number, value: bigint): void {
    if (this.codeSize !== 64) {
      this.load(register, Number(BigInt.asUintN(32, value)));
      return;
    }
    this.emit(0x48, 0xb8 + register);
    this.number(Number(value & 0xffffffffn), 4);
    this.number(Number(value >> 32n), 4);
  }

  /** `opcode` with a memory operand at an absolute 32-bit address. */
  absolute(opcode: readonly number[], reg: number, address: number): void {
    if (this.codeSize === 16) this.emit(0x67);
    this.emit(...opcode);
    if (this.codeSize === 64) this.emit(0x04 | (reg << 3), 0x25);
    else this.emit(0x05 | (reg << 3));
    this.number(address, 4);
  }

  /** Stores 32 bits. */
  store(address: number, value: number): void {
    if (this.codeSize === 16) this.emit(0x66);
    this.absolute([0xc7], 0, address);
    this.number(value, 4);
  }

  push(value: number): void {
    if (this.codeSize === 16) this.emit(0x66);
    this.emit(0x68);
    this.number(value, 4);
  }

  out(port: number, value: number, size: 1 | 2 | 4): void {
    this.load(2, port);
    this.load(0, value);
    if (size !== 1 && (size === 2) === (this.codeSize !== 16)) this.emit(0x66);
    this.emit(size === 1 ? 0xee : 0xef);
  }
}
