/**
 * The x87 environment in memory: FSTENV, FLDENV and the head of FSAVE, FRSTOR (SDM vol. 1, figures 8-9 to 8-12).
 *
 * Four layouts: 16 or 32 bits, protected or real-address mode (the latter in virtual-8086 mode too). Reserved parts
 * of the 32-bit layouts are stored as ones. FCS and FDS are deprecated: stored as zero, and what is loaded is ignored.
 */

import { Flag } from "../flags.js";
import { FINITE, Num, ZERO } from "../float/num.js";
import { CR0, FCW, FDP, FIP, FLAG_OTHERS, FOP, FPR, FSW, FTW } from "../state.js";
import { unpackAt, type X87Helper } from "./helpers-x87-frame.js";
import { IMAGE } from "./x87-protocol.js";

/** Values of a two-bit tag. */
const VALID = 0;
const ZERO_TAG = 1;
const SPECIAL = 2;
const EMPTY = 3;

const value = new Num();

/** The full tag word: two bits for each physical register, found from its contents. */
export function fullTagWord(memory: DataView, cpu: number): number {
  const tags = memory.getUint8(cpu + FTW);
  let word = 0;
  for (let i = 0; i < 8; i++) {
    let tag = EMPTY;
    if ((tags >> i) & 1) {
      unpackAt(memory, cpu + FPR + i * 16, value);
      tag = value.kind === ZERO ? ZERO_TAG : value.kind === FINITE && !value.denormal ? VALID : SPECIAL;
    }
    word |= tag << (i * 2);
  }
  return word;
}

/** The abridged tags of a full tag word: only "empty" counts, the rest follows from the contents. */
export function abridgedTags(word: number): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) if (((word >> (i * 2)) & 3) !== EMPTY) tags |= 1 << i;
  return tags;
}

function realAddressMode(memory: DataView, cpu: number): boolean {
  const pe = memory.getUint32(cpu + CR0, true) & 1;
  return pe === 0 || (memory.getUint32(cpu + FLAG_OTHERS, true) & Flag.VM) !== 0;
}

/** Bits of FOP. */
const OPCODE = 0x7ff;

const storeEnvironment: X87Helper = (memory, cpu, _, bytes) => {
  const at = cpu + IMAGE;
  const real = realAddressMode(memory, cpu);
  const fcw = memory.getUint16(cpu + FCW, true);
  const fsw = memory.getUint16(cpu + FSW, true);
  const tags = fullTagWord(memory, cpu);
  const fip = memory.getUint32(cpu + FIP, true);
  const fdp = memory.getUint32(cpu + FDP, true);
  const fop = memory.getUint16(cpu + FOP, true) & OPCODE;
  if (bytes === 14) {
    // In real-address mode bits 16-19 of the addresses go to bits 12-15 of the word that follows.
    const high = (address: number) => (real ? ((address >>> 16) & 15) << 12 : 0);
    const words = [fcw, fsw, tags, fip, high(fip) | (real ? fop : 0), fdp, high(fdp)];
    for (const [i, word] of words.entries()) memory.setUint16(at + i * 2, word & 0xffff, true);
    return;
  }
  const ones = 0xffff0000;
  const words = real
    ? [ones | fcw, ones | fsw, ones | tags, ones | (fip & 0xffff), ((fip >>> 16) << 12) | fop]
    : [ones | fcw, ones | fsw, ones | tags, fip, fop << 16];
  words.push(...(real ? [ones | (fdp & 0xffff), (fdp >>> 16) << 12] : [fdp, ones]));
  for (const [i, word] of words.entries()) memory.setUint32(at + i * 4, word >>> 0, true);
};

const loadEnvironment: X87Helper = (memory, cpu, _, bytes) => {
  const at = cpu + IMAGE;
  const real = realAddressMode(memory, cpu);
  const step = bytes === 14 ? 2 : 4;
  const word = (i: number) => memory.getUint16(at + i * step, true);
  const wide = (i: number) => (step === 4 ? memory.getUint32(at + i * 4, true) : word(i));
  memory.setUint32(cpu + FCW, (word(0) & 0x1f3f) | 0x40, true);
  memory.setUint32(cpu + FSW, word(1), true);
  memory.setUint32(cpu + FTW, abridgedTags(word(2)), true);
  let fip = wide(3);
  let fdp = wide(5);
  let fop = step === 4 ? memory.getUint16(at + 18, true) : 0;
  if (real) {
    fip = (fip & 0xffff) | ((wide(4) >>> 12) << 16);
    fdp = (fdp & 0xffff) | ((wide(6) >>> 12) << 16);
    fop = word(4);
  }
  memory.setBigUint64(cpu + FIP, BigInt(fip >>> 0), true);
  memory.setBigUint64(cpu + FDP, BigInt(fdp >>> 0), true);
  memory.setUint32(cpu + FOP, fop & OPCODE, true);
};

export const environmentHelpers: Readonly<Record<string, X87Helper>> = {
  x87_store_environment: storeEnvironment,
  x87_load_environment: loadEnvironment,
};
