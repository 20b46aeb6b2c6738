/**
 * A form: one row of the opcode map, that is one encoding of one instruction (for example `ADD r/m, r`).
 *
 * Forms are data. Semantics are looked up by mnemonic; several forms share one meaning.
 */

/**
 * CPUID features that decide whether a form exists. `base` forms exist on every model. The decoder is given
 * the set of features of the CPU model and answers #UD for the others.
 */
export type Feature =
  | "base"
  | "x87"
  | "cmov"
  | "mmx"
  | "fxsr"
  | "sse"
  | "sse2"
  | "sse3"
  | "ssse3"
  | "sse4_1"
  | "sse4_2"
  | "sse4a"
  | "popcnt"
  | "lzcnt"
  | "bmi1"
  | "bmi2"
  | "adx"
  | "movbe"
  | "aes"
  | "pclmulqdq"
  | "sha"
  | "gfni"
  | "vaes"
  | "vpclmulqdq"
  | "avx"
  | "avx2"
  | "fma"
  | "f16c"
  | "xsave"
  | "xsaveopt"
  | "xsavec"
  | "xsaves"
  | "fsgsbase"
  | "rdrand"
  | "rdseed"
  | "rdtscp"
  | "rdpid"
  | "invpcid"
  | "smap"
  | "clflush"
  | "clflushopt"
  | "clwb"
  | "monitor"
  | "cx8"
  | "cx16"
  | "syscall"
  | "sep"
  | "long"
  | "lahf64"
  | "prefetchw"
  | "pku"
  | "vmx"
  | "svm"
  | "smx"
  | "waitpkg"
  | "movdiri"
  | "movdir64b"
  | "serialize"
  | "cldemote"
  | "ptwrite"
  | "wbnoinvd"
  | "clzero"
  | "rdpru"
  | "cet"
  | "rtm"
  | "mpx"
  | "3dnow"
  | "fma4"
  | "xop"
  | "tbm"
  | "lwp"
  | "enqcmd"
  | "uintr"
  | "mcommit"
  | "snp"
  | "pconfig"
  | "sgx"
  | "kl"
  | "hreset"
  | "avxvnni"
  | "other";

export interface Form {
  /** Position in the list of all forms. */
  readonly id: number;
  /** Lower case, as the Intel manual writes it (`add`, `cmpxchg8b`, `vaddps`, `sysretq` is `sysret`). Conditions spelled out: `jz` is `je`, `setnz` is `setne`, `cmovb`. */
  readonly mnemonic: string;
  /** Operand codes in the notation of Intel SDM vol. 2D, appendix A.2 (`Eb`, `Gv`, `Iz`, `Mq`, `Vx`, `Hx`, `Wss` …). */
  readonly operandCodes: readonly string[];
  readonly feature: Feature;
  /** LOCK is legal when the destination is memory. */
  readonly lockable: boolean;
  /** The encoding is VEX. */
  readonly vex: boolean;
  /** A 16-byte (or 32-byte) memory operand must be aligned, else #GP(0). */
  readonly aligned: boolean;
  /** #UD in real-address and virtual-8086 mode (LAR, ARPL, all VEX forms, …). */
  readonly protectedModeOnly?: boolean;
}
