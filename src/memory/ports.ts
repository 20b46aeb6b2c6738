/**
 * The I/O port space: 65,536 byte ports, decoded by devices that claim ranges of them.
 *
 * A port that nobody claims reads as all ones and ignores writes, as on a PC. An access wider than a device
 * decodes is the device's own matter: it receives the size and answers for it.
 */

export type PortSize = 1 | 2 | 4;

/** What a device implements to be reachable through IN and OUT. `port` is the absolute port number. */
export interface PortDevice {
  /** Returns the value read, zero-extended (0 … 2^(8·size)-1). */
  readPort(port: number, size: PortSize): number;
  /** `value` is zero-extended. */
  writePort(port: number, size: PortSize, value: number): void;
}

export class PortSpace {
  private readonly owner: (PortDevice | undefined)[] = new Array(0x10000);
  /** Told of every access to a port that nobody claims; used by the log. */
  onUnclaimed: ((port: number, size: PortSize, write: boolean) => void) | undefined;

  /** Gives ports `first` … `last` (inclusive) to a device. Later claims win, as a relocated BAR does. */
  claim(first: number, last: number, device: PortDevice): void {
    for (let port = first; port <= last; port++) this.owner[port] = device;
  }

  /** Takes ports back; they read as all ones again. */
  release(first: number, last: number): void {
    for (let port = first; port <= last; port++) this.owner[port] = undefined;
  }

  read(port: number, size: PortSize): number {
    const device = this.owner[port];
    if (device) return device.readPort(port, size) >>> 0;
    this.onUnclaimed?.(port, size, false);
    return size === 1 ? 0xff : size === 2 ? 0xffff : 0xffffffff;
  }

  write(port: number, size: PortSize, value: number): void {
    const device = this.owner[port];
    if (device) device.writePort(port, size, value);
    else this.onUnclaimed?.(port, size, true);
  }
}
