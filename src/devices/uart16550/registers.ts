/**
 * The registers of the NS16550A (National Semiconductor data sheet, "PC16550D", table II), as data.
 */

/** Offsets from the base port. Several registers share one: by direction, or by DLAB in LCR. */
export const Register = {
  /** RBR when read, THR when written; divisor latch low while DLAB is set. */
  data: 0,
  /** Interrupt enable; divisor latch high while DLAB is set. */
  ier: 1,
  /** IIR when read, FCR when written. */
  iir: 2,
  lcr: 3,
  mcr: 4,
  lsr: 5,
  msr: 6,
  scr: 7,
} as const;

/** Interrupt enable register. */
export const Ier = {
  received: 0x01,
  transmitEmpty: 0x02,
  lineStatus: 0x04,
  modemStatus: 0x08,
  writable: 0x0f,
} as const;

/** Interrupt identification, highest priority first. */
export const Iir = {
  lineStatus: 0x06,
  received: 0x04,
  timeout: 0x0c,
  transmitEmpty: 0x02,
  modemStatus: 0x00,
  none: 0x01,
  fifosEnabled: 0xc0,
} as const;

/** FIFO control register. */
export const Fcr = {
  enable: 0x01,
  clearReceive: 0x02,
  clearTransmit: 0x04,
  dmaMode: 0x08,
  triggerShift: 6,
} as const;

/** Bytes in the receive FIFO that raise an interrupt, by bits 7:6 of FCR. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
export const FIFO_SIZE = 16;

/** Line control register. */
export const Lcr = { wordLength: 0x03, stopBits: 0x04, parity: 0x08, setBreak: 0x40, dlab: 0x80 } as const;

/** Modem control register. */
export const Mcr = { dtr: 0x01, rts: 0x02, out1: 0x04, out2: 0x08, loop: 0x10, writable: 0x1f } as const;

/** Line status register. */
export const Lsr = {
  dataReady: 0x01,
  overrun: 0x02,
  parity: 0x04,
  framing: 0x08,
  breakInterrupt: 0x10,
  transmitEmpty: 0x20,
  transmitterIdle: 0x40,
  fifoError: 0x80,
  /** The bits that raise a receiver line status interrupt. */
  errors: 0x1e,
} as const;

/** Modem status register: deltas in the low half, levels in the high half. */
export const Msr = {
  deltaCts: 0x01,
  deltaDsr: 0x02,
  trailingRi: 0x04,
  deltaDcd: 0x08,
  cts: 0x10,
  dsr: 0x20,
  ri: 0x40,
  dcd: 0x80,
  levels: 0xf0,
} as const;

/** Frequency of the crystal divided by 16: the baud rate at divisor 1. */
export const BAUD_BASE = 115200;

/** Base port and ISA interrupt of COM1 … COM4. */
export const COM_PORTS = [
  { base: 0x3f8, irq: 4 },
  { base: 0x2f8, irq: 3 },
  { base: 0x3e8, irq: 4 },
  { base: 0x2e8, irq: 3 },
] as const;
