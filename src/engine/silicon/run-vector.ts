/**
 * Runs one silicon vector and compares everything with what the CPU did.
 */
import * as S from "../../isa/state.js";
import { acceptable } from "./approximation.js";
import {
  mappedRanges,
  RAM_AT,
  RAM_SIZE,
  type RecordedFault,
  type SiliconEnvironment,
} from "./environment.js";
import type { SiliconVector } from "./vector.js";

const hex = (text: string) => BigInt(`0x${text}`);
const number = (text: string) => Number.parseInt(text, 16);
const pad = (value: bigint | number, digits: number) => value.toString(16).padStart(digits, "0");

/** CF PF AF ZF SF TF IF DF OF, IOPL, NT, RF, VM, AC, VIF, VIP, ID; RF is left out, as in the recordings. */
const COMPARED_FLAGS = 0x3e7fd5 & ~0x10000;
/** Exceptions that push an error code. */
const withError = new Set([8, 10, 11, 12, 13, 14, 17]);
const FS = 4;
const GS = 5;

/** What memory must hold afterwards, by guest address; outside the mapped ranges it stays zero. */
const expected = new Uint8Array(RAM_SIZE);

function hexBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = number(text.slice(i * 2, i * 2 + 2));
  return bytes;
}

/** Registers that exist in the mode: general and vector ones alike. */
const registerCount = (environment: SiliconEnvironment) => (environment.mode === "x64" ? 16 : 8);

function loadMemory({ bytes, mode }: SiliconEnvironment, vector: SiliconVector): void {
  for (const { first, last } of mappedRanges) {
    bytes.fill(0, RAM_AT + first, RAM_AT + last + 1);
    expected.fill(0, first, last + 1);
  }
  const codeAt = number(vector.in.rip) + (mode === "x86-16" ? 0x100000 : 0);
  for (const [address, text] of [...(vector.mem ?? []), [codeAt, vector.code] as const]) {
    const data = hexBytes(text);
    bytes.set(data, RAM_AT + address);
    expected.set(data, address);
  }
}

function loadRegisters(environment: SiliconEnvironment, { in: before }: SiliconVector): void {
  const { state, mode } = environment;
  const count = registerCount(environment);
  state.rip = hex(before.rip);
  state.rflags = number(before.rflags);
  for (let i = 0; i < 16; i++) state.setGpr(i, i < count ? hex(before.gpr[i]!) : 0n);
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
    state.setU64(S.SEGMENT_BASE + FS * 8, hex(before.fsbase ?? "0"));
    state.setU64(S.SEGMENT_BASE + GS * 8, hex(before.gsbase ?? "0"));
  }
}

/** Collects what differs. */
class Comparison {
  readonly problems: string[] = [];
  constructor(
    private readonly environment: SiliconEnvironment,
    private readonly vector: SiliconVector,
  ) {}

  private differ(what: string, got: string, want: string): void {
    if (got !== want) this.problems.push(`${what}: ${got}, the CPU has ${want}`);
  }

  fault(got: RecordedFault | undefined): void {
    const { fault: want, undef } = this.vector;
    const text = (vector: number, error: number | null) =>
      `exception ${vector}${error === null || !withError.has(vector) ? "" : ` error ${error}`}`;
    this.differ(
      "outcome",
      got ? text(got.vector, got.error) : "no exception",
      want ? text(want.vector, want.error) : "no exception",
    );
    if (got?.vector === 14 && want?.addr && !undef?.faultAddr) {
      this.differ("CR2", pad(got.address, 16), want.addr.padStart(16, "0"));
    }
  }

  registers(): void {
    const { environment, vector } = this;
    const { state, mode } = environment;
    const { in: before, out: after, undef } = vector;
    const count = registerCount(environment);
    const bits = mode === "x64" ? 64 : 32;
    this.differ("rip", pad(state.rip, 16), pad(hex(after.rip), 16));
    const flags = COMPARED_FLAGS & ~number(vector.undefFlags);
    this.differ("rflags", pad(state.rflags & flags, 6), pad(number(after.rflags) & flags, 6));
    for (let i = 0; i < count; i++) {
      const mask = ~hex(undef?.gpr?.[i] ?? "0") & ((1n << BigInt(bits)) - 1n);
      const want = hex(after.gpr?.[i] ?? before.gpr[i]!);
      this.differ(`gpr ${i}`, pad(state.gpr(i) & mask, bits / 4), pad(want & mask, bits / 4));
    }
    for (let i = 0; i < count; i++) {
      let got = 0n;
      for (let part = 3; part >= 0; part--) got = (got << 64n) | state.u64(S.YMM + i * 32 + part * 8);
      const mask = ~hex(undef?.ymm?.[i] ?? "0") & ((1n << 256n) - 1n);
      const want = hex(after.ymm?.[i] ?? before.ymm?.[i] ?? "0");
      if (acceptable(vector, got, want)) continue;
      this.differ(`ymm ${i}`, pad(got & mask, 64), pad(want & mask, 64));
    }
    for (let i = 0; i < 8; i++) {
      const got = state.u64(S.FPR + i * 16) | ((state.u64(S.FPR + i * 16 + 8) & 0xffffn) << 64n);
      const want = hex(after.fpr?.[i] ?? before.fpr?.[i] ?? "0");
      if (!acceptable(vector, got, want)) this.differ(`R${i}`, pad(got, 20), pad(want, 20));
    }
    this.field("mxcsr", S.MXCSR, after.mxcsr ?? before.mxcsr ?? "1f80", undef?.mxcsr, 0x3ffff);
    this.field("fcw", S.FCW, after.fcw ?? before.fcw ?? "037f", undefined, 0xffff);
    this.field("fsw", S.FSW, after.fsw ?? before.fsw ?? "0", undef?.fsw, 0xffff);
    this.field("ftw", S.FTW, after.ftw ?? before.ftw ?? "0", undef?.ftw, 0xff);
    if (mode === "x64") {
      this.differ(
        "fsbase",
        pad(state.segmentBase(FS), 16),
        pad(hex(after.fsbase ?? before.fsbase ?? "0"), 16),
      );
      this.differ(
        "gsbase",
        pad(state.segmentBase(GS), 16),
        pad(hex(after.gsbase ?? before.gsbase ?? "0"), 16),
      );
    }
  }

  private field(name: string, offset: number, want: string, undef: string | undefined, bits: number): void {
    const mask = ~number(undef ?? "0") & bits;
    this.differ(name, pad(this.environment.state.u32(offset) & mask, 4), pad(number(want) & mask, 4));
  }

  memory(): void {
    const { environment, vector } = this;
    const { bytes } = environment;
    for (const [address, text] of vector.outMem ?? []) expected.set(hexBytes(text), address);
    for (const [address, text] of vector.undef?.mem ?? []) {
      // An undefined bit may be anything: expect what is there.
      for (const [i, mask] of hexBytes(text).entries()) {
        const at = address + i;
        expected[at] = (expected[at]! & ~mask) | (bytes[RAM_AT + at]! & mask);
      }
    }
    for (const { first, last } of mappedRanges) {
      const got = bytes.subarray(RAM_AT + first, RAM_AT + last + 1);
      const want = expected.subarray(first, last + 1);
      if (Buffer.compare(got, want) === 0) continue;
      const i = got.findIndex((byte, at) => byte !== want[at]);
      this.problems.push(`memory ${pad(first + i, 8)}: ${pad(got[i]!, 2)}, the CPU has ${pad(want[i]!, 2)}`);
    }
  }
}

/** Differences, one sentence each; empty when the vector passes. */
export function runVector(environment: SiliconEnvironment, vector: SiliconVector): string[] {
  loadMemory(environment, vector);
  environment.dropCode();
  loadRegisters(environment, vector);
  const comparison = new Comparison(environment, vector);
  comparison.fault(environment.runOne());
  comparison.registers();
  comparison.memory();
  return comparison.problems;
}
