/**
 * Operand codes: what each letter and each size of the opcode tables means (Intel SDM vol. 2D, A.2.1 and A.2.2), and
 * how a list of codes becomes a list of resolved operands.
 *
 * Addressing: `A` far pointer, `B` VEX.vvvv general register, `C` control, `D` debug register, `E` ModRM general
 * register or memory, `G` ModRM.reg general register, `H` VEX.vvvv vector, `I` immediate (`sIb`: a byte extended
 * to the operand size), `J` relative branch, `L` vector in imm8[7:4], `M` memory only, `N` ModRM.rm MMX,
 * `O` moffs, `P` MMX, `Q` MMX or memory, `R` ModRM.rm general register only, `S` segment register, `U` ModRM.rm
 * vector only, `V` vector, `W` vector or memory, `X` `Y` memory of a string instruction. Ours, because the
 * appendix writes these out: `T` memory with a vector index, `Z` general register in the opcode, `Ra/Mb`
 * a register or a memory operand of another size. Registers by name: `AL` `CL` `AX` `DX`, `eAX` (16 or 32 bits), `rAX`,
 * `ES`…`GS`, `XMM0`, `ST`, `STi`; `1` is the constant.
 *
 * Sizes: `b w d q` 8-64, `dq` 128, `qq` 256, `v` operand size, `z` operand size at most 32, `y` 32 or 64, `p` far
 * pointer, `s` pseudo-descriptor, `a` two operands, `x ps pd` vector length, `ss sd` scalar. Ours: `t` 80 bits, `x/2`
 * `x/4` `x/8` parts of the vector length, `adr` address size, `fe` x87 environment, `fs` x87 state, `fx` FXSAVE area,
 * `zz` 64 bytes; no size: address only, nothing accessed (also XSAVE areas, whose size is known at run time only).
 */
import type { Operand, OperandKind } from "../operand.js";

/** Where the number of a register operand comes from. The decoder switches on these. */
export const Source = {
  /** No register. */
  None: 0,
  /** ModRM.reg and REX.R. */
  Reg: 1,
  /** ModRM.rm and REX.B if mod is 3. */
  Rm: 2,
  Vvvv: 3,
  /** Low bits of the opcode and REX.B. */
  Opcode: 4,
  /** ModRM.reg alone (MMX, segment). */
  Reg3: 5,
  /** ModRM.rm alone (MMX, x87). */
  Rm3: 6,
  /** Upper four bits of the immediate byte. */
  Is4: 7,
  /** 8 and more: the register number is fixed, source minus 8. */
  Fixed: 8,
} as const;

/** Immediate bytes of an instruction. The decoder switches on these. */
export const Immediate = {
  None: 0,
  /** Byte, zero-extended. */
  Ub: 1,
  /** Byte, sign-extended. */
  Sb: 2,
  /** Word, zero-extended. */
  Uw: 3,
  /** Word or doubleword by operand size, sign-extended. */
  Sz: 4,
  /** Word, doubleword or quadword by operand size. */
  Sv: 5,
  /** Far pointer. */
  Far: 6,
  /** Word, then byte (ENTER). */
  UwUb: 7,
  /** Two bytes (EXTRQ, INSERTQ). */
  UbUb: 8,
  /** Absolute offset of the address size. */
  Moffs: 9,
  /** The constant 1. */
  One: 10,
} as const;

const ADDRESSING = /^(sI|[ABCDEGHIJLMNOPQRSTUVWXYZ])([a-z]*(?:\/[248])?)$/;
const NAMED: Readonly<Record<string, readonly [OperandKind, string, number]>> = {
  AL: ["gpr", "b", 0],
  CL: ["gpr", "b", 1],
  AX: ["gpr", "w", 0],
  DX: ["gpr", "w", 2],
  eAX: ["gpr", "z", 0],
  rAX: ["gpr", "v", 0],
  ES: ["seg", "w", 0],
  CS: ["seg", "w", 1],
  SS: ["seg", "w", 2],
  DS: ["seg", "w", 3],
  FS: ["seg", "w", 4],
  GS: ["seg", "w", 5],
  XMM0: ["xmm", "dq", 0],
  ST: ["st", "t", 0],
};
const SOURCES: Readonly<Record<string, number>> = {
  B: Source.Vvvv,
  C: Source.Reg,
  D: Source.Reg,
  E: Source.Rm,
  G: Source.Reg,
  H: Source.Vvvv,
  L: Source.Is4,
  N: Source.Rm3,
  P: Source.Reg3,
  Q: Source.Rm3,
  R: Source.Rm,
  S: Source.Reg3,
  U: Source.Rm,
  V: Source.Reg,
  W: Source.Rm,
  Z: Source.Opcode,
};
const REGISTER_KINDS: Readonly<Record<string, OperandKind>> = {
  B: "gpr",
  C: "cr",
  D: "dr",
  E: "gpr",
  G: "gpr",
  N: "mm",
  P: "mm",
  Q: "mm",
  R: "gpr",
  S: "seg",
  Z: "gpr",
};
const FIXED_WIDTHS: Readonly<Record<string, number>> = {
  "": 0,
  b: 8,
  w: 16,
  d: 32,
  q: 64,
  t: 80,
  dq: 128,
  qq: 256,
  zz: 512,
  ss: 32,
  sd: 64,
  fx: 4096,
};

/** Everything that decides how an operand code resolves. */
export interface Context {
  readonly operandSize: number;
  readonly addressSize: number;
  readonly vexL: number;
  /** ModRM.mod is 3. */
  readonly register: boolean;
}

/** Does a code need the ModRM byte? */
export function usesModRM(code: string): boolean {
  return /^([CDEGMNPQRSTUVW][a-z]|[MT]$|STi$)/.test(code) && NAMED[code] === undefined;
}

/** The source of the register number of a code, a value of {@link Source}. */
export function registerSource(code: string): number {
  const named = NAMED[code];
  if (named !== undefined) return Source.Fixed + named[2];
  if (code === "STi") return Source.Rm3;
  const match = ADDRESSING.exec(code.split("/M")[0]!);
  return match === null ? Source.None : (SOURCES[match[1]!] ?? Source.None);
}

/** The immediate that a list of codes calls for, a value of {@link Immediate}. */
export function immediateOf(codes: readonly string[]): number {
  switch (codes.filter((code) => /^(s?I[a-z]|J[a-z]|A[a-z]|O[a-z]|L[a-z]|1$)/.test(code)).join(",")) {
    case "":
      return Immediate.None;
    case "Ib":
    case "Lx":
      return Immediate.Ub;
    case "sIb":
    case "Jb":
      return Immediate.Sb;
    case "Iw":
      return Immediate.Uw;
    case "Iz":
    case "Jz":
      return Immediate.Sz;
    case "Iv":
      return Immediate.Sv;
    case "Ap":
      return Immediate.Far;
    case "Iw,Ib":
      return Immediate.UwUb;
    case "Ib,Ib":
      return Immediate.UbUb;
    case "Ob":
    case "Ov":
      return Immediate.Moffs;
    case "1":
      return Immediate.One;
    default:
      throw new Error(`opcode table: immediates of ${codes.join(",")}`);
  }
}

function widthOf(size: string, context: Context): number {
  const { operandSize, vexL } = context;
  const vector = vexL === 0 ? 128 : 256;
  const fixed = FIXED_WIDTHS[size];
  if (fixed !== undefined) return fixed;
  switch (size) {
    case "v":
      return operandSize;
    case "z":
      return Math.min(operandSize, 32);
    case "y":
      return operandSize === 64 ? 64 : 32;
    case "p":
      return operandSize + 16;
    case "s":
      return operandSize === 64 ? 80 : 48;
    case "a":
      return 2 * operandSize;
    case "x":
    case "ps":
    case "pd":
      return vector;
    case "x/2":
      return vector / 2;
    case "x/4":
      return vector / 4;
    case "x/8":
      return vector / 8;
    case "adr":
      return context.addressSize;
    case "fe":
      return operandSize === 16 ? 14 * 8 : 28 * 8;
    case "fs":
      return operandSize === 16 ? 94 * 8 : 108 * 8;
    default:
      throw new Error(`opcode table: operand size "${size}"`);
  }
}

/** What a code stands for. */
export function resolve(code: string, context: Context): Operand {
  const named = NAMED[code];
  if (named !== undefined) return operand(named[0], widthOf(named[1], context));
  if (code === "STi") return operand("st", 80);
  if (code === "1") return operand("imm", 8);
  const memoryPart = code.indexOf("/M");
  if (memoryPart >= 0) {
    return resolve(context.register ? code.slice(0, memoryPart) : code.slice(memoryPart + 1), context);
  }
  const match = ADDRESSING.exec(code);
  if (match === null) throw new Error(`opcode table: operand "${code}"`);
  const letter = match[1]!;
  const width = widthOf(match[2]!, context);
  switch (letter) {
    case "sI":
      return operand("imm", context.operandSize);
    case "I":
      return operand("imm", match[2] === "z" ? context.operandSize : width);
    case "J":
      return operand("rel", context.operandSize);
    case "A":
      return operand("far", width);
    case "M":
    case "O":
    case "X":
    case "Y":
      return operand("mem", width);
    case "T":
      return operand("vmem", width);
    case "E":
    case "Q":
      return operand(context.register ? REGISTER_KINDS[letter]! : "mem", width);
    case "W":
      if (!context.register) return operand("mem", width);
      return operand(width === 256 ? "ymm" : "xmm", width);
    case "H":
    case "L":
    case "U":
    case "V":
      return operand(width === 256 ? "ymm" : "xmm", width);
    default:
      return operand(REGISTER_KINDS[letter]!, width);
  }
}

const operands = new Map<string, Operand>();
/** Of each operand, from 1. */
const numbers = new Map<Operand, number>();
/** By the numbers of their operands. */
const lists = new Map<number, readonly Operand[]>();
/** There are fewer operands; five of them make a list's number of 35 bits. */
const MOST_OPERANDS = 128;

function operand(kind: OperandKind, width: number): Operand {
  const key = `${kind}${width}`;
  let found = operands.get(key);
  if (found === undefined) {
    found = Object.freeze({ kind, width });
    operands.set(key, found);
    numbers.set(found, operands.size);
    if (operands.size >= MOST_OPERANDS) throw new Error("opcode table: too many operands");
  }
  return found;
}

/** AH, CH, DH or BH. */
export const HIGH_BYTE: Operand = operand("gpr8h", 8);

/** The one shared array of these operands: equal lists are the same array. */
export function intern(list: readonly Operand[]): readonly Operand[] {
  const key = list.reduce((number, one) => number * MOST_OPERANDS + numbers.get(one)!, 0);
  let found = lists.get(key);
  if (found === undefined) {
    found = Object.freeze([...list]);
    lists.set(key, found);
  }
  return found;
}

/** Operands that can be AH, CH, DH or BH, as a bit mask. */
export function byteRegisters(codes: readonly string[]): number {
  return codes.reduce((mask, code, i) => (/^[EGZ]b$/.test(code) ? mask | (1 << i) : mask), 0);
}
