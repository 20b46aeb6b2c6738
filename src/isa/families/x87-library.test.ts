/**
 * The x87 library functions agree with the exact helpers wherever they do not give up, and then have changed nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FCW, FPR, FSW, FTW, STATE_SIZE } from "../state.js";
import { x87Helpers } from "./helpers-x87.js";
import { instantiateLibrary, Random } from "./library.test.helper.js";
import { DONE } from "./x87-compare-library.js";
import { Deferred, Fsw, OPERAND, OperandFormat } from "./x87-protocol.js";
import "./x87-arith.js";
import "./x87-compare.js";
import "./x87-load-store.js";

const CPU = 0x1000;
const { view, bytes, functions } = instantiateLibrary();
const random = new Random();

/** What a value in a register looks like. */
const Style = { anything: 0, edges: 1, near: 2, ordinary: 3, integer: 4 } as const;
type Style = (typeof Style)[keyof typeof Style];
const styles: readonly Style[] = Object.values(Style);

const edgeExponents = [
  0, 1, 2, 0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x400e, 0x401e, 0x403d, 0x403e, 0x7ffd, 0x7ffe, 0x7fff,
];
const edgeSignificands = [
  0n,
  1n,
  1n << 62n,
  1n << 63n,
  (1n << 63n) | 1n,
  (1n << 63n) | (1n << 10n),
  (1n << 63n) | (1n << 39n),
  (3n << 62n) - 1n,
  3n << 62n,
  (1n << 64n) - 1n,
];

function value80(style: Style): { sig: bigint; se: number } {
  const sign = random.below(2) << 15;
  const normal = random.bits64() | (1n << 63n);
  switch (style) {
    case Style.anything:
      return { sig: random.bits64(), se: random.below(0x10000) };
    case Style.edges:
      return { sig: random.pick(edgeSignificands), se: random.pick(edgeExponents) | sign };
    case Style.near: {
      // Few bits, so that sums cancel and results are exact or lie half-way.
      const sig = normal & ~((1n << BigInt(random.below(64))) - 1n);
      return { sig: sig | (1n << 63n), se: (0x3fff + random.below(4) - 2) | sign };
    }
    case Style.ordinary:
      return { sig: normal, se: (0x3fff + random.below(140) - 70) | sign };
    default: {
      const integer = (BigInt(random.below(0x1000000)) << 1n) | 1n;
      const length = integer.toString(2).length;
      return { sig: integer << BigInt(64 - length), se: (0x3fff + length - 1 - random.below(2)) | sign };
    }
  }
}

function memoryBits(format: OperandFormat): bigint {
  const edges = [
    0n,
    1n,
    0x8000n,
    0x7fffffffn,
    0x80000000n,
    1n << 63n,
    (1n << 63n) - 1n,
    0x7f800000n,
    0xff800001n,
    0x7ff0000000000000n,
    0x7ff0000000000001n,
    0x10000000000000n,
  ];
  if (random.below(8) === 0) return random.pick(edges);
  const ordinary = new DataView(new ArrayBuffer(8));
  const number = (random.below(0x1000000) - 0x800000) * 2 ** (random.below(60) - 40);
  if (format === OperandFormat.f64) ordinary.setFloat64(0, number + random.below(1000) * 2 ** -50);
  else if (format === OperandFormat.f32) ordinary.setFloat32(4, number);
  else ordinary.setBigInt64(0, BigInt.asIntN(64, random.bits64()) >> BigInt(random.below(64)));
  return ordinary.getBigUint64(0);
}

function prepare(style: Style, plain: boolean): void {
  bytes.fill(0, CPU, CPU + STATE_SIZE);
  for (let i = 0; i < 8; i++) {
    const { sig, se } = value80(style);
    view.setBigUint64(CPU + FPR + i * 16, sig, true);
    view.setUint16(CPU + FPR + i * 16 + 8, se, true);
  }
  const top = random.below(8);
  const masks = plain || random.below(4) !== 0 ? 0x3f : random.below(0x40);
  const control = plain ? 0x300 : random.below(0x10) << 8;
  view.setUint32(CPU + FCW, control | 0x40 | masks, true);
  // Condition codes and flags; plain ones are masked or not exceptions.
  const status = random.below(2) ? random.below(0x10000) & (plain ? 0x4720 : 0x473f) : 0;
  view.setUint32(CPU + FSW, (top << 11) | status, true);
  view.setUint32(
    CPU + FTW,
    plain || random.below(3) !== 0 ? 0xff & ~(1 << ((top + 7) & 7)) : random.below(0x100),
    true,
  );
}

/** A library function and the helper whose common case it is. */
interface Pair {
  readonly fast: string;
  readonly exact: string;
  readonly fastArgs: readonly (number | bigint)[];
  readonly exactArgs: readonly number[];
  /** Operand in memory. */
  readonly operand?: { readonly bits: bigint; readonly format: OperandFormat };
  readonly stores?: boolean;
}

const memoryFormats = [
  ["f32", OperandFormat.f32],
  ["f64", OperandFormat.f64],
  ["integer", OperandFormat.i16],
  ["integer", OperandFormat.i32],
  ["integer", OperandFormat.i64],
] as const;
const integerWidth: Readonly<Record<number, number>> = { 2: 16, 3: 32, 4: 64 };

function operandPair(
  fast: string,
  exact: string,
  more: readonly number[],
  exactMore: readonly number[] = more,
): Pair {
  const [source, format] = random.pick(memoryFormats);
  const bits = memoryBits(format);
  const width = integerWidth[format];
  const argument = width ? BigInt.asIntN(width, bits) : bits;
  return {
    fast: `${fast}_${source}`,
    exact,
    fastArgs: [argument, ...more],
    exactArgs: [format, ...exactMore],
    operand: { bits: format === OperandFormat.f32 ? bits & 0xffffffffn : bits, format },
  };
}

const signs = { fadd: 0, fsub: 0x80000000 | 0, fsubr: 0x8000 };
const i = () => random.below(8);

function arithmeticPair(): Pair {
  const name = random.pick(["fadd", "fsub", "fsubr", "fmul", "fdiv", "fdivr"] as const);
  const pops = random.below(2);
  const [destination, source] = random.below(2) ? [0, i()] : [i(), 0];
  const more = name in signs ? [signs[name as keyof typeof signs]] : [];
  if (random.below(2)) {
    const fast =
      name in signs ? "x87_add" : name === "fmul" ? "x87_mul" : name === "fdiv" ? "x87_div" : "x87_divr";
    return operandPair(fast, `x87_${name}_memory`, more, []);
  }
  const fast = name in signs ? "x87_add" : name === "fmul" ? "x87_mul" : "x87_div";
  const operands = name === "fdivr" ? [source, destination] : [destination, source];
  return {
    fast,
    exact: `x87_${name}`,
    fastArgs: [destination, ...operands, pops, ...more],
    exactArgs: [destination, source, pops],
  };
}

const same = (fast: string, exact: string, ...args: number[]): Pair => ({
  fast,
  exact,
  fastArgs: args,
  exactArgs: args,
});

const makers: Readonly<Record<string, () => Pair>> = {
  arithmetic: arithmeticPair,
  fsqrt: () => same("x87_sqrt", "x87_fsqrt"),
  fchs: () => ({ fast: "x87_sign", exact: "x87_fchs", fastArgs: [0xffff, 0x8000], exactArgs: [] }),
  fabs: () => ({ fast: "x87_sign", exact: "x87_fabs", fastArgs: [0x7fff, 0], exactArgs: [] }),
  frndint: () => same("x87_rndint", "x87_frndint"),
  push: () => operandPair("x87_push", "x87_push", []),
  pushRegister: () => same("x87_push_register", "x87_push_register", i()),
  copy: () => same("x87_copy", "x87_copy", i(), random.below(2)),
  fcmov: () => same("x87_cmov", "x87_fcmov", i(), random.below(2)),
  fxch: () => same("x87_exchange", "x87_fxch", i()),
  compare: () => {
    const [pops, other] = [random.below(3), i()];
    const exactArgs = [other, random.below(2), pops];
    return { fast: `x87_compare${pops}`, exact: "x87_compare", fastArgs: [other], exactArgs };
  },
  compareMemory: () => operandPair("x87_compare", "x87_compare_memory", [random.below(2)]),
  ftst: () => ({ fast: "x87_compare_integer", exact: "x87_ftst", fastArgs: [0n, 0], exactArgs: [] }),
  compareFlags: () => {
    const [pops, other] = [random.below(2), i()];
    return {
      fast: "x87_compare_flags",
      exact: "x87_compare_flags",
      fastArgs: [other, pops],
      exactArgs: [other, random.below(2), pops],
    };
  },
  store: () => {
    const [fast, format] = random.pick([
      ["store_f32", OperandFormat.f32],
      ["store_f64", OperandFormat.f64],
      ["store_f80", OperandFormat.f80],
      ["store_i16", OperandFormat.i16],
      ["store_i32", OperandFormat.i32],
      ["store_i64", OperandFormat.i64],
      ["truncate_i16", OperandFormat.i16],
      ["truncate_i32", OperandFormat.i32],
      ["truncate_i64", OperandFormat.i64],
    ] as const);
    const pops = random.below(2);
    const exact = fast.startsWith("truncate") ? "x87_truncate" : "x87_convert";
    return { fast: `x87_${fast}`, exact, fastArgs: [pops], exactArgs: [format, pops], stores: true };
  },
};

const OPERAND_BYTES: Readonly<Record<number, number>> = { 0: 4, 1: 8, 2: 2, 3: 4, 4: 8, 5: 10 };

/** Everything that an instruction sees afterwards. */
function outcome({ stores, exactArgs }: Pair): string {
  const field = (offset: number, length: number) =>
    Buffer.from(bytes.subarray(CPU + offset, CPU + offset + length)).toString("hex");
  const registers = Array.from({ length: 8 }, (_, n) => field(FPR + n * 16, 10));
  const status = [field(FSW, 4), field(FTW, 4)];
  const stored = stores
    ? [field(OPERAND, OPERAND_BYTES[exactArgs[0]!]!), field(Deferred.fsw, 4), field(Deferred.ftw, 4)]
    : [];
  return [...registers, ...status, ...stored].join(" ");
}

/** Whether the library function did it. */
function compareOne(pair: Pair): boolean {
  if (pair.operand) view.setBigUint64(CPU + OPERAND, pair.operand.bits, true);
  const before = bytes.slice(CPU, CPU + STATE_SIZE);
  const result = functions[pair.fast]!(CPU, ...pair.fastArgs) as number;
  const after = outcome(pair);
  const words = new DataView(before.buffer);
  const text = () =>
    `${pair.fast}(${pair.fastArgs}) FCW ${words.getUint16(FCW, true).toString(16)} ` +
    `before ${Buffer.from(before.subarray(FPR, FPR + 128)).toString("hex")}`;
  if (result === 0) {
    assert.ok(Buffer.compare(before, bytes.subarray(CPU, CPU + STATE_SIZE)) === 0, `${text()}: changed`);
    return false;
  }
  // A pending #MF is found before anything is done.
  assert.equal(words.getUint16(FSW, true) & Fsw.ES, 0);
  bytes.set(before, CPU);
  const exact = x87Helpers[pair.exact]!(view, CPU, 0, ...pair.exactArgs);
  assert.equal(after, outcome(pair), text());
  if (pair.exact === "x87_compare_flags") assert.equal(result & ~DONE, exact, text());
  return true;
}

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: the common case and the exact way agree`, () => {
    const rounds = name === "arithmetic" ? 30000 : name === "store" ? 9000 : 2500;
    let done = 0;
    for (let round = 0; round < rounds; round++) {
      prepare(styles[round % styles.length]!, false);
      if (random.below(50) === 0) view.setUint8(CPU + FSW, view.getUint8(CPU + FSW) | Fsw.ES);
      if (compareOne(make())) done++;
    }
    assert.ok(done > rounds / 20, `${done} of ${rounds}`);
  });
}

test("ordinary values are the common case", () => {
  for (const [name, make] of Object.entries(makers)) {
    // Roots of negative numbers, integers out of range, and the empty register below the stack remain.
    for (let round = 0; round < 500; round++) {
      prepare(Style.integer, true);
      for (let n = 0; n < 8; n++) bytes[CPU + FPR + n * 16 + 9]! &= name === "fsqrt" ? 0x7f : 0xff;
      const pair = make();
      const usesEmpty = pair.fastArgs.some((argument) => argument === 7);
      const special = pair.operand && isSpecial(pair);
      if (usesEmpty || special || /i16|div/.test(pair.fast)) continue;
      assert.ok(compareOne(pair), `${pair.fast}(${pair.fastArgs})`);
    }
  }
});

/** Memory operands that are no ordinary numbers. */
function isSpecial({ operand }: Pair): boolean {
  if (!operand || operand.format > OperandFormat.f64) return false;
  const exponent =
    operand.format === OperandFormat.f32 ? (operand.bits >> 23n) & 0xffn : (operand.bits >> 52n) & 0x7ffn;
  return exponent === 0n || exponent === (operand.format === OperandFormat.f32 ? 0xffn : 0x7ffn);
}
