/**
 * The notation of the opcode tables in `tables/`, and its parser.
 *
 * One line is one row of the opcode map, in the terms of Intel SDM vol. 2D, appendix A:
 *
 *     opcode  mnemonic  operands  feature attributes...
 *     F3.B8   popcnt    Gv,Ev     popcnt
 *
 * **opcode**: `[prefix.]hh[+r|+cc][/n|/hh]`. The prefix is the mandatory one: `NP` (none of 66 F3 F2), `66`, `F3`,
 * `F2`, `NFx` (no F3 or F2; 66 keeps its usual meaning); without it prefixes do not select. `MX` writes an
 * MMX row and its SSE twin (NP with MMX registers, 66 with XMM registers) at once. `+r`: register in the low
 * three bits; `+cc`: sixteen conditions, `*` in the mnemonic is the condition. `/n`: ModRM.reg; `/hh`: the whole ModRM.
 *
 * **mnemonic**: `add{ps,pd,ss,sd}` writes one row per suffix, the suffix implying the prefix; `*` in the
 * operands is the suffix. **operands**: see `operand-codes.ts`; `-` is none.
 *
 * **feature**: `a+b` needs both; `a|b` for MX is MMX|SSE, for VEX rows 128|256 bits. Default `base`, or for
 * suffixed rows SSE and SSE2.
 *
 * **attributes**: the superscripts of the appendix `i64` `o64` `d64` `f64`, `lock`, `mem` and `reg` (only ModRM.mod
 * != 3, = 3; operand codes M, T, R, U, N, STi imply them), `anymod` (mod is ignored and taken as 3), `W0` `W1`
 * (REX.W or VEX.W), `L0` `L1`, `os16` `os32` `os64` (effective operand size), `B0` (no REX.B), `unal` (no
 * alignment check), `aligned` (VEX row with one), `pm` (protected mode only), `no66` (66 is #UD).
 */
import type { Feature } from "../form.js";

/** Opcode maps; the VEX maps are 4 plus the legacy map of the same escape bytes. */
export type OpcodeMap = 0 | 1 | 2 | 3 | 5 | 6 | 7;

/** Row of the opcode map: the conditions under which it matches, and what it says. Masks have bit n for value n. */
export interface Row {
  readonly map: OpcodeMap;
  readonly opcode: number;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly features: readonly Feature[];
  /** Mandatory prefixes accepted, numbered as VEX.pp: 0 none, 1 66, 2 F3, 3 F2. 15: prefixes do not select. */
  readonly prefixes: number;
  /** ModRM.reg, or -1. */
  readonly reg: number;
  /** Exact ModRM, or -1. */
  readonly modrm: number;
  readonly mod: "any" | "mem" | "reg";
  readonly w: number;
  readonly l: number;
  /** Bit 0: outside, bit 1: inside 64-bit mode. */
  readonly modes: number;
  /** Operand sizes 16, 32, 64 as bits 0-2. */
  readonly operandSizes: number;
  readonly b: number;
  readonly attributes: ReadonlySet<string>;
}

export const ANY_PREFIX = 15;

const CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split(" ");
const PREFIX_MASKS: Readonly<Record<string, number>> = { NP: 1, "66": 2, F3: 4, F2: 8, NFx: 3 };
const SUFFIX_PREFIX: Readonly<Record<string, string>> = { ps: "NP", pd: "66", ss: "F3", sd: "F2" };
const ATTRIBUTES = new Set(
  "i64 o64 d64 f64 lock mem reg anymod W0 W1 L0 L1 os16 os32 os64 B0 unal aligned pm no66".split(" "),
);
const MEMORY_CODES = /^[MT]/;
const REGISTER_CODES = /^([RUN][a-z]+|STi)$/;

interface Draft {
  opcode: string;
  mnemonic: string;
  operands: string;
  features: string;
  attributes: string[];
}

/** Reads a table. Throws on a malformed line: tables are part of the program. */
export function parseRows(map: OpcodeMap, table: string): Row[] {
  const rows: Row[] = [];
  for (const line of table.split("\n")) {
    const text = line.trim();
    if (text === "") continue;
    const [opcode, mnemonic, operands = "-", ...rest] = text.split(/\s+/);
    if (opcode === undefined || mnemonic === undefined) throw new Error(`opcode table: bad line "${line}"`);
    const attributes = rest.filter((word) => ATTRIBUTES.has(word));
    const features = rest.filter((word) => !ATTRIBUTES.has(word));
    if (features.length > 1) throw new Error(`opcode table: unknown attribute in "${line}"`);
    const draft: Draft = { opcode, mnemonic, operands, features: features[0] ?? "", attributes };
    for (const suffixed of expandSuffixes(draft)) {
      for (const paired of expandPairs(suffixed, map >= 4)) {
        for (const single of expandConditions(paired)) rows.push(...expandRegisters(single, map));
      }
    }
  }
  return rows;
}

/** `add{ps,sd} V*,W*`. */
function expandSuffixes(draft: Draft): Draft[] {
  const match = /^(.*)\{(.*)\}$/.exec(draft.mnemonic);
  if (match === null) return [draft];
  return match[2]!.split(",").map((suffix) => ({
    opcode: `${SUFFIX_PREFIX[suffix]}.${draft.opcode}`,
    mnemonic: match[1] + suffix,
    operands: draft.operands.replaceAll("*", suffix),
    features: draft.features === "" ? (suffix.endsWith("s") ? "sse" : "sse2") : draft.features,
    attributes: draft.attributes,
  }));
}

/** `MX` rows, and VEX rows with one feature for each vector length. */
function expandPairs(draft: Draft, vex: boolean): Draft[] {
  const [first, second] = draft.features.split("|");
  if (draft.opcode.startsWith("MX.")) {
    const opcode = draft.opcode.slice(3);
    const operands = draft.operands.replace(/([PQN])q/g, (_, letter: string) => {
      return `${letter === "P" ? "V" : letter === "Q" ? "W" : "U"}dq`;
    });
    return [
      { ...draft, opcode: `NP.${opcode}`, features: first! },
      { ...draft, opcode: `66.${opcode}`, operands, features: second ?? first! },
    ];
  }
  if (second === undefined) return [draft];
  if (!vex) throw new Error(`opcode table: ${draft.mnemonic} has two features but one row`);
  return [
    { ...draft, features: first!, attributes: [...draft.attributes, "L0"] },
    { ...draft, features: second, attributes: [...draft.attributes, "L1"] },
  ];
}

/** `70+cc j*`. */
function expandConditions(draft: Draft): Draft[] {
  if (!draft.opcode.includes("+cc")) return [draft];
  const base = Number.parseInt(draft.opcode, 16);
  return CONDITIONS.map((condition, i) => ({
    ...draft,
    opcode: (base + i).toString(16).padStart(2, "0"),
    mnemonic: draft.mnemonic.replace("*", condition),
  }));
}

/** `50+r`: the same row at eight opcodes. */
function expandRegisters(draft: Draft, map: OpcodeMap): Row[] {
  const match = /^(?:(NP|66|F3|F2|NFx)\.)?([0-9A-Fa-f]{2})(\+r)?(?:\/([0-7]|[0-9A-F]{2}))?$/.exec(
    draft.opcode,
  );
  if (match === null) throw new Error(`opcode table: bad opcode "${draft.opcode}"`);
  const [, prefix, hex, low, extension] = match;
  const opcode = Number.parseInt(hex!, 16);
  const operands = draft.operands === "-" ? [] : draft.operands.split(",");
  const has = new Set(draft.attributes);
  const exact = extension !== undefined && extension.length === 2;
  const row: Row = {
    map,
    opcode,
    mnemonic: draft.mnemonic,
    operands,
    features: (draft.features === "" ? "base" : draft.features).split("+") as Feature[],
    prefixes: prefix === undefined ? (map >= 4 ? PREFIX_MASKS.NP! : ANY_PREFIX) : PREFIX_MASKS[prefix]!,
    reg: extension !== undefined && !exact ? Number(extension) : -1,
    modrm: exact ? Number.parseInt(extension, 16) : -1,
    mod: has.has("anymod")
      ? "any"
      : has.has("mem") || operands.some((code) => MEMORY_CODES.test(code))
        ? "mem"
        : has.has("reg") || operands.some((code) => REGISTER_CODES.test(code))
          ? "reg"
          : "any",
    w: has.has("W0") ? 1 : has.has("W1") ? 2 : 3,
    l: has.has("L0") ? 1 : has.has("L1") ? 2 : 3,
    modes: has.has("i64") ? 1 : has.has("o64") ? 2 : 3,
    operandSizes: has.has("os16") ? 1 : has.has("os32") ? 2 : has.has("os64") ? 4 : 7,
    b: has.has("B0") ? 1 : 3,
    attributes: has,
  };
  if (low === undefined) return [row];
  return Array.from({ length: 8 }, (_, i) => ({ ...row, opcode: opcode + i }));
}
