/** VT events for tests: what a test does not say is 0. */
import type { ObservedEntry, ObservedExit } from "../cpu/vmx/observer.js";

const NOTHING: ObservedExit = {
  vmcs: 0x2000n,
  reason: 0,
  qualification: 0n,
  rip: 0x1000n,
  interruptionInfo: 0,
  interruptionError: 0,
  idtVectoringInfo: 0,
  idtVectoringError: 0,
  instructionLength: 0,
  instructionInfo: 0,
  guestPhysical: 0n,
  guestLinear: 0n,
  registers: Array.from({ length: 16 }, () => 0n),
};

/** @param gpr values of registers by number */
export function exitOf(
  reason: number,
  parts: Partial<ObservedExit> = {},
  gpr: Readonly<Record<number, bigint>> = {},
): ObservedExit {
  const registers = NOTHING.registers!.map((zero, i) => gpr[i] ?? zero);
  return { ...NOTHING, registers, reason, ...parts };
}

export const entryOf = (parts: Partial<ObservedEntry> = {}): ObservedEntry => ({
  vmcs: 0x2000n,
  launch: false,
  rip: 0x1000n,
  interruptionInfo: 0,
  interruptionError: 0,
  ...parts,
});
