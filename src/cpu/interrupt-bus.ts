/**
 * The messages that interrupt controllers send each other (Intel SDM vol. 3, 11.11 "Message signalled
 * interrupts", and the fields of the IOAPIC redirection entry, which are the same).
 */

export const DeliveryMode = {
  fixed: 0,
  lowestPriority: 1,
  smi: 2,
  nmi: 4,
  init: 5,
  startup: 6,
  extInt: 7,
} as const;
export type DeliveryMode = (typeof DeliveryMode)[keyof typeof DeliveryMode];

export interface InterruptMessage {
  /** Destination APIC id (physical mode) or logical mask (logical mode); 0xff (xAPIC) is broadcast. */
  readonly destination: number;
  readonly logical: boolean;
  readonly deliveryMode: DeliveryMode;
  readonly vector: number;
  /** Level-triggered: the local APIC remembers it in its TMR and broadcasts the EOI. */
  readonly level: boolean;
}

/** Carries interrupt messages from IOAPIC, MSI writers and ICRs to the local APICs. */
export interface InterruptBus {
  /** Delivers a message to every local APIC that accepts it. Returns false when none did. */
  send(message: InterruptMessage): boolean;
  /** Registers a listener for EOI broadcasts of level-triggered vectors (the IOAPICs). */
  onEoi(listener: (vector: number) => void): void;
}

/** One wire. `true` is asserted. Setting the level it already has does nothing. */
export type IrqLine = (level: boolean) => void;
