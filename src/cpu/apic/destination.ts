/**
 * Who is meant by a destination: Intel SDM vol. 3, 11.6.2 "Determining IPI destination" and 11.12.10
 * "Determining IPI destination in x2APIC mode".
 */

/** How one local APIC is addressed at this moment. */
export interface ApicAddress {
  readonly x2apic: boolean;
  /** xAPIC: 8 bits, as software wrote it. x2APIC: 32 bits. */
  readonly physicalId: number;
  /** xAPIC: the 8 bits of the LDR. x2APIC: all 32. */
  readonly logicalId: number;
  /** DFR bits 28 … 31; without meaning in x2APIC mode. */
  readonly model: number;
}

export const BROADCAST = 0xff;
export const X2APIC_BROADCAST = 0xffffffff;

const FLAT = 0xf;
const CLUSTER = 0x0;

/** The logical id that an x2APIC derives from its id: cluster in the high half, one bit in the low half. */
export function x2apicLogicalId(id: number): number {
  return (((id >>> 4) << 16) | (1 << (id & 15))) >>> 0;
}

/**
 * Whether a message reaches this APIC.
 *
 * @param wide the destination has 32 bits (sent in x2APIC mode): FFh is then an id and not the broadcast.
 */
export function isAddressed(
  apic: ApicAddress,
  destination: number,
  logical: boolean,
  wide: boolean,
): boolean {
  if (destination === X2APIC_BROADCAST || (!wide && destination === BROADCAST)) return true;
  if (!logical) return destination === apic.physicalId;
  if (apic.x2apic) {
    return destination >>> 16 === apic.logicalId >>> 16 && (destination & apic.logicalId & 0xffff) !== 0;
  }
  if (destination > 0xff) return false;
  if (apic.model === FLAT) return (destination & apic.logicalId) !== 0;
  if (apic.model !== CLUSTER) return false;
  const cluster = destination >> 4;
  // Cluster 15 stands for all clusters (11.6.2.2).
  return (cluster === 15 || cluster === apic.logicalId >> 4) && (destination & apic.logicalId & 0xf) !== 0;
}
