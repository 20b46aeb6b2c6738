/** The EPT pointer (SDM vol. 3, 25.6.11) and EPTP switching, VM function 0 (26.5.6.3). */
import { NOT_RAM, type PhysicalMap } from "../../memory/physical.js";

const WALK_LENGTH_4 = 3n << 3n;
const ACCESSED_DIRTY = 1n << 6n;
const MEMORY_TYPE = 7n;
const WRITE_BACK = 6n;
/** Entries of the EPTP list. */
const LIST_ENTRIES = 512;

/** EPTP bits 51:12: the address of the EPT PML4 table, with which mappings are tagged. */
export const eptpRoot = (eptp: bigint): number => Number((eptp & 0xf_ffff_ffff_ffffn) >> 12n) * 4096;

/** EPTP bit 6: accessed and dirty flags are kept. */
export const eptpAccessedDirty = (eptp: bigint): boolean => (eptp & ACCESSED_DIRTY) !== 0n;

export interface EptpRules {
  readonly physicalBits: number;
  /** IA32_VMX_EPT_VPID_CAP[21]. */
  readonly accessedDirty: boolean;
}

/** Whether VM entry accepts an EPTP: UC or WB, a page-walk length of 4, no reserved bit (SDM vol. 3, 27.2.1.1). */
export function isValidEptp(eptp: bigint, rules: EptpRules): boolean {
  const type = eptp & MEMORY_TYPE;
  if (type !== 0n && type !== WRITE_BACK) return false;
  if ((eptp & 0x38n) !== WALK_LENGTH_4) return false;
  if (eptpAccessedDirty(eptp) && !rules.accessedDirty) return false;
  return (eptp & 0xf80n) === 0n && eptp >> BigInt(rules.physicalBits) === 0n;
}

/**
 * The EPTP that VMFUNC with EAX = 0 and ECX = `index` selects; undefined where it causes a VM exit. The caller
 * writes it to the VMCS, sets the EPTP index and calls `Mmu.switchEptp`.
 *
 * @param list EPTP-list address
 */
export function eptpFromList(
  memory: DataView,
  physical: PhysicalMap,
  list: number,
  index: number,
  rules: EptpRules,
): bigint | undefined {
  if (index >>> 0 >= LIST_ENTRIES) return undefined;
  const host = physical.hostAddress(list + index * 8, false);
  if (host === NOT_RAM) return undefined;
  const eptp = memory.getBigUint64(host, true);
  return isValidEptp(eptp, rules) ? eptp : undefined;
}
