/**
 * The environment of one floating-point operation: rounding, masks and the exceptions it raised.
 *
 * Intel SDM vol. 1, 4.9 (exceptions), 8.1.3-8.1.5 (x87 status and control word), 10.2.3 (MXCSR).
 *
 * Exception bits have the same positions in MXCSR, FSW and (as masks) in FCW; MXCSR keeps its masks 7 bits up.
 * `flags` and `roundedUp` are outputs: clear them (`beginOperation`) before every operation or packed element,
 * because a raised and unmasked pre-computation exception in `flags` stops the operation.
 */

/** Invalid operation. */
export const IE = 0x01;
/** Denormal operand. */
export const DE = 0x02;
/** Division by zero. */
export const ZE = 0x04;
/** Numeric overflow. */
export const OE = 0x08;
/** Numeric underflow. */
export const UE = 0x10;
/** Inexact result (precision). */
export const PE = 0x20;

/** Exceptions found before the computation; unmasked, they prevent it. */
export const PRE_COMPUTATION = IE | DE | ZE;
export const ALL_EXCEPTIONS = 0x3f;

/** Rounding control, encoded as in MXCSR.RC and FCW.RC. */
export type Rounding = 0 | 1 | 2 | 3;
export const NEAREST: Rounding = 0;
export const DOWN: Rounding = 1;
export const UP: Rounding = 2;
export const TRUNCATE: Rounding = 3;

export interface FloatEnv {
  rounding: Rounding;
  /** Exceptions raised by the operation (IE..PE), masked or not. */
  flags: number;
  /** A set bit masks the exception of the same position in `flags`. */
  masks: number;
  /** Denormals are zeros: MXCSR.DAZ. */
  daz: boolean;
  /** Flush to zero: MXCSR.FZ. */
  ftz: boolean;
  /** x87 precision control: bits of the significand of add, subtract, multiply, divide and square root. */
  precision: 24 | 53 | 64;
  /** The last rounding increased the magnitude: x87 C1. */
  roundedUp: boolean;
}

/** Nearest even, everything masked, 64-bit precision. */
export function createEnv(): FloatEnv {
  return {
    rounding: NEAREST,
    flags: 0,
    masks: ALL_EXCEPTIONS,
    daz: false,
    ftz: false,
    precision: 64,
    roundedUp: false,
  };
}

/** Clears the outputs of the previous operation. */
export function beginOperation(env: FloatEnv): void {
  env.flags = 0;
  env.roundedUp = false;
}

/** Sets rounding, masks, DAZ and FTZ from MXCSR and clears the outputs. */
export function loadMxcsr(env: FloatEnv, mxcsr: number): void {
  env.rounding = ((mxcsr >>> 13) & 3) as Rounding;
  env.masks = (mxcsr >>> 7) & ALL_EXCEPTIONS;
  env.daz = (mxcsr & 0x40) !== 0;
  env.ftz = (mxcsr & 0x8000) !== 0;
  beginOperation(env);
}

/** Sets rounding, masks and precision from the x87 control word and clears the outputs. */
export function loadFcw(env: FloatEnv, fcw: number): void {
  const precision = (fcw >>> 8) & 3;
  env.rounding = ((fcw >>> 10) & 3) as Rounding;
  env.masks = fcw & ALL_EXCEPTIONS;
  env.precision = precision === 0 ? 24 : precision === 2 ? 53 : 64;
  env.daz = false;
  env.ftz = false;
  beginOperation(env);
}

/** True when an unmasked pre-computation exception stops the operation: it has no result. */
export function stopped(env: FloatEnv): boolean {
  return (env.flags & ~env.masks & PRE_COMPUTATION) !== 0;
}

/** True when any raised exception is unmasked: an SSE instruction then faults and writes no result. */
export function faults(env: FloatEnv): boolean {
  return (env.flags & ~env.masks) !== 0;
}

/**
 * Exceptions of a packed operation from the OR of those of its elements: an unmasked pre-computation exception
 * of one element suppresses the post-computation exceptions of all (vol. 1, 11.5.2.3).
 */
export function packedFlags(flags: number, masks: number): number {
  return (flags & ~masks & PRE_COMPUTATION) !== 0 ? flags & PRE_COMPUTATION : flags;
}
