/**
 * The registers of a CPU as plain data, by the manuals' names: for the debugger, tests and people.
 */

import type { CpuState, SegmentRegister } from "../cpu/cpu-state.js";
import { gprNames, segmentNames } from "../cpu/names.js";

export interface RegisterFile {
  readonly gpr: Readonly<Record<(typeof gprNames)[number], bigint>>;
  readonly rip: bigint;
  readonly rflags: bigint;
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly segments: Readonly<Record<(typeof segmentNames)[number], SegmentRegister>>;
}

export function readRegisters(state: CpuState): RegisterFile {
  return {
    gpr: Object.fromEntries(gprNames.map((name, i) => [name, state.gpr(i)])) as RegisterFile["gpr"],
    rip: state.rip,
    rflags: BigInt(state.rflags),
    cr0: BigInt(state.cr0),
    cr2: state.cr2,
    cr3: state.cr3,
    cr4: BigInt(state.cr4),
    efer: BigInt(state.efer),
    segments: Object.fromEntries(
      segmentNames.map((name, i) => [name, state.segment(i)]),
    ) as RegisterFile["segments"],
  };
}
