/** Linear addresses of accesses that TypeScript makes through a segment (SDM vol. 3, 5.3 and 5.4). */
import { Vector } from "../isa/emit.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { Fault } from "./fault.js";

/**
 * Linear address of `size` bytes at an offset; faults as the instruction would. In 64-bit mode only FS and
 * GS have a base and there are no limits.
 */
export function segmentLinear(
  context: CpuContext,
  index: number,
  offset: bigint,
  size: number,
  write: boolean,
): bigint {
  const { state } = context;
  const vector = index === SegmentIndex.SS ? Vector.SS : Vector.GP;
  if (state.long) {
    const base = index >= SegmentIndex.FS ? state.segmentBase(index) : 0n;
    const linear = BigInt.asUintN(64, base + offset);
    if (!isCanonical(state, linear)) throw new Fault(vector, 0);
    return linear;
  }
  const { rights, limit, base } = state.segment(index);
  const code = (rights & 0x8) !== 0;
  const down = !code && (rights & 0x4) !== 0;
  const first = Number(offset);
  const last = first + size - 1;
  const top = (rights & Rights.DB) !== 0 ? 0xffff_ffff : 0xffff;
  const inside = down ? first > limit && last <= top : last <= limit;
  const typed = !state.protectedMode || state.v86 || (write ? !code && (rights & 2) !== 0 : !code || (rights & 2) !== 0);
  if ((rights & Rights.unusable) !== 0 || !inside || !typed) throw new Fault(vector, 0);
  return BigInt.asUintN(32, base + offset);
}
