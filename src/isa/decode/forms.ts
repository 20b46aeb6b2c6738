/**
 * The list of all forms: every row of `tables/`, with what the decoder needs to know about each as flat
 * arrays indexed by form id. Computed once, shared by all decoders, so that equal operand lists of different models
 * are the same arrays.
 */
import type { Form } from "../form.js";
import type { Operand } from "../operand.js";
import {
  byteRegisters,
  HIGH_BYTE,
  Immediate,
  immediateOf,
  intern,
  registerSource,
  resolve,
  Source,
  usesModRM,
} from "./operand-codes.js";
import { ANY_PREFIX, type OpcodeMap, parseRows, type Row } from "./row.js";
import { ONE_BYTE } from "./tables/one-byte.js";
import { INTEGER_0F, INTEGER_0F3A, INTEGER_0F38 } from "./tables/simd-integer.js";
import { SSE_0F, SSE_0F3A, SSE_0F38 } from "./tables/sse.js";
import { SYSTEM, THREE_BYTE_38 } from "./tables/system.js";
import { TWO_BYTE } from "./tables/two-byte.js";
import { VEX_0F } from "./tables/vex-0f.js";
import { VEX_0F3A } from "./tables/vex-0f3a.js";
import { VEX_0F38 } from "./tables/vex-0f38.js";
import { X87 } from "./tables/x87.js";

const TABLES: readonly (readonly [OpcodeMap, string])[] = [
  [0, ONE_BYTE],
  [0, X87],
  [1, TWO_BYTE],
  [1, SYSTEM],
  [1, SSE_0F],
  [1, INTEGER_0F],
  [2, THREE_BYTE_38],
  [2, SSE_0F38],
  [2, INTEGER_0F38],
  [3, SSE_0F3A],
  [3, INTEGER_0F3A],
  [5, VEX_0F],
  [6, VEX_0F38],
  [7, VEX_0F3A],
];

/** Flags of a form, as the decoder tests them. */
export const Flag = {
  ModRM: 1 << 0,
  /** ModRM.mod is ignored and taken as 3. */
  AnyMod: 1 << 1,
  /** Operand size 64 by default in 64-bit mode. */
  Default64: 1 << 2,
  /** Operand size 64 always in 64-bit mode. */
  Forced64: 1 << 3,
  Lockable: 1 << 4,
  /** 66 is part of the opcode and doesn't select the operand size. */
  Opcode66: 1 << 5,
  /** F3 or F2 is part of the opcode and is no repeat prefix. */
  OpcodeRepeat: 1 << 6,
  /** Some operand may be AH CH DH BH. */
  ByteRegister: 1 << 7,
  /** Memory with a vector index. */
  VectorIndex: 1 << 8,
  /** VEX.vvvv names no register and must be 1111b. */
  NoVvvv: 1 << 9,
  /** An operand is a segment, control or debug register, of which not all numbers exist. */
  SpecialRegister: 1 << 10,
  /** An operand size of 64 counts as 32. */
  AtMost32: 1 << 11,
  /** 66 makes it invalid. */
  No66: 1 << 12,
} as const;

/** Number of operand lists of one form without AH-BH: see {@link listIndex}. */
const LISTS = 64;
export const LIST_STRIDE = LISTS;

/** SSE registers that a legacy form names make its 16-byte memory operands aligned. */
const VECTOR_MEMORY = /^([VWM]|.*\/M)(x|dq|ps|pd)$/;

interface Compiled {
  readonly form: Form;
  readonly row: Row;
}

/** Everything that a row says but its opcode. */
function identityOf({ opcode: _, attributes, ...others }: Row): string {
  return JSON.stringify({ ...others, attributes: [...attributes] });
}

function compile(): Compiled[] {
  const seen = new Map<string, Form>();
  const compiled: Compiled[] = [];
  let forms = 0;
  for (const [map, table] of TABLES) {
    for (const row of parseRows(map, table)) {
      // The eight opcodes of a `+r` row are one form.
      const manyOpcodes = row.operands.some((code) => code.startsWith("Z"));
      const identity = manyOpcodes ? identityOf(row) : "";
      const shared = manyOpcodes ? seen.get(identity) : undefined;
      const form = shared ?? makeForm(forms++, row);
      if (manyOpcodes) seen.set(identity, form);
      compiled.push({ form, row });
    }
  }
  return compiled;
}

function makeForm(id: number, row: Row): Form {
  const vex = row.map >= 4;
  const legacyAligned =
    !vex &&
    !row.attributes.has("unal") &&
    row.operands.some((code) => /^[WM]|\/M/.test(code) && VECTOR_MEMORY.test(code));
  return Object.freeze({
    id,
    mnemonic: row.mnemonic,
    operandCodes: Object.freeze([...row.operands]),
    feature: row.features[0]!,
    lockable: row.attributes.has("lock"),
    vex,
    aligned: legacyAligned || row.attributes.has("aligned"),
    protectedModeOnly: vex || row.attributes.has("pm"),
  });
}

/** Rows in the order of the tables, each with its form. Several rows can share a form. */
export const rows: readonly Compiled[] = compile();

/** All forms, indexed by id. */
export const allForms: readonly Form[] = (() => {
  const list: Form[] = [];
  for (const { form } of rows) list[form.id] = form;
  return list;
})();

/** {@link Flag} bits of each form. */
export const formFlags = new Uint16Array(allForms.length);
/** {@link Immediate} of each form. */
export const formImmediate = new Uint8Array(allForms.length);
/** Five {@link Source} values of each form. */
export const formSources = new Uint8Array(allForms.length * 5);
/** {@link byteRegisters} of each form. */
export const formByteRegisters = new Uint8Array(allForms.length);
/** First entry of each form in {@link operandLists}. */
export const formLists = new Int32Array(allForms.length);
/** Resolved operand lists; index {@link formLists} + high mask * {@link LIST_STRIDE} + {@link listIndex}. */
export const operandLists: (readonly Operand[])[] = [];

/** Operand and address size are 0, 1, 2 for 16, 32, 64. `register` is 1 where ModRM.mod is 3. */
export function listIndex(operandSize: number, addressSize: number, vexL: number, register: number): number {
  return operandSize | (addressSize << 2) | (vexL << 4) | (register << 5);
}

/** Does a row match any particular ModRM byte, or have operands in it? */
export function rowUsesModRM(row: Row): boolean {
  return row.reg >= 0 || row.modrm >= 0 || row.mod !== "any" || row.operands.some(usesModRM);
}

/** The contexts in the order of {@link listIndex}. */
const contexts = Array.from({ length: LISTS }, (_, i) => ({
  operandSize: 16 << Math.min(i & 3, 2),
  addressSize: 16 << Math.min((i >> 2) & 3, 2),
  vexL: (i >> 4) & 1,
  register: i >> 5 !== 0,
}));

/** What a code is in each of {@link contexts}: there are few codes in many lists. */
const operandsOf = new Map<string, readonly Operand[]>();
function inContexts(code: string): readonly Operand[] {
  let found = operandsOf.get(code);
  if (found === undefined) {
    found = contexts.map((context) => resolve(code, context));
    operandsOf.set(code, found);
  }
  return found;
}

function buildLists(codes: readonly string[], bytes: number): number {
  const base = operandLists.length;
  const resolved = codes.map(inContexts);
  for (let high = 0; high <= bytes; high++) {
    const mask = high & bytes;
    for (let i = 0; i < LISTS; i++) {
      operandLists.push(
        intern(resolved.map((choices, n) => (((mask >> n) & 1) !== 0 ? HIGH_BYTE : choices[i]!))),
      );
    }
  }
  return base;
}

const listsOf = new Map<string, number>();
for (const { form, row } of rows) {
  const has = row.attributes;
  const codes = row.operands;
  const specific = row.prefixes !== ANY_PREFIX && row.map < 4;
  const sources = codes.map(registerSource);
  const bytes = byteRegisters(codes);
  let flags = 0;
  if (rowUsesModRM(row)) flags |= Flag.ModRM;
  if (has.has("anymod")) flags |= Flag.AnyMod;
  if (has.has("d64")) flags |= Flag.Default64;
  if (has.has("f64")) flags |= Flag.Forced64;
  if (form.lockable) flags |= Flag.Lockable;
  if (specific && row.prefixes === 2) flags |= Flag.Opcode66;
  if (specific && (row.prefixes & 3) === 0) flags |= Flag.OpcodeRepeat;
  if (bytes !== 0) flags |= Flag.ByteRegister;
  if (codes.some((code) => code.startsWith("T"))) flags |= Flag.VectorIndex;
  if (form.vex && !sources.includes(Source.Vvvv)) flags |= Flag.NoVvvv;
  if (codes.some((code) => /^(Sw|[CD][a-z])$/.test(code))) flags |= Flag.SpecialRegister;
  if (codes.some((code) => /^(eAX|[XY]z|Mf[es])$/.test(code))) flags |= Flag.AtMost32;
  if (has.has("no66")) flags |= Flag.No66;
  formFlags[form.id] = flags;
  formImmediate[form.id] = immediateOf(codes);
  formSources.set(sources, form.id * 5);
  formByteRegisters[form.id] = bytes;
  const key = codes.join();
  let lists = listsOf.get(key);
  if (lists === undefined) {
    lists = buildLists(codes, bytes);
    listsOf.set(key, lists);
  }
  formLists[form.id] = lists;
}

export { Immediate, Source };
