/**
 * A stack that a control transfer pushes to or pops from before anything is committed: the current one, or
 * the one of another privilege level that is about to become current.
 *
 * Invariant: only {@link StackCursor.commit} changes registers.
 */
import { Register, Vector } from "../isa/emit.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex, type SegmentRegister } from "./cpu-state.js";
import type { Descriptor } from "./descriptor.js";
import { SegmentType } from "./descriptor.js";
import { Fault } from "./fault.js";
import type { Privilege } from "./linear-memory.js";

/** The parts of a stack segment that accesses need. */
export type StackSegment = Pick<SegmentRegister, "base" | "limit" | "rights">;

export function stackSegmentOf(descriptor: Descriptor): StackSegment {
  return { base: BigInt(descriptor.base), limit: descriptor.limit, rights: descriptor.rights };
}

/** The privilege of an explicit access made for code that will run at `cpl`. */
export const privilegeOf = (cpl: number): Privilege => (cpl === 3 ? "user" : "supervisor");

export class StackCursor {
  /** Bits of RSP that the stack uses. */
  private readonly mask: bigint;

  /**
   * @param segment undefined in 64-bit mode, where a stack has no segment
   * @param error error code of the #SS that an access outside the stack raises
   */
  constructor(
    private readonly context: CpuContext,
    private readonly segment: StackSegment | undefined,
    public pointer: bigint,
    private readonly privilege: Privilege,
    private readonly error: number,
  ) {
    this.mask =
      segment === undefined
        ? 0xffff_ffff_ffff_ffffn
        : (segment.rights & Rights.DB) !== 0
          ? 0xffff_ffffn
          : 0xffffn;
    this.pointer &= this.mask;
  }

  /** The stack in use. */
  static current(context: CpuContext, error = 0): StackCursor {
    const { state } = context;
    const segment = state.long ? undefined : state.segment(SegmentIndex.SS);
    return new StackCursor(context, segment, state.gpr(Register.RSP), "current", error);
  }

  private linear(offset: bigint, size: number): bigint {
    const { segment } = this;
    if (segment === undefined) {
      const { state } = this.context;
      if (!isCanonical(state, offset) || !isCanonical(state, BigInt.asUintN(64, offset + BigInt(size - 1)))) {
        throw new Fault(Vector.SS, this.error);
      }
      return offset;
    }
    const first = Number(offset);
    const last = first + size - 1;
    const down = (segment.rights & (SegmentType.code | SegmentType.expandDown)) === SegmentType.expandDown;
    const inside = down
      ? first > segment.limit && last <= ((segment.rights & Rights.DB) !== 0 ? 0xffff_ffff : 0xffff)
      : last <= segment.limit;
    if (!inside || (segment.rights & Rights.unusable) !== 0) throw new Fault(Vector.SS, this.error);
    return BigInt.asUintN(32, segment.base + offset);
  }

  push(value: bigint, size: 2 | 4 | 8): void {
    const top = (this.pointer - BigInt(size)) & this.mask;
    this.context.memory.write(this.linear(top, size), size, BigInt.asUintN(size * 8, value), this.privilege);
    this.pointer = top;
  }

  pop(size: 2 | 4 | 8): bigint {
    const value = this.context.memory.read(this.linear(this.pointer, size), size, this.privilege);
    this.pointer = (this.pointer + BigInt(size)) & this.mask;
    return value;
  }

  /** Reads without popping, `depth` bytes above the top. */
  peek(size: 2 | 4 | 8, depth: number): bigint {
    const at = (this.pointer + BigInt(depth)) & this.mask;
    return this.context.memory.read(this.linear(at, size), size, this.privilege);
  }

  /** Skips bytes, as the immediate of RET does. */
  skip(bytes: number): void {
    this.pointer = (this.pointer + BigInt(bytes)) & this.mask;
  }

  /** Makes this the stack pointer; bits that the stack does not use keep their value. */
  commit(): void {
    const { state } = this.context;
    if (this.mask === 0xffffn) {
      state.setGpr(Register.RSP, (state.gpr(Register.RSP) & ~0xffffn) | this.pointer);
    } else state.setGpr(Register.RSP, this.pointer);
  }
}
