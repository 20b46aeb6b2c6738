/**
 * The registers, as constants. Numbers are those of the encoding (Intel SDM volume 2A, table 3-1).
 */

/** Of an operand, in bits. */
export type Width = 8 | 16 | 32 | 64;

/** A general-purpose register, or a part of one. */
export class Gpr {
  readonly name: string;
  readonly width: Width;
  readonly number: number;

  constructor(name: string, width: Width, number: number) {
    this.name = name;
    this.width = width;
    this.number = number;
  }

  /** SPL BPL SIL DIL share their numbers with AH CH DH BH: a REX prefix tells them apart. */
  get needsRex(): boolean {
    return this.width === 8 && this.number >= 4 && this.number < 8 && !this.excludesRex;
  }

  get excludesRex(): boolean {
    return this.width === 8 && this.name.endsWith("h");
  }
}

export class SegmentRegister {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
}

export class ControlRegister {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
}

export class DebugRegister {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
}

export class Xmm {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
}

function gprs<const Names extends readonly string[]>(
  width: Width,
  names: Names,
): { [Index in keyof Names]: Gpr } {
  return names.map((name, number) => new Gpr(name, width, number)) as { [Index in keyof Names]: Gpr };
}

export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = gprs(64, [
  ...(["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const),
  ...(["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const),
]);
export const [eax, ecx, edx, ebx, esp, ebp, esi, edi, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d] = gprs(
  32,
  [
    ...(["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const),
    ...(["r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"] as const),
  ],
);
export const [ax, cx, dx, bx, sp, bp, si, di, r8w, r9w, r10w, r11w, r12w, r13w, r14w, r15w] = gprs(16, [
  ...(["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"] as const),
  ...(["r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"] as const),
]);
export const [al, cl, dl, bl, spl, bpl, sil, dil, r8b, r9b, r10b, r11b, r12b, r13b, r14b, r15b] = gprs(8, [
  ...(["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"] as const),
  ...(["r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"] as const),
]);
export const ah = new Gpr("ah", 8, 4);
export const ch = new Gpr("ch", 8, 5);
export const dh = new Gpr("dh", 8, 6);
export const bh = new Gpr("bh", 8, 7);

export const es = new SegmentRegister(0);
export const cs = new SegmentRegister(1);
export const ss = new SegmentRegister(2);
export const ds = new SegmentRegister(3);
export const fs = new SegmentRegister(4);
export const gs = new SegmentRegister(5);

export const cr0 = new ControlRegister(0);
export const cr2 = new ControlRegister(2);
export const cr3 = new ControlRegister(3);
export const cr4 = new ControlRegister(4);
export const cr8 = new ControlRegister(8);

export const dr0 = new DebugRegister(0);
export const dr1 = new DebugRegister(1);
export const dr2 = new DebugRegister(2);
export const dr3 = new DebugRegister(3);
export const dr6 = new DebugRegister(6);
export const dr7 = new DebugRegister(7);

export const xmm0 = new Xmm(0);
export const xmm1 = new Xmm(1);
export const xmm2 = new Xmm(2);
export const xmm3 = new Xmm(3);
export const xmm4 = new Xmm(4);
export const xmm5 = new Xmm(5);
export const xmm6 = new Xmm(6);
export const xmm7 = new Xmm(7);
export const xmm8 = new Xmm(8);
export const xmm9 = new Xmm(9);
