/**
 * Which handlers the interpreter has: one for every shape of instruction that the decoder can produce.
 *
 * The list is found by decoding: all opcodes with all prefixes that matter, in the three code sizes. So a
 * row that is added to the opcode map gets its handlers without further ado. Shapes that generate equal code
 * share a handler.
 */
import { Decoder, DecodeResult } from "../../isa/decode/decoder.js";
import { definitionOf, type Shape } from "../../isa/emit.js";
import { type CodeSize, Instruction } from "../../isa/instruction.js";
import type { Operand } from "../../isa/operand.js";

/** Numbers of handlers that are not instructions. They come first. */
export const Handler = {
  /** Falls through to the lookup of the block at the record's own address: the end of a block. */
  end: 0,
  /** First record of a block whose code was overwritten: look it up again. */
  dead: 1,
  /** A dead block whose successor is known (record's immediate). */
  forward: 2,
  /** No such instruction: #UD. */
  invalid: 3,
  /** Longer than 15 bytes: #GP(0). */
  tooLong: 4,
  /** x87, MMX or SSE state not available: #NM. */
  notAvailable: 5,
  first: 6,
} as const;

/** The name under which shapes share a handler. */
export function shapeKey(shape: Shape): string {
  const definition = definitionOf(shape.mnemonic);
  const operands = shape.operands.map((o) => o.kind + o.width).join(",");
  let key = `${shape.mnemonic} ${operands}`;
  if (!definition) return `${key} undefined`;
  if (definition.operandSize) key += ` o${shape.operandSize}`;
  if (definition.addressSize) key += ` a${shape.addressSize}`;
  if (definition.long) key += shape.long ? " long" : " legacy";
  if (definition.rep && shape.rep) key += ` rep${shape.rep.toString(16)}`;
  if (shape.aligned) key += " aligned";
  return key;
}

function shapeOf(instruction: Instruction, codeSize: CodeSize): Shape {
  const { form } = instruction;
  return {
    mnemonic: form.mnemonic,
    operands: instruction.operands,
    operandSize: instruction.operandSize,
    addressSize: instruction.addressSize,
    long: codeSize === 64,
    rep: instruction.rep,
    vex: form.vex,
    aligned: form.aligned,
  };
}

export class ShapeTable {
  readonly shapes: Shape[] = [];
  private readonly byKey = new Map<string, number>();
  /** Handler numbers by operand list (a shared object) and packed facts: the fast way to {@link handlerOf}. */
  private readonly cache = new Map<readonly Operand[], Map<number, number>>();

  /** Enumerates every shape, the ones named in `hot` first and in that order. */
  constructor(hot: readonly string[] = []) {
    const found = new Map<string, Shape>();
    for (const shape of enumerateShapes()) {
      const key = shapeKey(shape);
      if (definitionOf(shape.mnemonic) && !found.has(key)) found.set(key, shape);
    }
    const order = [...hot.filter((key) => found.has(key)), ...[...found.keys()].filter((key) => !hot.includes(key))];
    for (const key of order) this.byKey.set(key, Handler.first + this.shapes.push(found.get(key)!) - 1);
    this.hotCount = hot.filter((key) => found.has(key)).length;
  }

  readonly hotCount: number;

  /** Number of handlers, the special ones included. */
  get count(): number {
    return Handler.first + this.shapes.length;
  }

  key(handler: number): string {
    return shapeKey(this.shapes[handler - Handler.first]!);
  }

  /** The handler of a decoded instruction; {@link Handler.invalid} where it has no meaning (yet). */
  handlerOf(instruction: Instruction, codeSize: CodeSize): number {
    const { form, operands } = instruction;
    const facts =
      ((((form.id * 4 + (instruction.operandSize >> 5)) * 4 + (instruction.addressSize >> 5)) * 2 +
        (codeSize === 64 ? 1 : 0)) *
        4 +
        (instruction.rep & 3)) *
        2 +
      (form.aligned ? 1 : 0);
    let inner = this.cache.get(operands);
    if (!inner) {
      inner = new Map();
      this.cache.set(operands, inner);
    }
    let handler = inner.get(facts);
    if (handler === undefined) {
      handler = this.byKey.get(shapeKey(shapeOf(instruction, codeSize))) ?? Handler.invalid;
      inner.set(facts, handler);
    }
    return handler;
  }
}

/** Decodes a systematic set of byte strings and yields the shapes they have. */
function* enumerateShapes(): Generator<Shape> {
  const decoder = new Decoder("all");
  const instruction = new Instruction();
  const bytes = new Uint8Array(24);
  const prefixes = [[], [0x66], [0xf3], [0xf2], [0x67], [0x66, 0xf3], [0x66, 0xf2], [0x67, 0xf3], [0x67, 0xf2], [0x66, 0x67], [0x66, 0x67, 0xf3], [0x66, 0x67, 0xf2]];
  const rexes = [-1, 0x40, 0x48];
  const modrms: number[] = [];
  for (let reg = 0; reg < 8; reg++) modrms.push(0x00 | (reg << 3), 0xc0 | (reg << 3));
  // Register forms whose rm selects another operand kind (AH … in the byte forms) or another row (0F 01, x87).
  const allModrms = Array.from({ length: 256 }, (_, i) => i).filter((m) => m >= 0xc0 || (m & 7) === 0 || (m & 7) === 4);
  const tryDecode = function* (codeSize: CodeSize, length: number): Generator<Shape> {
    bytes.fill(0, length);
    if (decoder.decode(bytes, 0, 15, codeSize, instruction) === DecodeResult.Ok) yield shapeOf(instruction, codeSize);
  };
  for (const codeSize of [64, 32, 16] as const) {
    for (const prefix of prefixes) {
      for (const rex of codeSize === 64 ? rexes : [-1]) {
        const start = [...prefix, ...(rex >= 0 ? [rex] : [])];
        for (const map of [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]]) {
          bytes.set(start);
          bytes.set(map, start.length);
          const at = start.length + map.length;
          for (let opcode = 0; opcode < 256; opcode++) {
            const wide = map.length === 0 || (map.length === 1 && (opcode <= 0x01 || opcode === 0xae || opcode === 0xc7 || opcode === 0x1e || opcode===0xb6 || opcode === 0xbe || opcode === 0xc0 || opcode === 0xb0 || (opcode >= 0x90 && opcode < 0xa0)));
            for (const modrm of wide || map.length === 2 && opcode === 0xf0 ? allModrms : modrms) {
              bytes[at] = opcode;
              bytes[at + 1] = modrm;
              bytes[at + 2] = modrm & 7 ? 0x25 : 0;
              yield* tryDecode(codeSize, at + 3);
            }
          }
        }
      }
    }
    // VEX: three-byte form, all maps, pp, L, W.
    for (let map = 1; map <= 3; map++) {
      for (let low = 0; low < 8; low++) {
        for (const w of [0, 0x80]) {
          for (const addressPrefix of [false, true]) {
            const at = addressPrefix ? 1 : 0;
            if (addressPrefix) bytes[0] = 0x67;
            for (const vvvv of [0x78, 0x70]) {
              for (let opcode = 0; opcode < 256; opcode++) {
                for (const modrm of [...modrms, 0x04, 0x0c]) {
                  bytes[at] = 0xc4;
                  bytes[at + 1] = 0xe0 | map;
                  bytes[at + 2] = w | vvvv | low;
                  bytes[at + 3] = opcode;
                  bytes[at + 4] = modrm;
                  bytes[at + 5] = 0x25;
                  yield* tryDecode(codeSize, at + 6);
                }
              }
            }
          }
        }
      }
    }
  }
}
