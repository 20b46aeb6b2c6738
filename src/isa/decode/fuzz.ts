/**
 * Differential fuzzing of the decoder against iced-x86: random strings, structured strings (plausible prefixes, opcode
 * map, ModRM) and mutations of strings that decoded. Compared are validity, length, mnemonic, operands,
 * prefixes and sizes. Development only. Seeds make every run repeatable.
 */
import type * as Iced from "iced-x86";
import { type CodeSize, Instruction, NO_REGISTER, RIP_BASE, Segment } from "../instruction.js";
import { DecodeResult, Decoder } from "./decoder.js";
import {
  type IcedModule,
  type TranslatedRegister,
  type Translation,
  Translator,
  translateRegisters,
} from "./oracle.js";

/** Bytes of one test string; one more than the longest instruction. */
const STRING = 16;
const BATCH = 4096;
const MAX_REPORTED = 40;

export type Strategy = "random" | "structured" | "mutated";

export interface FuzzReport {
  readonly strings: number;
  readonly valid: number;
  readonly differences: number;
  /** The first differences, as text. */
  readonly examples: readonly string[];
}

const PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65];

export class Fuzzer {
  readonly #iced: IcedModule;
  readonly #translator: Translator;
  readonly #registers: (TranslatedRegister | undefined)[];
  readonly #decoder = new Decoder("all");
  readonly #ours = new Instruction();
  readonly #theirs: Iced.Instruction;
  readonly #batch = new Uint8Array(STRING * BATCH);
  /** A recent valid string of each form, by mode. */
  readonly #corpus: Record<CodeSize, Uint8Array[]> = { 16: [], 32: [], 64: [] };
  /** iced codes seen, by mode. */
  readonly seen: Record<CodeSize, Set<number>> = { 16: new Set(), 32: new Set(), 64: new Set() };
  #random: number;

  constructor(iced: IcedModule, seed = 1) {
    this.#iced = iced;
    this.#translator = new Translator(iced);
    this.#registers = translateRegisters(iced);
    this.#theirs = new iced.Instruction();
    this.#random = seed | 0 || 1;
  }

  /** iced codes that vt86 should know and that no string has hit. */
  unseen(codeSize: CodeSize): string[] {
    const expected = this.#translator.expected(codeSize);
    return expected.filter((code) => !this.seen[codeSize].has(code)).map((code) => this.#iced.Code[code]!);
  }

  run(codeSize: CodeSize, strategy: Strategy, count: number): FuzzReport {
    let valid = 0;
    let differences = 0;
    const examples: string[] = [];
    const ours = this.#ours;
    for (let done = 0; done < count; done += BATCH) {
      this.#fill(codeSize, strategy);
      const decoder = new this.#iced.Decoder(codeSize, this.#batch, this.#iced.DecoderOptions.None);
      const strings = Math.min(BATCH, count - done);
      for (let i = 0; i < strings; i++) {
        const at = i * STRING;
        decoder.position = at;
        decoder.ip = 0n;
        decoder.decodeOut(this.#theirs);
        const result = this.#decoder.decode(this.#batch, at, this.#batch.length, codeSize, ours);
        const difference = this.#compare(result, codeSize);
        if (difference !== "") {
          differences++;
          if (examples.length < MAX_REPORTED) examples.push(this.#describe(at, codeSize, difference));
        } else if (result === DecodeResult.Ok) {
          valid++;
          this.#keep(codeSize, at);
          const truncated = this.#checkTruncation(at, codeSize);
          if (truncated !== "") {
            differences++;
            if (examples.length < MAX_REPORTED) examples.push(this.#describe(at, codeSize, truncated));
          }
        }
      }
      decoder.free();
    }
    return { strings: count, valid, differences, examples };
  }

  #next(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 0;
  }

  #below(n: number): number {
    return (this.#next() >>> 4) % n;
  }

  #fill(codeSize: CodeSize, strategy: Strategy): void {
    const batch = this.#batch;
    for (let i = 0; i < batch.length; i++) batch[i] = this.#next() >>> 11;
    if (strategy === "random") return;
    const corpus = this.#corpus[codeSize].filter((entry) => entry !== undefined);
    for (let at = 0; at < batch.length; at += STRING) {
      if (strategy === "mutated" && corpus.length > 0) this.#mutate(corpus, at);
      else this.#structure(codeSize, at);
    }
  }

  /** Prefixes, perhaps REX or VEX, an opcode map, a random rest. */
  #structure(codeSize: CodeSize, at: number): void {
    const batch = this.#batch;
    let p = at;
    const kind = this.#below(16);
    for (let n = this.#below(4) - 1; n > 0; n--) batch[p++] = PREFIXES[this.#below(PREFIXES.length)]!;
    if (kind < 5) {
      const long = kind < 3;
      batch[p++] = long ? 0xc4 : 0xc5;
      const high = codeSize === 64 ? this.#below(8) << 5 : 0xc0 | (this.#below(2) << 5);
      if (long) {
        batch[p++] = high | (1 + this.#below(3));
        // Half of them with an unused vvvv.
        batch[p] = this.#next() & 0x87;
        if (this.#below(2) === 0) batch[p]! |= 0x78;
        if (this.#below(16) === 0) this.#gather(codeSize, at, p - 2);
      } else {
        batch[p++] = 0xc0 | (this.#below(2) === 0 ? 0x38 : this.#next() & 0x38) | this.#below(8);
      }
      return;
    }
    if (codeSize === 64 && this.#below(2) === 0) batch[p++] = 0x40 | this.#below(16);
    if (kind < 8) return;
    batch[p++] = 0x0f;
    if (kind < 12) return;
    batch[p++] = kind < 14 ? 0x38 : 0x3a;
  }

  /** Makes the VEX prefix at `vex` a gather, which chance seldom does: it needs SIB, and 67 in 16-bit code. */
  #gather(codeSize: CodeSize, at: number, vex: number): void {
    const batch = this.#batch;
    const high = batch[vex + 1]! & 0xe0;
    const payload = (this.#next() & 0xfc) | 1;
    const p = codeSize === 16 ? at + 1 : at;
    batch[at] = 0x67;
    batch.set([0xc4, high | 2, payload, 0x90 | this.#below(4), 4 | (this.#below(24) << 3)], p);
  }

  /** One to three changes of a valid string: a byte, a bit, a prefix in front, two strings spliced. */
  #mutate(corpus: readonly Uint8Array[], at: number): void {
    const batch = this.#batch;
    batch.set(corpus[this.#below(corpus.length)]!, at);
    for (let n = 1 + this.#below(3); n > 0; n--) {
      const i = at + this.#below(6);
      switch (this.#below(4)) {
        case 0:
          batch[i] = this.#next() >>> 9;
          break;
        case 1:
          batch[i]! ^= 1 << this.#below(8);
          break;
        case 2:
          batch.copyWithin(at + 1, at, at + STRING - 1);
          batch[at] = PREFIXES[this.#below(PREFIXES.length)]!;
          break;
        default:
          batch.set(corpus[this.#below(corpus.length)]!.subarray(0, at + STRING - i), i);
      }
    }
  }

  #keep(codeSize: CodeSize, at: number): void {
    const corpus = this.#corpus[codeSize];
    const id = this.#ours.form.id;
    const entry = corpus[id];
    if (entry === undefined) corpus[id] = this.#batch.slice(at, at + STRING);
    else if (this.#below(8) === 0) entry.set(this.#batch.subarray(at, at + STRING));
  }

  /** A valid string that is cut anywhere needs more. */
  #checkTruncation(at: number, codeSize: CodeSize): string {
    const length = this.#ours.length;
    if (length === 1) return "";
    const cut = 1 + this.#below(length - 1);
    const result = this.#decoder.decode(this.#batch, at, at + cut, codeSize, this.#ours);
    return result === DecodeResult.NeedMore ? "" : `cut after ${cut} bytes: result ${result}`;
  }

  #describe(at: number, codeSize: CodeSize, difference: string): string {
    const bytes = [...this.#batch.subarray(at, at + STRING)].map((byte) =>
      byte.toString(16).padStart(2, "0"),
    );
    const code = this.#theirs.code;
    return `${codeSize}-bit ${bytes.join(" ")}: ${this.#iced.Code[code]}: ${difference}`;
  }

  /** "" where both agree. */
  #compare(result: DecodeResult, codeSize: CodeSize): string {
    const theirs = this.#theirs;
    const ours = this.#ours;
    const code = theirs.code;
    const expected = code === 0 ? undefined : this.#translator.translate(code);
    if (expected === undefined || expected.mnemonic === "") {
      return result === DecodeResult.Ok ? `should be invalid, is ${ours.form.mnemonic}` : "";
    }
    if (result !== DecodeResult.Ok) return `is ${expected.mnemonic}, result ${result}`;
    this.seen[codeSize].add(code);
    if (ours.form.mnemonic !== expected.mnemonic) return `mnemonic ${ours.form.mnemonic}`;
    if (ours.length !== theirs.length) return `length ${ours.length}, iced ${theirs.length}`;
    if (ours.lock !== theirs.hasLockPrefix) return "lock";
    if (expected.operandSize !== 0 && ours.operandSize !== expected.operandSize)
      return `operand size ${ours.operandSize}`;
    if (expected.addressSize !== 0 && ours.addressSize !== expected.addressSize)
      return `address size ${ours.addressSize}`;
    if (expected.string) return this.#compareString(expected);
    return this.#compareOperands(expected);
  }

  #compareString(expected: Translation): string {
    const ours = this.#ours;
    const theirs = this.#theirs;
    if (ours.operands.length !== 1 || ours.operands[0]!.width !== expected.memoryWidth)
      return "string operand";
    const rep = theirs.hasRepePrefix ? 0xf3 : theirs.hasRepnePrefix ? 0xf2 : 0;
    if (rep !== ours.rep) return `rep ${ours.rep.toString(16)}`;
    const K = this.#iced.OpKind;
    for (let i = 0; i < 2; i++) {
      const kind = theirs.opKind(i);
      if (kind < K.MemorySegSI || kind > K.MemorySegRSI) continue;
      if (ours.addressSize !== 16 << (kind - K.MemorySegSI)) return "string address size";
      if (ours.segment !== this.#segment()) return "string segment";
    }
    return "";
  }

  /** iced's segment; it doesn't drop the null prefixes of 64-bit mode. */
  #segment(): number {
    const R = this.#iced.Register;
    const prefix = this.#theirs.segmentPrefix;
    if (this.#theirs.codeSize !== this.#iced.CodeSize.Code64 || prefix < R.ES || prefix > R.DS) {
      return this.#theirs.memorySegment - R.ES;
    }
    const { memory, base } = this.#ours;
    return memory && (base === 4 || base === 5) ? Segment.SS : Segment.DS;
  }

  #compareOperands(expected: Translation): string {
    const ours = this.#ours;
    const theirs = this.#theirs;
    const K = this.#iced.OpKind;
    // iced leaves out implicit XMM0, and counts implicit memory.
    let count = ours.form.operandCodes.at(-1) === "XMM0" ? ours.operands.length - 1 : ours.operands.length;
    let theirCount = expected.opCount;
    let first = 0;
    if (expected.mnemonic === "xlat") theirCount = 0;
    if (/^v?maskmov(q|dqu)$/.test(expected.mnemonic)) first = 1;
    if (theirCount > 0 && first === 1) theirCount--;
    if (expected.mnemonic === "xlat" || first === 1) {
      if (ours.segment !== this.#segment()) return `implicit segment ${ours.segment}`;
    }
    if (expected.hint) {
      theirCount = Math.min(theirCount, 1);
      count = Math.min(count, theirCount);
    }
    if (count !== theirCount) return `${count} operands`;
    for (let i = 0; i < count; i++) {
      const kind = theirs.opKind(i + first);
      const different =
        kind === K.Register
          ? this.#compareRegister(i, theirs.opRegister(i + first), expected)
          : kind === K.Memory
            ? this.#compareMemory(i, expected)
            : this.#compareImmediate(i, kind);
      if (different !== "") return `operand ${i}: ${different}`;
    }
    return "";
  }

  #compareRegister(i: number, register: number, expected: Translation): string {
    const { kind, width } = this.#ours.operands[i]!;
    const number = this.#ours.registers[i]!;
    const theirs = this.#registers[register];
    if (theirs === undefined) return `iced register ${this.#iced.Register[register]}`;
    const theirWidth = expected.wordRegisters && kind === "gpr" && width === 16 ? 16 : theirs.width;
    if (kind === theirs.kind && number === theirs.number && (theirWidth === 0 || width === theirWidth))
      return "";
    return `${kind}${width} ${number}, iced ${this.#iced.Register[register]}`;
  }

  #compareMemory(i: number, expected: Translation): string {
    const ours = this.#ours;
    const theirs = this.#theirs;
    const { kind, width } = ours.operands[i]!;
    const vector = theirs.isVsib;
    if (kind !== (vector ? "vmem" : "mem")) return `${kind}, iced memory`;
    if (!ours.memory) return "memory flag";
    if (expected.memoryWidth >= 0 && width !== expected.memoryWidth)
      return `width ${width}, iced ${expected.memoryWidth}`;
    const relative = theirs.isIpRelMemoryOperand;
    const base = theirs.memoryBase;
    const theirBase = relative ? RIP_BASE : base === 0 ? NO_REGISTER : this.#registers[base]!.number;
    if (ours.base !== theirBase) return `base ${ours.base}, iced ${theirBase}`;
    const index = theirs.memoryIndex;
    const theirIndex = index === 0 ? NO_REGISTER : this.#registers[index]!.number;
    if (ours.index !== theirIndex) return `index ${ours.index}, iced ${theirIndex}`;
    if (index !== 0 && 1 << ours.scale !== theirs.memoryIndexScale) return `scale ${ours.scale}`;
    if (ours.segment !== this.#segment()) return `segment ${ours.segment}, iced ${this.#segment()}`;
    let displacement = theirs.memoryDisplSize === 0 ? 0n : theirs.memoryDisplacementU64;
    if (relative) displacement -= BigInt(theirs.length);
    const mine = (BigInt(ours.displacementHigh) << 32n) | BigInt(ours.displacement >>> 0);
    if (BigInt.asUintN(ours.addressSize, mine - displacement) !== 0n) return `displacement ${mine}`;
    return "";
  }

  #compareImmediate(i: number, kind: Iced.OpKind): string {
    const K = this.#iced.OpKind;
    const ours = this.#ours;
    const theirs = this.#theirs;
    const operand = ours.operands[i]!;
    const second = kind === K.Immediate8_2nd;
    const mine = second
      ? BigInt(ours.immediate2)
      : (BigInt(ours.immediateHigh) << 32n) | BigInt(ours.immediate >>> 0);
    switch (kind) {
      case K.NearBranch16:
      case K.NearBranch32:
      case K.NearBranch64: {
        const bits = 16 << (kind - K.NearBranch16);
        if (operand.kind !== "rel" || operand.width !== bits)
          return `${operand.kind}${operand.width}, iced branch`;
        const target = theirs.nearBranchTarget - BigInt(theirs.length);
        return BigInt.asUintN(bits, mine - target) === 0n ? "" : `branch ${mine}`;
      }
      case K.FarBranch16:
      case K.FarBranch32: {
        const offset = kind === K.FarBranch16 ? theirs.farBranch16 : theirs.farBranch32;
        const width = kind === K.FarBranch16 ? 32 : 48;
        const same = ours.immediate >>> 0 === offset && ours.immediate2 === theirs.farBranchSelector;
        return operand.kind === "far" && operand.width === width && same ? "" : "far pointer";
      }
      default: {
        if (operand.kind !== "imm") return `${operand.kind}, iced immediate`;
        const value = second ? BigInt(theirs.immediate8_2nd) : theirs.immediate(i);
        const bits = operand.width;
        return BigInt.asUintN(bits, mine - value) === 0n ? "" : `immediate ${mine}, iced ${value}`;
      }
    }
  }
}
