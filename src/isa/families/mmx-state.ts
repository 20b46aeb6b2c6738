/**
 * What every MMX instruction does to the x87 state besides its own work (SDM vol. 1, 9.5; vol. 3, 13.2).
 *
 * MM0-MM7 are the significands of the physical x87 registers. An MMX instruction first reports a pending
 * unmasked x87 exception (#MF, before any memory access), and when it completes TOP is 0 and all tags are
 * valid. That a written register gets ones in bits 64-79 is done by `Emit.write` and `Emit.writeLanes`.
 */
import { I32 } from "../../wasm/value.js";
import { define, type Emit, Vector } from "../emit.js";
import { FSW, FTW } from "../state.js";

/** FSW bit 7, ES: an unmasked exception is pending. */
const EXCEPTION_SUMMARY = 0x80;
/** FSW bits 11-13. */
const TOP = 0x3800;

/** #MF if an unmasked x87 exception is pending. */
export function faultIfX87Pending(x: Emit): void {
  x.f.if(x.stateI32(FSW).and(EXCEPTION_SUMMARY), () => x.fault(Vector.MF));
}

/** TOP = 0 and the tags of all registers valid or empty. To be called after everything that can fault. */
export function resetX87Stack(x: Emit, tags: 0xff | 0): void {
  x.setStateI32(FSW, x.stateI32(FSW).and(~TOP));
  x.setStateI32(FTW, I32.const(tags));
}

/** Runs `body` as an MMX instruction. Where `body` faults the x87 state stays as it was. */
export function mmx(x: Emit, body: () => void): void {
  faultIfX87Pending(x);
  body();
  resetX87Stack(x, 0xff);
}

/** Runs `body` as an MMX instruction if an operand is an MMX register; the XMM twins have no such state. */
export function mmxIfUsed(x: Emit, body: () => void): void {
  if (x.operands.some((operand) => operand.kind === "mm")) mmx(x, body);
  else body();
}

define("emms", (x) => {
  faultIfX87Pending(x);
  resetX87Stack(x, 0);
});
