/**
 * The MSI capability (PCI Local Bus 3.0, 6.8.1) with 64-bit addresses and per-vector masks.
 *
 * A message is a memory write of the function: it leaves through `write`, which carries it over the DMA path
 * of its requester, so that an IOMMU can remap it. {@link decodeMsi} is what stands at the far end.
 */
import type { DeliveryMode, InterruptMessage } from "../../cpu/interrupt-bus.js";
import type { ConfigSpace } from "./config-space.js";

const CAPABILITY_ID = 0x05;
const LENGTH = 24;
const CONTROL = 2;
const ADDRESS = 4;
const ADDRESS_HIGH = 8;
const DATA = 12;
const MASK = 16;
const PENDING = 20;

const CONTROL_ENABLE = 0x0001;
const CONTROL_MULTIPLE_ENABLE_SHIFT = 4;
const CONTROL_64BIT = 0x0080;
const CONTROL_MASKABLE = 0x0100;

/** The memory write that is a message signalled interrupt. */
export type MsiWrite = (addressLow: number, addressHigh: number, data: number) => void;

/**
 * The interrupt message of a write to FEEx_xxxxh in compatibility format (Intel SDM vol. 3, 11.11);
 * `undefined` when the address is not one.
 */
export function decodeMsi(
  addressLow: number,
  addressHigh: number,
  data: number,
): InterruptMessage | undefined {
  if (addressHigh !== 0 || addressLow >>> 20 !== 0xfee) return undefined;
  return {
    destination: (addressLow >>> 12) & 0xff,
    logical: (addressLow & 0x04) !== 0,
    deliveryMode: ((data >> 8) & 7) as DeliveryMode,
    vector: data & 0xff,
    level: (data & 0x8000) !== 0 && (data & 0x4000) !== 0,
  };
}

export class MsiCapability {
  readonly offset: number;

  /** @param vectors messages that the function can send: 1, 2, 4 … 32. */
  constructor(
    private readonly config: ConfigSpace,
    private readonly vectors: number,
    private readonly write: MsiWrite,
  ) {
    const log = Math.log2(vectors);
    if (!Number.isInteger(log) || log > 5) throw new RangeError(`MSI cannot have ${vectors} vectors`);
    this.offset = config.capability(CAPABILITY_ID, LENGTH);
    const mask = 2 ** vectors - 1;
    config.define(this.offset + CONTROL, 2, (log << 1) | CONTROL_64BIT | CONTROL_MASKABLE, 0x0071);
    config.define(this.offset + ADDRESS, 4, 0, 0xfffffffc);
    config.define(this.offset + ADDRESS_HIGH, 4, 0, 0xffffffff);
    config.define(this.offset + DATA, 2, 0, 0xffff);
    config.define(this.offset + MASK, 4, 0, mask);
    config.define(this.offset + PENDING, 4, 0);
    config.onWrite(this.offset + CONTROL, 2, () => this.sendPending());
    config.onWrite(this.offset + MASK, 4, () => this.sendPending());
  }

  get enabled(): boolean {
    return (this.config.get(this.offset + CONTROL, 2) & CONTROL_ENABLE) !== 0;
  }

  /** Sends message `vector`, or keeps it pending while it is masked. Does nothing while MSI is off. */
  raise(vector: number): void {
    if (!this.enabled) return;
    const bit = (1 << (vector % this.allocated)) >>> 0;
    if (this.config.get(this.offset + MASK, 4) & bit) this.setPending(this.pending | bit);
    else this.send(vector % this.allocated);
  }

  /** Messages that software granted, which may be fewer than the function has. */
  private get allocated(): number {
    const log = (this.config.get(this.offset + CONTROL, 2) >> CONTROL_MULTIPLE_ENABLE_SHIFT) & 7;
    return Math.min(1 << log, this.vectors);
  }

  private get pending(): number {
    return this.config.get(this.offset + PENDING, 4);
  }

  private setPending(bits: number): void {
    this.config.set(this.offset + PENDING, 4, bits >>> 0);
  }

  private sendPending(): void {
    if (!this.enabled) {
      this.setPending(0);
      return;
    }
    const ready = this.pending & ~this.config.get(this.offset + MASK, 4);
    if (ready === 0) return;
    this.setPending(this.pending & ~ready);
    for (let vector = 0; vector < this.vectors; vector++) if (ready & (1 << vector)) this.send(vector);
  }

  private send(vector: number): void {
    const { config, offset } = this;
    // The function replaces the low bits of the data by the vector number.
    const data = (config.get(offset + DATA, 2) & ~(this.allocated - 1)) | vector;
    this.write(config.get(offset + ADDRESS, 4), config.get(offset + ADDRESS_HIGH, 4), data);
  }
}
