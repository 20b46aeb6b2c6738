/**
 * Runs one silicon vector and compares everything with what the CPU did.
 */
import * as S from "../../isa/state.js";
import { acceptable } from "./approximation.js";
import { mappedRanges, RAM_AT, type SiliconEnvironment } from "./environment.js";
import type { SiliconVector } from "./vector.js";

const hex = (text: string) => BigInt(`0x${text}`);
const number = (text: string) => Number.parseInt(text, 16);
const COMPARED_FLAGS = 0x3e7fd5;

function hexBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = number(text.slice(i * 2, i * 2 + 2));
  return bytes;
}

const pad = (value: bigint | number, digits: number) => value.toString(16).padStart(digits, "0");

/** Differences, one sentence each; empty when the vector passes. */
export function runVector(environment: SiliconEnvironment, vector: SiliconVector): string[] {
  const { state, bytes, mode } = environment;
  const width = mode === "x64" ? 64 : 32;
  const gprs = mode === "x64" ? 16 : 8;
  const ymms = gprs;
  const { in: before, out: after } = vector;

  for (const { first, last } of mappedRanges) bytes.fill(0, RAM_AT + first, RAM_AT + last + 1);
  const expected = new Map<number, Uint8Array>();
  for (const { first, last } of mappedRanges) expected.set(first, new Uint8Array(last - first + 1));
  const place = (memory: readonly (readonly [number, string])[], real: boolean) => {
    for (const [address, text] of memory) {
      const data = hexBytes(text);
      if (real) bytes.set(data, RAM_AT + address);
      for (const [i, byte] of data.entries()) {
        const range = mappedRanges.find((r) => address + i >= r.first && address + i <= r.last);
        if (range) expected.get(range.first)![address + i - range.first] = byte;
      }
    }
  };
  place(vector.mem ?? [], true);
  const codeAt = number(before.rip!) + (mode === "x86-16" ? 0x100000 : 0);
  place([[codeAt, vector.code]], true);
  environment.dropCode();

  state.rip = hex(before.rip!);
  state.rflags = number(before.rflags!);
  const beforeGpr = before.gpr as readonly string[];
  for (let i = 0; i < 16; i++) state.setGpr(i, i < gprs ? hex(beforeGpr[i]!) : 0n);
  state.setU32(S.MXCSR, number(before.mxcsr ?? "1f80"));
  state.setU32(S.FCW, number(before.fcw ?? "037f"));
  state.setU32(S.FSW, number(before.fsw ?? "0"));
  state.setU32(S.FTW, number(before.ftw ?? "0"));
  for (const offset of [S.FIP, S.FDP]) state.setU64(offset, 0n);
  state.setU32(S.FOP, 0);
  for (let i = 0; i < 8; i++) {
    const value = hex(before.fpr?.[i] ?? "0");
    state.setU64(S.FPR + i * 16, value & 0xffffffffffffffffn);
    state.setU64(S.FPR + i * 16 + 8, value >> 64n);
  }
  for (let i = 0; i < 16; i++) {
    const value = hex(before.ymm?.[i] ?? "0");
    for (let part = 0; part < 4; part++) {
      state.setU64(S.YMM + i * 32 + part * 8, (value >> BigInt(part * 64)) & 0xffffffffffffffffn);
    }
  }
  if (mode === "x64") {
    state.setU64(S.SEGMENT_BASE + 4 * 8, hex(before.fsbase ?? "0"));
    state.setU64(S.SEGMENT_BASE + 5 * 8, hex(before.gsbase ?? "0"));
  }

  const fault = environment.runOne();

  const problems: string[] = [];
  const differ = (what: string, got: string, want: string) => {
    if (got !== want) problems.push(`${what}: ${got}, the CPU has ${want}`);
  };
  const faultText = (f: { vector: number; error: number | null; address?: bigint } | null | undefined) =>
    f ? `exception ${f.vector}${f.error === null ? "" : ` error ${f.error}`}` : "no exception";
  const errorVectors = new Set([8, 10, 11, 12, 13, 14, 17]);
  differ(
    "outcome",
    faultText(fault && { ...fault, error: errorVectors.has(fault.vector) ? fault.error : null }),
    faultText(vector.fault),
  );
  if (fault?.vector === 14 && vector.fault?.addr && !vector.undef?.faultAddr) {
    differ("CR2", pad(fault.address, 16), vector.fault.addr.padStart(16, "0"));
  }

  differ("rip", pad(state.rip, 16), pad(hex(after.rip!), 16));
  const flagMask = COMPARED_FLAGS & ~number(vector.undefFlags) & ~0x10000;
  differ("rflags", pad(state.rflags & flagMask, 6), pad(number(after.rflags!) & flagMask, 6));
  const listed = (which: Record<string, string> | readonly string[] | undefined, i: number): string | undefined =>
    (which as Record<string, string> | undefined)?.[i];
  for (let i = 0; i < gprs; i++) {
    const mask = ~hex(listed(vector.undef?.gpr, i) ?? "0") & ((1n << BigInt(width)) - 1n);
    const want = hex(listed(after.gpr, i) ?? beforeGpr[i]!);
    differ(`gpr ${i}`, pad(state.gpr(i) & mask, width / 4), pad(want & mask, width / 4));
  }
  for (let i = 0; i < ymms; i++) {
    let got = 0n;
    for (let part = 3; part >= 0; part--) got = (got << 64n) | state.u64(S.YMM + i * 32 + part * 8);
    const mask = ~hex(vector.undef?.ymm?.[i] ?? "0") & ((1n << 256n) - 1n);
    const want = hex(after.ymm?.[i] ?? before.ymm?.[i] ?? "0");
    if ((got & mask) !== (want & mask) && !acceptable(vector, got, want)) {
      differ(`ymm ${i}`, pad(got & mask, 64), pad(want & mask, 64));
    }
  }
  for (let i = 0; i < 8; i++) {
    const got = state.u64(S.FPR + i * 16) | ((state.u64(S.FPR + i * 16 + 8) & 0xffffn) << 64n);
    const want = hex(after.fpr?.[i] ?? before.fpr?.[i] ?? "0");
    if (got !== want && !acceptable(vector, got, want)) differ(`R${i}`, pad(got, 20), pad(want, 20));
  }
  const field = (name: string, offset: number, want: string, undef: string | undefined, bits = 0xffff) => {
    const mask = ~number(undef ?? "0") & bits;
    differ(name, pad(state.u32(offset) & mask, 4), pad(number(want) & mask, 4));
  };
  field("mxcsr", S.MXCSR, after.mxcsr ?? before.mxcsr ?? "1f80", vector.undef?.mxcsr, 0x3ffff);
  field("fcw", S.FCW, after.fcw ?? before.fcw ?? "037f", undefined);
  field("fsw", S.FSW, after.fsw ?? before.fsw ?? "0", vector.undef?.fsw);
  field("ftw", S.FTW, after.ftw ?? before.ftw ?? "0", vector.undef?.ftw, 0xff);
  if (mode === "x64") {
    differ("fsbase", pad(state.segmentBase(4), 16), pad(hex(after.fsbase ?? before.fsbase ?? "0"), 16));
    differ("gsbase", pad(state.segmentBase(5), 16), pad(hex(after.gsbase ?? before.gsbase ?? "0"), 16));
  }

  place(vector.outMem ?? [], false);
  const ignored = new Map<number, number>();
  for (const [address, text] of vector.undef?.mem ?? []) {
    for (const [i, byte] of hexBytes(text).entries()) ignored.set(address + i, byte);
  }
  for (const { first, last } of mappedRanges) {
    const want = expected.get(first)!;
    for (let i = 0; i <= last - first; i++) {
      const got = bytes[RAM_AT + first + i]!;
      if (got === want[i]) continue;
      const mask = ~(ignored.get(first + i) ?? 0) & 0xff;
      if ((got & mask) !== (want[i]! & mask)) {
        problems.push(`memory ${pad(first + i, 8)}: ${pad(got, 2)}, the CPU has ${pad(want[i]!, 2)}`);
        break;
      }
    }
  }
  return problems;
}
