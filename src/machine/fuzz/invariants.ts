/** What is true of a processor at rest, whatever the program did. */
import type { Cpu } from "../../cpu/cpu.js";
import { Rights, SegmentIndex } from "../../cpu/cpu-state.js";
import { Cr0, Cr4, Efer } from "../../cpu/mmu.js";
import { Flag } from "../../isa/flags.js";
import * as S from "../../isa/state.js";

const { FIELDS_END } = S;
const FILLER = 0xa5;

/** Marks what no field of the state block owns, so that {@link violations} sees a write there. */
export function markUnused(cpu: Cpu): void {
  new Uint8Array(cpu.state.memory).fill(FILLER, cpu.state.base + FIELDS_END, cpu.state.base + S.STATE_SIZE);
}

/** Rules that the state breaks, as sentences. */
export function violations(cpu: Cpu): string[] {
  const { state } = cpu;
  const broken: string[] = [];
  const rule = (holds: boolean, text: string) => {
    if (!holds) broken.push(text);
  };
  const { cr0, cr4, efer, rflags, cpl } = state;
  const has = (value: number, bits: number) => (value & bits) !== 0;
  rule((rflags & 0xffc0802a) === 2, `RFLAGS has reserved bits: ${rflags.toString(16)}`);
  rule(has(cr0, Cr0.ET), "CR0.ET is clear");
  rule((cr0 & 0x1ffaffc0) === 0, `CR0 has reserved bits: ${cr0.toString(16)}`);
  rule(!has(cr0, Cr0.PG) || has(cr0, Cr0.PE), "CR0.PG without CR0.PE");
  rule(!has(cr0, Cr0.NW) || has(cr0, Cr0.CD), "CR0.NW without CR0.CD");
  rule((cr4 & ~cpu.features.cr4Mask) === 0, `CR4 has reserved bits: ${cr4.toString(16)}`);
  for (const [offset, name] of [
    [S.CR0, "CR0"],
    [S.CR4, "CR4"],
    [S.EFER, "EFER"],
  ] as const) {
    rule(state.u32(offset + 4) === 0, `${name} has high bits`);
  }
  const paging = has(cr0, Cr0.PG);
  rule(
    has(efer, Efer.LMA) === (has(efer, Efer.LME) && paging),
    `EFER.LMA: EFER ${efer.toString(16)}, CR0 ${cr0.toString(16)}`,
  );
  rule(!has(efer, Efer.LMA) || has(cr4, Cr4.PAE), "EFER.LMA without CR4.PAE");
  rule(!has(cr4, Cr4.PCIDE) || has(efer, Efer.LMA), "CR4.PCIDE outside IA-32e mode");
  rule(cpl <= 3, `CPL ${cpl}`);
  const cs = state.rights(SegmentIndex.CS);
  const ss = state.rights(SegmentIndex.SS);
  if (!state.protectedMode) rule(cpl === 0, `CPL ${cpl} in real mode`);
  else if (state.flag(Flag.VM)) {
    rule(cpl === 3, `CPL ${cpl} in virtual-8086 mode`);
    rule(!state.longModeActive, "EFLAGS.VM in IA-32e mode");
    for (let i = 0; i < 6; i++) {
      const { selector, base, limit } = state.segment(i);
      rule(base === BigInt(selector << 4) && limit === 0xffff, `segment ${i} in virtual-8086 mode`);
    }
  } else if (has(cs, Rights.S) && (cs & 0x8) !== 0) {
    const conforming = (cs & 4) !== 0;
    const dpl = (cs >> Rights.dplShift) & 3;
    rule(conforming ? dpl <= cpl : dpl === cpl, `CPL ${cpl} with CS rights ${cs.toString(16)}`);
    if (!has(ss, Rights.unusable))
      rule(((ss >> Rights.dplShift) & 3) === cpl, `CPL ${cpl} with SS rights ${ss.toString(16)}`);
    // A task switch that triple-faults leaves a CS that could not be loaded. Real mode loads CS as writable data, which it still is after a switch to protected mode.
  } else if (!cpu.shutdown && (!has(cs, Rights.S) || (cs & 0x8a) !== 0x82))
    broken.push(`CS is no code segment: rights ${cs.toString(16)}`);
  rule(!(has(cs, Rights.L) && has(cs, Rights.DB) && state.longModeActive), "CS.L and CS.D together");
  rule(state.long || state.u32(S.RIP + 4) === 0, `RIP ${state.rip.toString(16)} outside 64-bit mode`);
  if (state.long)
    rule(
      BigInt.asUintN(64, BigInt.asIntN(48, state.rip)) === state.rip,
      `RIP ${state.rip.toString(16)} is not canonical`,
    );
  rule(state.u64(S.ZERO) === 0n, "the constant zero is not 0");
  rule(state.i32(S.PENDING) === S.Pending.none, `an exception is pending: ${state.i32(S.PENDING)}`);
  rule(state.i32(S.LEFT) === 0, `LEFT is ${state.i32(S.LEFT)}`);
  rule(
    (state.u64(S.XCR0) & ~(cpu.features.xcr0Mask | 1n)) === 0n && (state.u32(S.XCR0) & 1) === 1,
    "XCR0 is illegal",
  );
  rule((state.u32(S.MXCSR) & 0xffff0000) === 0, `MXCSR ${state.u32(S.MXCSR).toString(16)}`);
  rule(
    filledWith(cpu, state.base + FIELDS_END, S.STATE_SIZE - FIELDS_END, FILLER * 0x01010101),
    "something wrote outside the fields of the state block",
  );
  rule(filledWith(cpu, cpu.emptyPage, 4096, -1), "something wrote to the page of nothing");
  return broken;
}

function filledWith(cpu: Cpu, at: number, length: number, word: number): boolean {
  const words = new Int32Array(cpu.state.memory, at, length / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== (word | 0)) return false;
  return true;
}
