/** Puts the state that a loader describes into a CPU. */
import type { EntryState } from "../boot/entry-state.js";
import type { Cpu } from "../cpu/cpu.js";
import { gprNames, segmentNames } from "../cpu/names.js";
import * as S from "../isa/state.js";

export function applyEntryState(cpu: Cpu, entry: EntryState): void {
  const { state } = cpu;
  for (const [i, name] of gprNames.entries()) state.setGpr(i, entry.registers[name] ?? 0n);
  state.rip = entry.rip;
  state.rflags = Number(entry.rflags);
  state.cr0 = Number(entry.cr0);
  state.cr3 = entry.cr3;
  state.cr4 = Number(entry.cr4);
  state.efer = Number(entry.efer);
  state.setU64(S.GDTR_BASE, entry.gdtBase);
  state.setU32(S.GDTR_LIMIT, entry.gdtLimit);
  state.setU64(S.IDTR_BASE, entry.idtBase);
  state.setU32(S.IDTR_LIMIT, entry.idtLimit);
  for (const [i, name] of segmentNames.entries()) state.setSegment(i, entry.segments[name]);
  state.cpl = 0;
  cpu.modeChanged();
}
