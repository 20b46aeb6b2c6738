/**
 * The opcode maps of one CPU model, as one array of cells.
 *
 * A cell is a form id plus one, or 0 for #UD. Each opcode owns a block of cells, as small as its rows allow:
 * a *state* (mandatory prefix, W, L, mode, operand size, REX.B: 8 bits) is compressed to the dimensions that its rows
 * look at, and the ModRM byte to nothing, to {mod = 3, reg}, or to {reg, or the whole byte where mod = 3}.
 *
 * Where rows overlap, one with a mandatory prefix wins over one without; else the first in the table.
 */
import type { Feature } from "../form.js";
import { rows, rowUsesModRM } from "./forms.js";
import { ANY_PREFIX, type Row } from "./row.js";

/** Shifts of the fields of a state. */
export const STATE_W = 2;
export const STATE_L = 3;
export const STATE_MODE64 = 4;
export const STATE_OPERAND_SIZE = 5;
export const STATE_B = 7;
const STATES = 256;

/** Opcode number in the arrays: map * 256 + opcode byte. */
const OPCODES = 8 * 256;

/** A state's fields: first bit, number of values, mask of a row. */
const DIMENSIONS: readonly { shift: number; values: number; mask: (row: Row) => number }[] = [
  { shift: 0, values: 4, mask: (row) => row.prefixes },
  { shift: STATE_W, values: 2, mask: (row) => row.w },
  { shift: STATE_L, values: 2, mask: (row) => row.l },
  { shift: STATE_MODE64, values: 2, mask: (row) => row.modes },
  { shift: STATE_OPERAND_SIZE, values: 3, mask: (row) => row.operandSizes },
  { shift: STATE_B, values: 2, mask: (row) => row.b },
];

const fieldOf = (state: number, { shift, values }: { shift: number; values: number }) =>
  Math.min((state >> shift) & (values > 2 ? 3 : 1), values - 1);

/** ModRM classes: 0 ignores the byte, 1 tells {mod = 3, reg}, 2 also tells rm where mod = 3. */
const MODRM_SIZES = [1, 16, 72];

/** Index of a ModRM byte within its class; class * 256 + byte. */
export const modrmIndex = new Uint8Array(3 * 256);
for (let modrm = 0; modrm < 256; modrm++) {
  const reg = (modrm >> 3) & 7;
  const register = modrm >= 0xc0;
  modrmIndex[256 + modrm] = register ? 8 + reg : reg;
  modrmIndex[512 + modrm] = register ? 8 + (modrm & 63) : reg;
}

/** A ModRM byte of each index, by class. */
const MODRM_SAMPLES = MODRM_SIZES.map((size, modrmClass) => {
  const bytes = new Uint8Array(size);
  for (let modrm = 255; modrm >= 0; modrm--) bytes[modrmIndex[modrmClass * 256 + modrm]!] = modrm;
  return bytes;
});

/** Compressed state; combination of dimensions * 256 + state. */
export const stateIndex = new Uint16Array(64 * STATES);
const combinationSizes = new Uint16Array(64);
for (let combination = 0; combination < 64; combination++) {
  const used = DIMENSIONS.filter((_, i) => (combination & (1 << i)) !== 0);
  combinationSizes[combination] = used.reduce((size, { values }) => size * values, 1);
  for (let state = 0; state < STATES; state++) {
    stateIndex[combination * STATES + state] = used.reduce(
      (index, dimension) => index * dimension.values + fieldOf(state, dimension),
      0,
    );
  }
}

/** Does a model with these features have the row? */
function available(row: Row, features: ReadonlySet<Feature> | "all"): boolean {
  return features === "all" || row.features.every((feature) => feature === "base" || features.has(feature));
}

function matchesState(row: Row, state: number): boolean {
  return DIMENSIONS.every((dimension) => ((dimension.mask(row) >> fieldOf(state, dimension)) & 1) !== 0);
}

function matchesModRM(row: Row, modrm: number): boolean {
  if (row.modrm >= 0) return row.modrm === modrm;
  if (row.reg >= 0 && row.reg !== ((modrm >> 3) & 7)) return false;
  return row.mod === "any" || (row.mod === "reg") === modrm >= 0xc0;
}

export class OpcodeTables {
  readonly cells: Uint16Array;
  /** First cell of each opcode. */
  readonly base = new Uint32Array(OPCODES);
  /** Offset into {@link stateIndex}. */
  readonly states = new Uint16Array(OPCODES);
  /** Offset into {@link modrmIndex}. */
  readonly modrm = new Uint16Array(OPCODES);
  /** Cells of one state. */
  readonly stride = new Uint8Array(OPCODES);
  /** 0: undefined, 1: no ModRM byte, 2: ModRM byte. */
  readonly kind = new Uint8Array(OPCODES);

  constructor(features: ReadonlySet<Feature> | "all") {
    const byOpcode = new Map<number, { row: Row; id: number }[]>();
    for (const { row, form } of rows) {
      if (!available(row, features)) continue;
      const opcode = row.map * 256 + row.opcode;
      const list = byOpcode.get(opcode);
      if (list === undefined) byOpcode.set(opcode, [{ row, id: form.id }]);
      else list.push({ row, id: form.id });
    }
    // Cell 0 is for opcodes without rows.
    const cells: number[] = [0];
    for (const [opcode, list] of byOpcode) this.#fill(opcode, list, cells);
    this.cells = Uint16Array.from(cells);
  }

  #fill(opcode: number, list: { row: Row; id: number }[], cells: number[]): void {
    const ordered = [
      ...list.filter(({ row }) => row.prefixes !== ANY_PREFIX),
      ...list.filter(({ row }) => row.prefixes === ANY_PREFIX),
    ];
    let combination = 0;
    DIMENSIONS.forEach((dimension, i) => {
      const all = (1 << dimension.values) - 1;
      if (list.some(({ row }) => (dimension.mask(row) & all) !== all)) combination |= 1 << i;
    });
    const exact = list.some(({ row }) => row.modrm >= 0);
    const grouped = list.some(({ row }) => row.reg >= 0 || row.mod !== "any");
    const modrmClass = exact ? 2 : grouped ? 1 : 0;
    const stride = MODRM_SIZES[modrmClass]!;
    const base = cells.length;
    for (let i = 0; i < combinationSizes[combination]! * stride; i++) cells.push(0);
    this.base[opcode] = base;
    this.states[opcode] = combination * STATES;
    this.modrm[opcode] = modrmClass * 256;
    this.stride[opcode] = stride;
    this.kind[opcode] = list.some(({ row }) => rowUsesModRM(row)) ? 2 : 1;
    const filled = new Set<number>();
    for (let state = 0; state < STATES; state++) {
      const stateCell = base + stateIndex[combination * STATES + state]! * stride;
      if (filled.has(stateCell)) continue;
      filled.add(stateCell);
      const matching = ordered.filter(({ row }) => matchesState(row, state));
      for (let cell = 0; cell < stride; cell++) {
        const modrm = MODRM_SAMPLES[modrmClass]![cell]!;
        const match = matching.find(({ row }) => matchesModRM(row, modrm));
        cells[stateCell + cell] = match === undefined ? 0 : match.id + 1;
      }
    }
  }
}
