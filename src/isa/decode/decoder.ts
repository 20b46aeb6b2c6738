/**
 * The instruction decoder: bytes to {@link Instruction}, for 16-, 32- and 64-bit code. Intel SDM vol. 2A, chapter 2
 * (instruction format), vol. 2D, appendix A (opcode maps); AMD APM vol. 3, chapter 1.
 *
 * - It knows the code size, not the CPU mode: what is undefined in real-address or virtual-8086 mode only has
 *   `form.protectedModeOnly`, and the engine answers.
 * - It allocates nothing. `out` is meaningful only after `Ok`.
 * - Where Intel and AMD differ it follows Intel: near branches ignore 66h in 64-bit mode, far pointers in memory
 *   have 80 bits with REX.W, LOCK before MOV CR0 is #UD, UD0 has a ModRM byte.
 * - The last of F2 and F3 counts. A null segment prefix (26 2E 36 3E) in 64-bit mode doesn't cancel FS or GS.
 */
import type { Feature } from "../form.js";
import { type CodeSize, type Instruction, NO_REGISTER, type OperandSize, Segment } from "../instruction.js";
import { decodeImmediate, decodeMemory16, decodeMemory32 } from "./fields.js";
import {
  allForms,
  Flag,
  formByteRegisters,
  formFlags,
  formImmediate,
  formLists,
  formSources,
  Immediate,
  LIST_STRIDE,
  listIndex,
  operandLists,
  Source,
} from "./forms.js";
import {
  modrmIndex,
  OpcodeTables,
  STATE_B,
  STATE_L,
  STATE_MODE64,
  STATE_OPERAND_SIZE,
  STATE_W,
  stateIndex,
} from "./opcode-map.js";

/** What {@link Decoder.decode} answers. */
export const DecodeResult = {
  Ok: 0,
  /** No such instruction in this model: #UD. */
  Invalid: 1,
  /** More than 15 bytes: #GP(0). */
  TooLong: 2,
  /** The bytes ended before the instruction did. */
  NeedMore: 3,
} as const;
export type DecodeResult = (typeof DecodeResult)[keyof typeof DecodeResult];

export { allForms } from "./forms.js";

/** Longest instruction (SDM vol. 2A, 2.3.11). */
const MAX_LENGTH = 15;

const Prefix = {
  None: 0,
  OperandSize: 1,
  AddressSize: 2,
  Repeat: 3,
  Lock: 4,
  Null: 5,
  Rex: 6,
  Segment: 8,
} as const;

/** Kind of each byte as a prefix; 256 + byte in 64-bit mode. `Segment` + n selects segment n. */
const prefixKinds = new Uint8Array(512);
for (const mode of [0, 256]) {
  [0x26, 0x2e, 0x36, 0x3e].forEach((byte, segment) => {
    prefixKinds[mode + byte] = mode === 0 ? Prefix.Segment + segment : Prefix.Null;
  });
  prefixKinds[mode + 0x64] = Prefix.Segment + 4;
  prefixKinds[mode + 0x65] = Prefix.Segment + 5;
  prefixKinds[mode + 0x66] = Prefix.OperandSize;
  prefixKinds[mode + 0x67] = Prefix.AddressSize;
  prefixKinds[mode + 0xf0] = Prefix.Lock;
  prefixKinds[mode + 0xf2] = Prefix.Repeat;
  prefixKinds[mode + 0xf3] = Prefix.Repeat;
}
prefixKinds.fill(Prefix.Rex, 256 + 0x40, 256 + 0x50);

/** Control registers that exist: CR0 CR2 CR3 CR4 CR8. */
const CONTROL_REGISTERS = 0b1_0001_1101;

export class Decoder {
  readonly #tables: OpcodeTables;

  /** `features` are those of the CPU model; `"all"` decodes everything in the tables. */
  constructor(features: ReadonlySet<Feature> | "all") {
    this.#tables = new OpcodeTables(features);
  }

  /**
   * Decodes the instruction at `bytes[offset]`. Bytes from `limit` on are not there (segment limit, page not
   * present): `NeedMore` says that the instruction extends beyond. An instruction that is invalid by the bytes
   * before `limit` is `Invalid`.
   */
  decode(
    bytes: Uint8Array,
    offset: number,
    limit: number,
    codeSize: CodeSize,
    out: Instruction,
  ): DecodeResult {
    const cut = limit - offset >= MAX_LENGTH;
    const end = cut ? offset + MAX_LENGTH : limit;
    const short = cut ? DecodeResult.TooLong : DecodeResult.NeedMore;
    const mode64 = codeSize === 64 ? 1 : 0;
    let p = offset;

    let opcode = 0;
    let operand66 = 0;
    let address67 = 0;
    let repeat: 0 | 0xf2 | 0xf3 = 0;
    let lock = false;
    let rex = 0;
    let segment = -1;
    prefixes: for (;;) {
      if (p >= end) return short;
      opcode = bytes[p++]!;
      const kind = prefixKinds[(mode64 << 8) | opcode]!;
      switch (kind) {
        case Prefix.None:
          break prefixes;
        case Prefix.Rex:
          rex = opcode;
          continue;
        case Prefix.OperandSize:
          operand66 = 1;
          break;
        case Prefix.AddressSize:
          address67 = 1;
          break;
        case Prefix.Repeat:
          repeat = opcode as 0xf2 | 0xf3;
          break;
        case Prefix.Lock:
          lock = true;
          break;
        case Prefix.Null:
          break;
        default:
          segment = kind - Prefix.Segment;
      }
      // REX counts only directly before the opcode.
      rex = 0;
    }

    let w = (rex >> 3) & 1;
    let r = (rex & 4) << 1;
    let x = (rex & 2) << 2;
    let b = (rex & 1) << 3;
    let map = 0;
    let vex = false;
    let vexL: 0 | 1 = 0;
    let vvvv = 0;
    let pp = repeat !== 0 ? (repeat === 0xf3 ? 2 : 3) : operand66;
    if (opcode === 0x0f) {
      if (p >= end) return short;
      opcode = bytes[p++]!;
      map = 1;
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? 2 : 3;
        if (p >= end) return short;
        opcode = bytes[p++]!;
      }
    } else if (opcode === 0xc5 || opcode === 0xc4) {
      // LES and LDS, where they exist, have memory operands.
      if (p >= end) return short;
      const payload = bytes[p]!;
      if (mode64 !== 0 || payload >= 0xc0) {
        if (repeat !== 0 || operand66 !== 0 || lock || rex !== 0) return DecodeResult.Invalid;
        vex = true;
        p++;
        r = (~payload >> 4) & 8;
        let last = payload;
        map = 1;
        if (opcode === 0xc4) {
          map = payload & 31;
          if (map < 1 || map > 3) return DecodeResult.Invalid;
          if (p >= end) return short;
          last = bytes[p++]!;
          w = last >> 7;
          x = (~payload >> 3) & 8;
          b = mode64 === 0 ? 0 : (~payload >> 2) & 8;
        }
        map += 4;
        pp = last & 3;
        vexL = ((last >> 2) & 1) as 0 | 1;
        vvvv = (~last >> 3) & 15;
        if (p >= end) return short;
        opcode = bytes[p++]!;
      }
    }

    const tables = this.#tables;
    const slot = (map << 8) | opcode;
    const kind = tables.kind[slot]!;
    if (kind === 0) return DecodeResult.Invalid;
    let modrm = 0;
    if (kind === 2) {
      if (p >= end) return short;
      modrm = bytes[p++]!;
    }
    const plainSize = codeSize === 16 ? 0 : 1;
    // 0, 1, 2 for 16, 32, 64.
    let size = vex ? (w !== 0 && mode64 !== 0 ? 2 : 1) : w !== 0 ? 2 : plainSize ^ operand66;
    const state =
      pp |
      (w << STATE_W) |
      (vexL << STATE_L) |
      (mode64 << STATE_MODE64) |
      (size << STATE_OPERAND_SIZE) |
      ((b >> 3) << STATE_B);
    const cell =
      tables.cells[
        tables.base[slot]! +
          stateIndex[tables.states[slot]! + state]! * tables.stride[slot]! +
          modrmIndex[tables.modrm[slot]! + modrm]!
      ]!;
    if (cell === 0) return DecodeResult.Invalid;
    const id = cell - 1;
    const flags = formFlags[id]!;
    const register = modrm >= 0xc0 || (flags & Flag.AnyMod) !== 0 ? 1 : 0;
    if (lock && ((flags & Flag.Lockable) === 0 || register !== 0)) return DecodeResult.Invalid;
    if ((flags & Flag.No66) !== 0 && operand66 !== 0) return DecodeResult.Invalid;
    if ((flags & Flag.Opcode66) !== 0 && w === 0) size = plainSize;
    if (mode64 !== 0) {
      if ((flags & Flag.Forced64) !== 0) size = 2;
      else if ((flags & Flag.Default64) !== 0 && operand66 === 0) size = 2;
      else if ((flags & Flag.AtMost32) !== 0 && size === 2) size = 1;
    }
    const addressBits = codeSize === 64 ? 2 - address67 : plainSize ^ address67;

    out.form = allForms[id]!;
    out.operandSize = (16 << size) as OperandSize;
    out.addressSize = (16 << addressBits) as OperandSize;
    out.lock = lock;
    out.rep = (flags & Flag.OpcodeRepeat) !== 0 ? 0 : repeat;
    out.segment = segment >= 0 ? segment : Segment.DS;
    out.segmentOverride = segment >= 0;
    out.memory = false;
    out.base = NO_REGISTER;
    out.index = NO_REGISTER;
    out.scale = 0;
    out.displacement = 0;
    out.displacementHigh = 0;
    out.immediate = 0;
    out.immediateHigh = 0;
    out.immediate2 = 0;
    out.vexL = vexL;

    if ((flags & Flag.ModRM) !== 0 && register === 0) {
      const vector = (flags & Flag.VectorIndex) !== 0;
      if (vector && ((modrm & 7) !== 4 || addressBits === 0)) return DecodeResult.Invalid;
      p =
        addressBits === 0
          ? decodeMemory16(bytes, p, end, modrm, out)
          : decodeMemory32(bytes, p, end, modrm, x, b, mode64 !== 0, vector, out);
      if (p < 0) return short;
    }

    const immediateKind = formImmediate[id]!;
    if (immediateKind !== Immediate.None) {
      p = decodeImmediate(bytes, p, end, immediateKind, size, addressBits, out);
      if (p < 0) return short;
    }

    const reg = (modrm >> 3) & 7;
    const numbers = out.registers;
    const list = listIndex(size, addressBits, vexL, register);
    const lists = formLists[id]! + list;
    const operands = operandLists[lists]!;
    const firstSource = id * 5;
    for (let i = 0; i < operands.length; i++) {
      const source = formSources[firstSource + i]!;
      switch (source) {
        case Source.None:
          numbers[i] = 0;
          break;
        case Source.Reg:
          numbers[i] = reg | r;
          break;
        case Source.Rm:
          numbers[i] = register === 0 ? 0 : (modrm & 7) | b;
          break;
        case Source.Vvvv:
          numbers[i] = mode64 !== 0 ? vvvv : vvvv & 7;
          break;
        case Source.Opcode:
          numbers[i] = (opcode & 7) | b;
          break;
        case Source.Reg3:
          numbers[i] = reg;
          break;
        case Source.Rm3:
          numbers[i] = register === 0 ? 0 : modrm & 7;
          break;
        case Source.Is4:
          numbers[i] = (out.immediate >> 4) & (mode64 !== 0 ? 15 : 7);
          break;
        default:
          numbers[i] = source - Source.Fixed;
      }
    }
    out.operands = operands;
    out.list = list;
    if ((flags & (Flag.ByteRegister | Flag.NoVvvv | Flag.VectorIndex | Flag.SpecialRegister)) !== 0) {
      if ((flags & Flag.ByteRegister) !== 0) {
        if (rex === 0) selectHighBytes(id, lists, out);
      } else if ((flags & Flag.NoVvvv) !== 0) {
        if (vvvv !== 0) return DecodeResult.Invalid;
      } else if ((flags & Flag.VectorIndex) !== 0) {
        if (out.index === numbers[0] || out.index === numbers[2] || numbers[0] === numbers[2]) {
          return DecodeResult.Invalid;
        }
      } else if (!specialRegisterExists(out)) {
        return DecodeResult.Invalid;
      }
    }
    out.length = p - offset;
    return DecodeResult.Ok;
  }
}

/** Without REX, byte registers 4-7 are AH CH DH BH. `lists` is the form's list without any. */
function selectHighBytes(id: number, lists: number, out: Instruction): void {
  const candidates = formByteRegisters[id]!;
  let high = 0;
  for (let i = 0; i < 2; i++) {
    if (((candidates >> i) & 1) !== 0 && out.registers[i]! >= 4 && out.operands[i]!.kind === "gpr") {
      out.registers[i]! -= 4;
      high |= 1 << i;
    }
  }
  if (high === 0) return;
  out.operands = operandLists[lists + high * LIST_STRIDE]!;
  out.list += high * LIST_STRIDE;
}

/** Whether the segment, control or debug register exists, and may be written if it is the destination. */
function specialRegisterExists(out: Instruction): boolean {
  const { operands, registers } = out;
  for (let i = 0; i < 2; i++) {
    const number = registers[i]!;
    switch (operands[i]!.kind) {
      case "seg":
        if (number > 5 || (i === 0 && number === Segment.CS)) return false;
        break;
      case "cr":
        if (((CONTROL_REGISTERS >> number) & 1) === 0) return false;
        break;
      case "dr":
        if (number > 7) return false;
        break;
    }
  }
  return true;
}
