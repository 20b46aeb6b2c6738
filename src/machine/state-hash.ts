/**
 * A fingerprint of a machine's state: guest RAM and the architectural state of the CPU. Two runs of the same
 * guest with `clock: "virtual"` have the same one, whatever executed them.
 */

import { gprNames, segmentNames } from "../cpu/names.js";
import * as S from "../isa/state.js";
import type { Pc } from "./pc.js";

export async function stateHash(pc: Pc): Promise<string> {
  const { state } = pc.cpu;
  const text: string[] = [];
  for (const i of gprNames.keys()) text.push(state.gpr(i).toString(16));
  text.push(
    state.rip.toString(16),
    state.rflags.toString(16),
    pc.cpu.now().toString(),
    pc.cpu.instructions.toString(),
  );
  for (const i of segmentNames.keys()) {
    const { selector, base, limit, rights } = state.segment(i);
    text.push(`${selector}:${base}:${limit}:${rights}`);
  }
  for (const offset of [
    S.CR0,
    S.CR2,
    S.CR3,
    S.CR4,
    S.EFER,
    S.STAR,
    S.LSTAR,
    S.CSTAR,
    S.FMASK,
    S.KERNEL_GS_BASE,
    S.XCR0,
  ]) {
    text.push(state.u64(offset).toString(16));
  }
  for (const offset of [S.MXCSR, S.FCW, S.FSW, S.FTW]) text.push(state.u32(offset).toString(16));
  const bytes = new Uint8Array(pc.memory.buffer);
  const registers = bytes.subarray(state.base + S.FPR, state.base + S.YMM + 512);
  const parts: Uint8Array<ArrayBuffer>[] = [new TextEncoder().encode(text.join(",")), registers.slice()];
  for (const { start, end, host } of pc.physical.ramRegions) {
    parts.push(new Uint8Array(pc.memory.buffer, host, end - start));
  }
  const digests: string[] = [];
  for (const part of parts) {
    const digest = await crypto.subtle.digest("SHA-256", part);
    digests.push(Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join(""));
  }
  const whole = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(digests.join("")));
  return Array.from(new Uint8Array(whole), (b) => b.toString(16).padStart(2, "0")).join("");
}
