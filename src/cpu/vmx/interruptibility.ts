/** The guest's interruptibility state as a VMCS holds it (SDM vol. 3, 25.4.2, table 25-3). */
import { SHADOW } from "../../isa/state.js";
import type { CpuContext } from "../context.js";
import { SHADOW_STI } from "../flag-instructions.js";
import { SHADOW_MOV_SS } from "../segment-load.js";

export const Interruptibility = { sti: 1, movSs: 2, smi: 4, nmi: 8 } as const;

export function readInterruptibility(context: CpuContext): number {
  const shadow = context.state.u32(SHADOW);
  const blocking =
    shadow === SHADOW_STI ? Interruptibility.sti : shadow === SHADOW_MOV_SS ? Interruptibility.movSs : 0;
  return blocking | (context.nmiBlocked ? Interruptibility.nmi : 0);
}

export function writeInterruptibility(context: CpuContext, value: number): void {
  const shadow =
    (value & Interruptibility.movSs) !== 0
      ? SHADOW_MOV_SS
      : (value & Interruptibility.sti) !== 0
        ? SHADOW_STI
        : 0;
  context.state.setU32(SHADOW, shadow);
  context.nmiBlocked = (value & Interruptibility.nmi) !== 0;
}
