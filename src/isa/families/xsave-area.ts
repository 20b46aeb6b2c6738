/**
 * The pieces of the FXSAVE image and of the XSAVE area: where they lie, and the code that moves them between memory and
 * the CPU's state (SDM vol. 1, 10.5.1, table 10-2; 13.4).
 *
 * All functions here come after the checks and after every page of the area has been tried ({@link probe}): they do
 * not fault any more, so that loads may change the state piece by piece.
 */
import { load } from "../../wasm/function.js";
import { v128 } from "../../wasm/simd.js";
import { I32, I64, V128 } from "../../wasm/value.js";
import { type Emit, Vector } from "../emit.js";
import { FCS, FCW, FDP, FDS, FIP, FOP, FPR, FSW, FTW, MXCSR, YMM } from "../state.js";
import { eachRegister, initialize, setControlWord, updateSummary } from "./x87-control.js";

/** Offsets in the area. */
export const Area = {
  fip: 8,
  fdp: 16,
  /** MXCSR, then MXCSR_MASK. */
  mxcsr: 24,
  st: 32,
  xmm: 160,
  /** Bytes of the legacy region, reserved ones included. */
  legacy: 512,
  /** XSTATE_BV, XCOMP_BV and reserved fields. */
  header: 512,
  headerBytes: 64,
  /** The high halves of the YMM registers; in the compacted format too, as the first extended component. */
  avx: 576,
} as const;

/** The bits of MXCSR that exist (MXCSR_MASK). */
export const MXCSR_MASK = 0xffff;
export const MXCSR_INITIAL = 0x1f80;

/** XMM or YMM registers that can be reached; the others are neither saved nor loaded. */
export const vectorCount = (x: Emit): number => (x.long ? 16 : 8);

/** Bytes of the vector components. */
export const vectorBytes = (x: Emit): number => vectorCount(x) * 16;

/**
 * Linear address of operand 0, an area of `bytes` with the alignment. The size of an access is limited, so segment
 * limits are checked at both ends.
 */
export function areaAddress(x: Emit, access: "read" | "write", bytes: number, alignment: number): I64 {
  const linear = x.linearAddress(0, access, 1);
  if (!x.long) x.segmentAddress(undefined, x.let(x.effectiveAddress().add(bytes - 1)), access, 1);
  x.f.if(linear.and(alignment - 1).ne(0), () => x.fault(Vector.GP, 0));
  return linear;
}

/** Faults unless the byte at an offset can be accessed. */
export function probe(x: Emit, linear: I64, offset: number, access: "read" | "write"): void {
  const address = x.let(linear.add(offset));
  if (access === "read") x.hostRead(address, 1);
  else x.hostUpdate(address, 1, () => {});
}

/** Runs `body` for `count` blocks of 16 bytes, with the distance from the first one. */
function eachBlock(x: Emit, count: number, body: (distance: I32) => void): void {
  const { f } = x;
  const distance = f.local("i32");
  f.set(distance, I32.const(0));
  f.loop((start) => {
    body(distance.value);
    f.set(distance, distance.value.add(16));
    f.brIf(start, distance.value.ltU(count * 16));
  });
}

// --- x87 ---

/** Clears what lies beside the 80 bits of a register. */
const EIGHTY_BITS = V128.const(0xffffffffffffffffn, 0xffffn);

export function saveX87(x: Emit, linear: I64): void {
  const { f } = x;
  const pointer = (field: number) =>
    x.operandSize === 64 ? x.stateI64(field) : x.stateI64(field).and(0xffffffffn);
  const control = x.stateI32(FCW).and(0xffff).or(x.stateI32(FSW).shl(16));
  const tags = x.stateI32(FTW).and(0xff).or(x.stateI32(FOP).shl(16));
  x.hostWrite(linear, 16, (host) => {
    f.store(host, control);
    f.store(host, tags, 4);
    f.store(host, pointer(FIP), Area.fip);
  });
  x.store(64, x.let(linear.add(Area.fdp)), pointer(FDP));
  eachRegister(x, (i, register) => {
    const at = x.let(linear.add(Area.st).add(i.shl(4).toI64U()));
    x.hostWrite(at, 16, (host) => f.store(host, v128.and(load.v128(register), EIGHTY_BITS)));
  });
}

export function loadX87(x: Emit, linear: I64): void {
  const { f } = x;
  const pointer = (offset: number) => {
    const value = x.load(64, x.let(linear.add(offset)));
    return x.operandSize === 64 ? value : value.and(0xffffffffn);
  };
  const words = x.load(64, linear);
  const word = (i: number) => words.shrU(16 * i).toI32();
  setControlWord(x, word(0));
  x.setStateI32(FSW, word(1).and(0xffff));
  x.setStateI32(FTW, word(2).and(0xff));
  x.setStateI32(FOP, word(3).and(0x7ff));
  x.setStateI64(FIP, pointer(Area.fip));
  x.setStateI64(FDP, pointer(Area.fdp));
  for (const field of [FCS, FDS]) x.setStateI32(field, I32.const(0));
  updateSummary(x);
  eachRegister(x, (i, register) => {
    const host = x.hostRead(x.let(linear.add(Area.st).add(i.shl(4).toI64U())), 16);
    f.store(register, v128.and(load.v128(host), EIGHTY_BITS));
  });
}

/** The initial configuration, in which the data registers are zero (SDM vol. 1, 13.6). */
export function resetX87(x: Emit): void {
  initialize(x);
  eachBlock(x, 8, (distance) => x.f.store(x.cpu.add(distance), ZERO, FPR));
}

// --- vectors ---

const ZERO = V128.const(0n, 0n);

/** State offsets of the low halves of the vector registers, the SSE component, and of the high ones, the AVX component. */
export const LOW = YMM;
export const HIGH = YMM + 16;

/** Copies the halves of all reachable registers to `linear` + `offset`. */
export function saveVectors(x: Emit, linear: I64, offset: number, half: number): void {
  eachBlock(x, vectorCount(x), (distance) => {
    const register = x.cpu.add(distance.shl(1));
    const at = x.let(linear.add(offset).add(distance.toI64U()));
    x.hostWrite(at, 16, (host) => x.f.store(host, load.v128(register, half)));
  });
}

export function loadVectors(x: Emit, linear: I64, offset: number, half: number): void {
  eachBlock(x, vectorCount(x), (distance) => {
    const host = x.hostRead(x.let(linear.add(offset).add(distance.toI64U())), 16);
    x.f.store(x.cpu.add(distance.shl(1)), load.v128(host), half);
  });
}

export function resetVectors(x: Emit, half: number): void {
  eachBlock(x, vectorCount(x), (distance) => x.f.store(x.cpu.add(distance.shl(1)), ZERO, half));
}

// --- MXCSR ---

export function saveMxcsr(x: Emit, linear: I64): void {
  const value = x
    .stateI32(MXCSR)
    .toI64U()
    .or(I64.const(BigInt(MXCSR_MASK) << 32n));
  x.store(64, x.let(linear.add(Area.mxcsr)), value);
}

/** MXCSR from the area; #GP(0) if a reserved bit is set. */
export function checkedMxcsr(x: Emit, linear: I64): I32 {
  const value = x.let(x.load(32, x.let(linear.add(Area.mxcsr))).toI32());
  x.f.if(value.and(~MXCSR_MASK), () => x.fault(Vector.GP, 0));
  return value;
}

// --- what is in use ---

/** Bits 0-2 for x87, SSE (without MXCSR) and AVX: set unless the component is in its initial configuration. Fixed. */
export function componentsInUse(x: Emit): I32 {
  const { f } = x;
  const any = (from: number, step: number, count: number): I32 => {
    const sum = f.local("v128");
    const at = f.local("i32");
    f.set(sum, ZERO);
    f.set(at, I32.const(0));
    f.loop((start) => {
      f.set(sum, v128.or(sum.value, load.v128(x.cpu.add(at.value), from)));
      f.set(at, at.value.add(step));
      f.brIf(start, at.value.ltU(step * count));
    });
    return x.let(v128.anyTrue(sum.value));
  };
  const pointers = x.stateI64(FIP).or(x.stateI64(FDP)).ne(0);
  const words = x.stateI32(FCW).ne(0x37f).or(x.stateI32(FSW)).or(x.stateI32(FTW)).or(x.stateI32(FOP));
  const x87 = x.let(any(FPR, 16, 8).or(words).or(pointers).ne(0));
  const sse = any(LOW, 32, 16);
  const avx = any(HIGH, 32, 16);
  return x.let(x87.or(sse.shl(1)).or(avx.shl(2)));
}
