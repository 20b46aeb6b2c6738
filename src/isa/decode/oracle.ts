/**
 * The oracle of the decoder's tests: iced-x86 (a development dependency), and how its names and conventions map to
 * ours. Development only.
 *
 * Exclusions are by instruction, never by bytes: an iced instruction whose CPUID feature vt86 has none of, is
 * expected to be invalid, or a NOP where the opcode is a hint (0F 18-1F).
 */
import type * as Iced from "iced-x86";
import type { OperandKind } from "../operand.js";

export type IcedModule = typeof Iced;

/** Loads iced-x86; throws if the development dependencies are not installed. */
export async function loadIced(): Promise<IcedModule> {
  const loaded = (await import("iced-x86")) as IcedModule & { default?: IcedModule };
  return loaded.default ?? loaded;
}

/** CPUID features of iced that no vt86 model has (regular expressions on the names). */
const ABSENT_FEATURES = [
  /^(XOP|FMA4|TBM|LWP|D3NOW|D3NOWEXT|MPX|MVEX|KNC|AVX512.*|AVX_.*|SHA512|SM3|SM4|AMX.*|KL|AESKLE|WIDE_KL)$/,
  /^(SGX1|OSS|ENQCMD|UINTR|RTM|HLE_or_RTM|TSXLDTRK|PCONFIG|HRESET|TDX|SMX|FRED|LKGS|TSE|RAO_INT|CMPCCXADD)$/,
  /^(MSRLIST|WRMSRNS|UDBG|CET_SS|PREFETCHITI|IA64|INTEL8086_ONLY)$/,
  /^(MCOMMIT|MONITORX|SEV_SNP|INVLPGB|RMPQUERY|PADLOCK.*|CENTAUR.*|CYRIX.*)$/,
];

/** Opcodes of {@link ABSENT_FEATURES} that are hints: RDSSP and PREFETCHIT. */
const HINTS = /^(Rdssp[dq]|Prefetchit[01])_/;

/** iced mnemonics that are named otherwise here; see also {@link mnemonicOf}. */
const RENAMED: Readonly<Record<string, string>> = {
  wait: "fwait",
  sal: "shl",
  jecxz: "jcxz",
  jrcxz: "jcxz",
  fstpnce: "fstp",
  reservednop: "nop",
  vmgexit: "vmmcall",
  xlatb: "xlat",
  sysretq: "sysret",
  sysexitq: "sysexit",
};

/** One iced `Code`, translated. */
export interface Translation {
  readonly name: string;
  /** What vt86 has: the mnemonic; "" where the instruction must be invalid. */
  readonly mnemonic: string;
  readonly opCount: number;
  /** Width in bits of the memory operand by our conventions, or -1 where it isn't compared. */
  readonly memoryWidth: number;
  /** Operands are implicit memory of a string instruction. */
  readonly string: boolean;
  /** Register operands are 16 bits wide whatever iced says: only 16 bits are read. */
  readonly wordRegisters: boolean;
  /** Only the first operand is compared (hint NOPs have one operand here). */
  readonly hint: boolean;
  readonly operandSize: number;
  readonly addressSize: number;
}

function mnemonicOf(iced: IcedModule, name: string, info: Iced.OpCodeInfo, string: boolean): string {
  const plain = iced.Mnemonic[info.mnemonic]!.toLowerCase();
  if (string) return plain.slice(0, -1);
  if (HINTS.test(name) || name.startsWith("Prefetchreserved")) return "nop";
  if (/^(Call|Jmp)_(ptr|m)16/.test(name)) return `${plain}f`;
  if (/^(push|pop)(f|a)[wdq]?$/.test(plain)) return plain.replace(/[wdq]$/, "");
  if (/^(iret|vmrun|vmload|vmsave)[wdq]$/.test(plain)) return plain.slice(0, -1);
  if (/^(f?xsave|f?xrstor|xsaveopt|xsavec|xsaves|xrstors|v?pcmpestr[im])64$/.test(plain))
    return plain.slice(0, -2);
  return RENAMED[plain] ?? plain;
}

/** Reads nothing, or an amount that depends on the machine's state. */
const NO_WIDTH = /^(lea|invlpg|prefetch.*|cldemote|clflush|clflushopt|clwb|x(save|rstor).*)$/;
const WORD_REGISTERS = /^(lldt|ltr|verr|verw|lmsw|lar|lsl|arpl)$/;

/** Translates iced codes, caching. */
export class Translator {
  readonly #cache: (Translation | undefined)[] = [];
  readonly #iced: IcedModule;

  constructor(iced: IcedModule) {
    this.#iced = iced;
  }

  translate(code: number): Translation {
    const cached = this.#cache[code];
    if (cached !== undefined) return cached;
    const made = this.#make(code);
    this.#cache[code] = made;
    return made;
  }

  /** Codes that the decoder should know in a mode. */
  expected(bitness: number): number[] {
    const codes = Object.values(this.#iced.Code).filter(
      (value): value is Iced.Code => typeof value === "number",
    );
    return codes.filter((code) => {
      const info = this.#iced.CodeExt.opCode(code);
      const intel =
        bitness === 16 ? info.intelDecoder16 : bitness === 32 ? info.intelDecoder32 : info.intelDecoder64;
      const amd = bitness === 16 ? info.amdDecoder16 : bitness === 32 ? info.amdDecoder32 : info.amdDecoder64;
      // An instruction with FWAIT in front is two here; AMD's 16-bit branches in 64-bit mode aren't decoded.
      const exists =
        info.isInstruction &&
        info.isAvailableInMode(bitness) &&
        info.decoderOption === 0 &&
        !info.fwait &&
        (intel || (amd && !/_rel8_16|_rel16$|^Retnw|^(Call|Jmp)_rm16$|^Ud0$/.test(this.#iced.Code[code]!)));
      info.free();
      return exists && this.translate(code).mnemonic !== "";
    });
  }

  #make(code: number): Translation {
    const iced = this.#iced;
    const name = iced.Code[code]!;
    const info = iced.CodeExt.opCode(code);
    const kinds = [0, 1].map((i) => (i < info.opCount ? info.opKind(i) : iced.OpCodeOperandKind.None));
    const kindsOf = iced.OpCodeOperandKind;
    const string = kinds.some((kind) => kind === kindsOf.es_rDI || kind === kindsOf.seg_rSI);
    const instruction = new iced.Instruction();
    instruction.code = code;
    const features = [...instruction.cpuidFeatures()].map((feature) => iced.CpuidFeature[feature]!);
    instruction.free();
    const foreign =
      (info.encoding !== iced.EncodingKind.Legacy && info.encoding !== iced.EncodingKind.VEX) ||
      features.some((feature) => ABSENT_FEATURES.some((pattern) => pattern.test(feature)));
    const hint = HINTS.test(name);
    const mnemonic = foreign && !hint ? "" : mnemonicOf(iced, name, info, string);
    const wordSegment = mnemonic === "mov" && kinds[0] === kindsOf.seg_reg;
    const size = iced.MemorySizeExt.size(info.memorySize) * 8;
    const translation: Translation = {
      name,
      mnemonic,
      opCount: hint ? 0 : info.opCount,
      memoryWidth: hint || mnemonic === "nop" ? -1 : NO_WIDTH.test(mnemonic) ? 0 : size,
      string,
      wordRegisters: wordSegment || WORD_REGISTERS.test(mnemonic),
      hint: mnemonic === "nop",
      operandSize: info.operandSize,
      addressSize: info.addressSize,
    };
    info.free();
    return translation;
  }
}

/** A register of iced as kind, width and number. */
export interface TranslatedRegister {
  readonly kind: OperandKind;
  readonly width: number;
  readonly number: number;
}

/** All registers by iced's number; ours only. */
export function translateRegisters(iced: IcedModule): (TranslatedRegister | undefined)[] {
  const table: (TranslatedRegister | undefined)[] = [];
  const R = iced.Register;
  const range = (first: number, count: number, kind: OperandKind, width: number, number = 0) => {
    for (let i = 0; i < count; i++) table[first + i] = { kind, width, number: number + i };
  };
  range(R.AL, 4, "gpr", 8);
  range(R.AH, 4, "gpr8h", 8);
  range(R.SPL, 12, "gpr", 8, 4);
  range(R.AX, 16, "gpr", 16);
  range(R.EAX, 16, "gpr", 32);
  range(R.RAX, 16, "gpr", 64);
  range(R.ES, 6, "seg", 16);
  range(R.XMM0, 16, "xmm", 0);
  range(R.YMM0, 16, "ymm", 0);
  range(R.CR0, 16, "cr", 0);
  range(R.DR0, 16, "dr", 0);
  range(R.ST0, 8, "st", 0);
  range(R.MM0, 8, "mm", 0);
  return table;
}
