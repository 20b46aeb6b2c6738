/** Makes programs: random bytes, random valid instructions, system templates, and mixtures of them. */
import { DecodeResult, Decoder } from "../../isa/decode/decoder.js";
import { type CodeSize, Instruction } from "../../isa/instruction.js";
import { CodeWriter } from "./code-writer.js";
import { At } from "./layout.js";
import { DEVICES, Random } from "./random.js";
import { templates } from "./templates.js";

/** Valid instructions kept per code size. */
const POOL = 6000;

export class ProgramSource {
  private readonly pools: Record<CodeSize, Uint8Array[]>;

  constructor() {
    this.pools = { 16: validInstructions(16), 32: validInstructions(32), 64: validInstructions(64) };
  }

  /** Code for linear address `origin`. */
  write(random: Random, codeSize: CodeSize, origin: number): CodeWriter {
    const w = new CodeWriter(codeSize, origin);
    const kind = random.below(8);
    const pieces = 4 + random.below(28);
    if (kind === 0) {
      const bytes = new Uint8Array(16 + random.below(400));
      random.bytes(bytes);
      w.append(bytes);
    }
    for (let i = 0; kind !== 0 && i < pieces && !w.full; i++) {
      if (kind <= 2 || (kind >= 5 && random.oneIn(2))) this.instruction(w, random);
      else random.pick(templates)(w, random);
    }
    this.finish(w, random);
    if (random.oneIn(8)) for (let i = 0; i < 3; i++) w.bytes[random.below(w.length)] = random.u32();
    return w;
  }

  private instruction(w: CodeWriter, random: Random): void {
    const bytes = random.pick(this.pools[w.codeSize]);
    const at = w.length;
    w.append(bytes);
    // The last byte belongs to an immediate, a displacement or ModRM, mostly.
    if (random.oneIn(4)) w.bytes[at + bytes.length - 1] = random.u32();
  }

  private finish(w: CodeWriter, random: Random): void {
    switch (random.below(6)) {
      case 0:
        w.emit(0xf4);
        break;
      case 1:
        w.emit(0x0f, 0x0b);
        break;
      case 2:
        break;
      default: {
        // Back to the beginning, or a bit further on.
        const target = random.oneIn(3) ? random.below(w.length + 1) : 0;
        w.emit(0xe9);
        w.number(target - w.length - (w.codeSize === 16 ? 2 : 4), w.codeSize === 16 ? 2 : 4);
      }
    }
  }
}

/** Where a program begins. */
export function origin(random: Random): number {
  if (random.oneIn(64)) return random.pick(DEVICES);
  if (random.oneIn(8)) return At.code + 0xff0 + random.below(32);
  return At.code + random.below(0x400);
}

function validInstructions(codeSize: CodeSize): Uint8Array[] {
  const random = new Random(codeSize);
  const decoder = new Decoder("all");
  const instruction = new Instruction();
  const bytes = new Uint8Array(16);
  const pool: Uint8Array[] = [];
  const forms = new Map<unknown, number>();
  for (let tries = 0; pool.length < POOL && tries < 200_000; tries++) {
    random.bytes(bytes);
    let at = 0;
    if (random.oneIn(4)) bytes[at++] = random.pick([0x66, 0xf3, 0xf2, 0x67, 0xf0, 0x64]);
    if (codeSize === 64 && random.oneIn(3)) bytes[at++] = 0x40 | random.below(16);
    if (random.oneIn(2)) bytes[at++] = 0x0f;
    else if (random.oneIn(6)) bytes.set([0xc4, 0xe0 | random.below(4), random.u32() & 0x7f], at);
    if (decoder.decode(bytes, 0, 16, codeSize, instruction) !== DecodeResult.Ok) continue;
    const seen = forms.get(instruction.form) ?? 0;
    if (seen >= 12) continue;
    forms.set(instruction.form, seen + 1);
    pool.push(bytes.slice(0, instruction.length));
  }
  return pool;
}
