/** Compares two PCs that ran the same program, one in blocks of the interpreter and one in another way. */
import { gprNames, segmentNames } from "../../cpu/names.js";
import * as S from "../../isa/state.js";
import type { FuzzPc } from "./fuzz-pc.js";

/** Scalar fields: name, offset, bytes. */
const FIELDS: readonly (readonly [string, number, 4 | 8])[] = [
  ...gprNames.map((name, i) => [name, S.GPR + i * 8, 8] as const),
  ...segmentNames.map((name, i) => [`${name} base`, S.SEGMENT_BASE + i * 8, 8] as const),
  ...segmentNames.map((name, i) => [`${name} limit`, S.SEGMENT_LIMIT + i * 4, 4] as const),
  ...segmentNames.map((name, i) => [`${name} rights`, S.SEGMENT_RIGHTS + i * 4, 4] as const),
  ...segmentNames.map((name, i) => [`${name} selector`, S.SEGMENT_SELECTOR + i * 4, 4] as const),
  ["RIP", S.RIP, 8],
  ["GDTR", S.GDTR_BASE, 8],
  ["IDTR", S.IDTR_BASE, 8],
  ["CR0", S.CR0, 8],
  ["CR2", S.CR2, 8],
  ["CR3", S.CR3, 8],
  ["CR4", S.CR4, 8],
  ["EFER", S.EFER, 8],
  ...[0, 1, 2, 3, 6, 7].map((i) => [`DR${i}`, S.DR + i * 8, 8] as const),
  ["LSTAR", S.LSTAR, 8],
  ["KERNEL_GS_BASE", S.KERNEL_GS_BASE, 8],
  ["XCR0", S.XCR0, 8],
  ["PKRU", S.PKRU, 4],
  ["MXCSR", S.MXCSR, 4],
  ["CPL", S.CPL, 4],
  ["FCW", S.FCW, 4],
  ["FSW", S.FSW, 4],
  ["FTW", S.FTW, 4],
  ["FIP", S.FIP, 8],
  ["FDP", S.FDP, 8],
];

export function differences(blocks: FuzzPc, other: FuzzPc): string[] {
  const list: string[] = [];
  const a = blocks.pc.cpu;
  const b = other.pc.cpu;
  const differ = (name: string, x: unknown, y: unknown) => {
    if (x !== y) list.push(`${name}: ${x} in blocks, else ${y}`);
  };
  differ("time", a.now(), b.now());
  differ("instructions", a.instructions, b.instructions);
  differ("halted", a.halted, b.halted);
  differ("shutdown", a.shutdown, b.shutdown);
  differ("RFLAGS", a.state.rflags.toString(16), b.state.rflags.toString(16));
  for (const [name, offset, size] of FIELDS) {
    const value = (cpu: typeof a) => (size === 8 ? cpu.state.u64(offset) : cpu.state.u32(offset));
    if (value(a) !== value(b)) differ(name, value(a).toString(16), value(b).toString(16));
  }
  for (let i = S.FPR; i < S.YMM + 512; i += 4) {
    if (a.state.u32(i) !== b.state.u32(i)) {
      list.push(`vector or x87 register at ${i.toString(16)}`);
      break;
    }
  }
  for (const { start, end, host } of blocks.pc.physical.ramRegions) {
    const x = new BigInt64Array(blocks.pc.memory.buffer, host, (end - start) / 8);
    const y = new BigInt64Array(other.pc.memory.buffer, host, (end - start) / 8);
    for (let i = 0; i < x.length; i++) {
      if (x[i] === y[i]) continue;
      list.push(`memory at ${(start + i * 8).toString(16)}`);
      break;
    }
  }
  return list;
}
