/**
 * Finds every shape of instruction, by decoding: all opcodes with all prefixes that matter, in the three code
 * sizes. So a row that is added to the opcode map gets its handlers without further ado.
 */
import { DecodeResult, Decoder } from "../../isa/decode/decoder.js";
import { definitionOf, type Shape } from "../../isa/emit.js";
import { type CodeSize, Instruction } from "../../isa/instruction.js";
import { shapeKey, shapeOf } from "./shapes.js";

/** Shapes that have a meaning, by name; those named in `hot` first and in that order. */
export function findShapes(hot: readonly string[]): ReadonlyMap<string, Shape> {
  const found = new Map<string, Shape>();
  for (const shape of enumerateShapes()) {
    const key = shapeKey(shape);
    if (definitionOf(shape.mnemonic) && !found.has(key)) found.set(key, shape);
  }
  const ordered = new Map<string, Shape>();
  for (const key of [...hot, ...found.keys()]) {
    const shape = found.get(key);
    if (shape) ordered.set(key, shape);
  }
  return ordered;
}

/** Decodes a systematic set of byte strings and yields the shapes they have. */
function* enumerateShapes(): Generator<Shape> {
  const decoder = new Decoder("all");
  const instruction = new Instruction();
  const bytes = new Uint8Array(24);
  const prefixes = [
    [],
    [0x66],
    [0xf3],
    [0xf2],
    [0x67],
    [0x66, 0xf3],
    [0x66, 0xf2],
    [0x67, 0xf3],
    [0x67, 0xf2],
    [0x66, 0x67],
    [0x66, 0x67, 0xf3],
    [0x66, 0x67, 0xf2],
  ];
  const rexes = [-1, 0x40, 0x48];
  const modrms: number[] = [];
  for (let reg = 0; reg < 8; reg++) modrms.push(0x00 | (reg << 3), 0xc0 | (reg << 3));
  // Register forms whose rm selects another operand kind (AH … in the byte forms) or another row (0F 01, x87).
  const allModrms = Array.from({ length: 256 }, (_, i) => i).filter(
    (m) => m >= 0xc0 || (m & 7) === 0 || (m & 7) === 4,
  );
  const tryDecode = function* (codeSize: CodeSize, length: number): Generator<Shape> {
    bytes.fill(0, length);
    if (decoder.decode(bytes, 0, 15, codeSize, instruction) === DecodeResult.Ok)
      yield shapeOf(instruction, codeSize);
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
            const wide =
              map.length === 0 ||
              (map.length === 1 &&
                (opcode <= 0x01 ||
                  opcode === 0xae ||
                  opcode === 0xc7 ||
                  opcode === 0x1e ||
                  opcode === 0xb6 ||
                  opcode === 0xbe ||
                  opcode === 0xc0 ||
                  opcode === 0xb0 ||
                  (opcode >= 0x90 && opcode < 0xa0)));
            for (const modrm of wide || (map.length === 2 && opcode === 0xf0) ? allModrms : modrms) {
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
