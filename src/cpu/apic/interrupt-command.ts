/**
 * What a write to the interrupt command register means (Intel SDM vol. 3, 11.6.1, tables 11-3 and 11-4).
 *
 * Invariants: IPIs are edges, whatever the trigger mode says (notes to table 11-3); an INIT level de-assert
 * does nothing on processors without an APIC bus.
 */
import { DeliveryMode, type InterruptMessage } from "../interrupt-bus.js";

export const Shorthand = { none: 0, self: 1, allIncludingSelf: 2, allExcludingSelf: 3 } as const;
export type Shorthand = (typeof Shorthand)[keyof typeof Shorthand];

const LOGICAL = 1 << 11;
const DELIVERY_STATUS = 1 << 12;
const ASSERT = 1 << 14;
const LEVEL = 1 << 15;

/** Bits of the low half that hold something. */
export const ICR_WRITABLE = 0xccfff & ~DELIVERY_STATUS;
/** Bits that x2APIC mode takes without #GP: the delivery status is gone, but silicon ignores it. */
export const ICR_LEGAL = ICR_WRITABLE | DELIVERY_STATUS;

export interface InterruptCommand {
  readonly shorthand: Shorthand;
  readonly message: InterruptMessage;
}

/** The command of an ICR; `undefined` when it sends nothing. */
export function decodeCommand(low: number, destination: number): InterruptCommand | undefined {
  const mode = (low >> 8) & 7;
  const shorthand = ((low >> 18) & 3) as Shorthand;
  const isInit = mode === DeliveryMode.init;
  // Remote read (3) is gone, and an ExtINT (7) cannot be sent by an ICR.
  if (mode === 3 || mode === DeliveryMode.extInt) return undefined;
  if (isInit && (low & LEVEL) !== 0 && (low & ASSERT) === 0) return undefined;
  if (shorthand === Shorthand.self && (isInit || mode === DeliveryMode.startup)) return undefined;
  const deliveryMode = mode as DeliveryMode;
  return {
    shorthand,
    message: { destination, logical: (low & LOGICAL) !== 0, deliveryMode, vector: low & 0xff, level: false },
  };
}

/** Fixed and lowest priority need a legal vector; the other modes have another use for it or none. */
export function hasVector(mode: DeliveryMode): boolean {
  return mode === DeliveryMode.fixed || mode === DeliveryMode.lowestPriority;
}
