/**
 * Base class of devices behind an 8-bit bus.
 *
 * The bus splits a wider access to an 8-bit ISA or LPC device into byte accesses at ascending ports, which
 * is how `outw 70h` writes a CMOS index and its data at once.
 */
import type { PortDevice, PortSize } from "../memory/ports.js";

export abstract class BytePorts implements PortDevice {
  protected abstract readByte(port: number): number;
  protected abstract writeByte(port: number, value: number): void;

  readPort(port: number, size: PortSize): number {
    let value = 0;
    for (let byte = 0; byte < size; byte++) value |= (this.readByte(port + byte) & 0xff) << (8 * byte);
    return value >>> 0;
  }

  writePort(port: number, size: PortSize, value: number): void {
    for (let byte = 0; byte < size; byte++) this.writeByte(port + byte, (value >>> (8 * byte)) & 0xff);
  }
}
