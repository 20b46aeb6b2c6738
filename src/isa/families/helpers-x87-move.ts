/**
 * Loads, stores and register moves of the x87 (SDM vol. 2, FLD, FST, FIST, FBSTP, FXCH, FCMOVcc).
 */

import { BCD_INDEFINITE } from "../float/bcd.js";
import { loadConstant, ONE, POSITIVE_ZERO } from "../float/constants.js";
import { DE, stopped } from "../float/env.js";
import type { F80 } from "../float/format.js";
import { quiet } from "../float/nan.js";
import { Num, QNAN } from "../float/num.js";
import { fbld, fbstp, fist, fist64, fst32, fst64 } from "../float/x87-ops.js";
import { env, fpu, type X87Helper } from "./helpers-x87-frame.js";
import { OPERAND, OperandFormat } from "./x87-protocol.js";

const operand = new Num();

/** Makes room for a value; false when the push is not to happen, or a masked stack overflow pushed the indefinite. */
function makeRoom(): boolean {
  if (fpu.isEmpty(-1)) {
    fpu.push();
    return true;
  }
  if (fpu.overflow()) {
    fpu.push();
    fpu.writeIndefinite(0);
  }
  return false;
}

const constants: readonly (() => F80)[] = [
  () => ONE,
  () => loadConstant("l2t", env),
  () => loadConstant("l2e", env),
  () => loadConstant("pi", env),
  () => loadConstant("lg2", env),
  () => loadConstant("ln2", env),
  () => POSITIVE_ZERO,
];

/** Singles and doubles: a denormal raises DE, a signalling NaN IE, which alone prevents the load when unmasked. */
function pushFloat(format: OperandFormat): void {
  fpu.readOperand(format, operand);
  if (operand.denormal) env.flags |= DE;
  if (operand.kind >= QNAN) {
    quiet(env, operand, operand);
    if (stopped(env)) return;
  }
  if (makeRoom()) fpu.write(0, operand);
}

function pushOperand(format: OperandFormat): void {
  const { memory, cpu } = fpu;
  if (!fpu.isEmpty(-1)) makeRoom();
  else if (format <= OperandFormat.f64) pushFloat(format);
  else {
    fpu.push();
    if (format <= OperandFormat.i64) {
      fpu.readOperand(format, operand);
      fpu.write(0, operand);
    } else {
      const sig = memory.getBigUint64(cpu + OPERAND, true);
      const se = memory.getUint16(cpu + OPERAND + 8, true);
      fpu.writeRaw(0, format === OperandFormat.f80 ? { se, sig } : fbld((BigInt(se) << 64n) | sig));
    }
  }
}

// --- stores ---

function setOperand80(sig: bigint, se: number): void {
  fpu.memory.setBigUint64(fpu.cpu + OPERAND, sig, true);
  fpu.memory.setUint16(fpu.cpu + OPERAND + 8, se, true);
}

/** What a masked stack underflow stores. */
function storeIndefinite(format: OperandFormat): void {
  const { memory, cpu } = fpu;
  const at = cpu + OPERAND;
  switch (format) {
    case OperandFormat.f32:
      memory.setUint32(at, 0xffc00000, true);
      break;
    case OperandFormat.f64:
      memory.setBigUint64(at, 0xfff8000000000000n, true);
      break;
    case OperandFormat.i16:
      memory.setUint16(at, 0x8000, true);
      break;
    case OperandFormat.i32:
      memory.setUint32(at, 0x80000000, true);
      break;
    case OperandFormat.i64:
      memory.setBigUint64(at, 0x8000000000000000n, true);
      break;
    case OperandFormat.f80:
      setOperand80(0xc000000000000000n, 0xffff);
      break;
    case OperandFormat.bcd:
      setOperand80(BigInt.asUintN(64, BCD_INDEFINITE), 0xffff);
      break;
  }
}

/** Converts ST(0) to OPERAND; false when an unmasked exception prevents the store. */
function convert(format: OperandFormat, truncate: boolean): boolean {
  const { memory, cpu } = fpu;
  const at = cpu + OPERAND;
  if (format === OperandFormat.f80) {
    const { sig, se } = fpu.readRaw(0);
    setOperand80(sig, se);
    return true;
  }
  fpu.read(0, operand);
  switch (format) {
    case OperandFormat.f64: {
      const bits = fst64(env, operand);
      if (bits === null) return false;
      memory.setBigUint64(at, bits, true);
      return true;
    }
    case OperandFormat.i64: {
      const bits = fist64(env, operand, truncate);
      if (bits === null) return false;
      memory.setBigUint64(at, bits, true);
      return true;
    }
    case OperandFormat.bcd: {
      const bits = fbstp(env, operand);
      if (bits === null) return false;
      setOperand80(BigInt.asUintN(64, bits), Number(bits >> 64n));
      return true;
    }
    default: {
      const width = format === OperandFormat.i16 ? 16 : 32;
      const bits = format === OperandFormat.f32 ? fst32(env, operand) : fist(env, operand, width, truncate);
      if (bits === null) return false;
      memory.setInt32(at, bits, true);
      return true;
    }
  }
}

const store =
  (truncate: boolean): X87Helper =>
  (memory, cpu, _, format, pops) => {
    fpu.begin(memory, cpu);
    let stored: boolean;
    if (fpu.isEmpty(0)) {
      stored = fpu.underflow();
      if (stored) storeIndefinite(format as OperandFormat);
    } else stored = convert(format as OperandFormat, truncate);
    if (stored && pops !== 0) fpu.pop();
    fpu.defer();
    return stored ? 1 : 0;
  };

export const moveHelpers: Readonly<Record<string, X87Helper>> = {
  x87_push: (memory, cpu, _, format) => {
    fpu.begin(memory, cpu);
    pushOperand(format as OperandFormat);
    fpu.end();
  },
  x87_push_register: (memory, cpu, _, i) => {
    fpu.begin(memory, cpu);
    if (fpu.isEmpty(i!)) {
      // Of both stack faults the underflow is the one that is reported.
      if (fpu.underflow()) {
        fpu.push();
        fpu.writeIndefinite(0);
      }
    } else if (makeRoom()) fpu.copy(i! + 1, 0);
    fpu.end();
  },
  x87_push_constant: (memory, cpu, _, index) => {
    fpu.begin(memory, cpu);
    if (makeRoom()) fpu.writeRaw(0, constants[index!]!());
    fpu.end();
  },
  x87_copy: (memory, cpu, _, i, pops) => {
    fpu.begin(memory, cpu);
    const valid = !fpu.isEmpty(0);
    if (valid) fpu.copy(0, i!);
    if (valid || fpu.underflow()) {
      if (!valid) fpu.writeIndefinite(i!);
      if (pops !== 0) fpu.pop();
    }
    fpu.end();
  },
  x87_convert: store(false),
  x87_truncate: store(true),
  x87_fxch: (memory, cpu, _, i) => {
    fpu.begin(memory, cpu);
    if ((!fpu.isEmpty(0) && !fpu.isEmpty(i!)) || fpu.underflow()) {
      if (fpu.isEmpty(0)) fpu.writeIndefinite(0);
      if (fpu.isEmpty(i!)) fpu.writeIndefinite(i!);
      fpu.exchange(i!);
    }
    fpu.end();
  },
  x87_fcmov: (memory, cpu, _, i, condition) => {
    fpu.begin(memory, cpu);
    if (fpu.isEmpty(0) || fpu.isEmpty(i!)) {
      if (fpu.underflow()) fpu.writeIndefinite(0);
    } else if (condition !== 0) fpu.copy(i!, 0);
    fpu.end();
  },
  x87_ffree: (memory, cpu, _, i, pops) => {
    fpu.begin(memory, cpu);
    fpu.free(i!);
    if (pops !== 0) fpu.pop();
    fpu.end();
  },
  x87_rotate: (memory, cpu, _, by) => {
    fpu.begin(memory, cpu);
    fpu.rotate(by!);
    fpu.end();
  },
  // FNOP does nothing, but it is a non-control instruction, so FIP points to it.
  x87_fnop: () => {},
};
