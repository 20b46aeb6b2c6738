/**
 * Every register of the processor by the name that GDB has for it, as an unsigned number.
 *
 * `rip` is the linear address of the next instruction: where the code segment has a base, that is not the RIP of the
 * manuals, but what breakpoints and memory are addressed by.
 */
import { SegmentIndex } from "../cpu/cpu-state.js";
import { Fault } from "../cpu/fault.js";
import { gprNames, segmentNames } from "../cpu/names.js";
import * as S from "../isa/state.js";
import type { Pc } from "./pc.js";

interface Access {
  read(pc: Pc): bigint;
  /** Absent for what a debugger can't change. False when the value is not possible. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most writes can't fail
  write?(pc: Pc, value: bigint): boolean | void;
}

const table = new Map<string, Access>();

/** Registers of the state block. */
function field(name: string, offset: number, bits: 16 | 32 | 64): void {
  table.set(name, {
    read: ({ cpu }) => (bits === 64 ? cpu.state.u64(offset) : BigInt(cpu.state.u32(offset))),
    write: ({ cpu }, value) =>
      bits === 64
        ? cpu.state.setU64(offset, value)
        : cpu.state.setU32(offset, Number(BigInt.asUintN(bits, value))),
  });
}

for (const [i, name] of gprNames.entries()) {
  table.set(name, {
    read: ({ cpu }) => cpu.state.gpr(i),
    write: ({ cpu }, value) => cpu.state.setGpr(i, value),
  });
}

table.set("rip", {
  read: ({ cpu }) => cpu.state.linearRip,
  write: ({ cpu }, value) => {
    const { state } = cpu;
    if (value === state.linearRip) return;
    state.rip = state.long ? value : BigInt.asUintN(32, value - state.segmentBase(SegmentIndex.CS));
    cpu.debugger.pass(undefined);
    cpu.activity = 0;
  },
});
table.set("eflags", {
  read: ({ cpu }) => BigInt(cpu.state.rflags),
  write: ({ cpu }, value) => {
    cpu.state.rflags = Number(value & 0x3f_ffffn);
    cpu.modeChanged();
  },
});

// --- segments ---

for (const [i, name] of segmentNames.entries()) {
  table.set(name, {
    read: ({ cpu }) => BigInt(cpu.state.selector(i)),
    // A selector stands for a descriptor in protected mode: only what it is already can be written.
    write: ({ cpu }, value) => {
      const { state } = cpu;
      if (Number(value) === state.selector(i)) return true;
      if ((state.protectedMode && !state.v86) || i > SegmentIndex.GS) return false;
      state.setSegment(i, {
        ...state.segment(i),
        selector: Number(value & 0xffffn),
        base: (value & 0xffffn) << 4n,
      });
      cpu.modeChanged();
      return true;
    },
  });
  field(`${name}_base`, S.SEGMENT_BASE + i * 8, 64);
  field(`${name}_limit`, S.SEGMENT_LIMIT + i * 4, 32);
  field(`${name}_rights`, S.SEGMENT_RIGHTS + i * 4, 32);
}
field("gdtr_base", S.GDTR_BASE, 64);
field("gdtr_limit", S.GDTR_LIMIT, 32);
field("idtr_base", S.IDTR_BASE, 64);
field("idtr_limit", S.IDTR_LIMIT, 32);

// --- control and debug registers ---

const controls = { cr0: S.CR0, cr2: S.CR2, cr3: S.CR3, cr4: S.CR4, efer: S.EFER } as const;
for (const [name, offset] of Object.entries(controls)) {
  table.set(name, {
    read: ({ cpu }) => cpu.state.u64(offset),
    write: ({ cpu }, value) => {
      cpu.state.setU64(offset, value);
      cpu.modeChanged();
      cpu.mmu.flushAll();
    },
  });
}
table.set("cr8", {
  read: ({ cpu }) => BigInt(cpu.taskPriority),
  write: ({ cpu }, value) => {
    cpu.taskPriority = Number(value & 0xfn);
  },
});
for (const i of [0, 1, 2, 3, 6, 7]) {
  table.set(`dr${i}`, {
    read: ({ cpu }) => cpu.state.dr(i),
    write: ({ cpu }, value) => cpu.debug.load(i, value),
  });
}

// --- x87, SSE, AVX ---

const top = (pc: Pc): number => (pc.cpu.state.u32(S.FSW) >> 11) & 7;
for (let i = 0; i < 8; i++) {
  const at = (pc: Pc) => S.FPR + ((top(pc) + i) & 7) * 16;
  table.set(`st${i}`, {
    read: (pc) => pc.cpu.state.u64(at(pc)) | (BigInt(pc.cpu.state.u32(at(pc) + 8) & 0xffff) << 64n),
    write: (pc, value) => {
      pc.cpu.state.setU64(at(pc), BigInt.asUintN(64, value));
      pc.cpu.state.setU32(at(pc) + 8, Number((value >> 64n) & 0xffffn));
    },
  });
}
/** Two tag bits of a physical register: 0 valid, 1 zero, 2 special, 3 empty (SDM vol. 1, 8.1.7). */
function tag(pc: Pc, register: number): number {
  const { state } = pc.cpu;
  if (((state.u32(S.FTW) >> register) & 1) === 0) return 3;
  const significand = state.u64(S.FPR + register * 16);
  const exponent = state.u32(S.FPR + register * 16 + 8) & 0x7fff;
  if (exponent === 0 && significand === 0n) return 1;
  return exponent === 0 || exponent === 0x7fff || significand >> 63n === 0n ? 2 : 0;
}
field("fctrl", S.FCW, 16);
field("fstat", S.FSW, 16);
table.set("ftag", {
  read: (pc) => BigInt([0, 1, 2, 3, 4, 5, 6, 7].reduce((word, i) => word | (tag(pc, i) << (i * 2)), 0)),
  write: ({ cpu }, value) => {
    let full = 0;
    for (let i = 0; i < 8; i++) if (((value >> BigInt(i * 2)) & 3n) !== 3n) full |= 1 << i;
    cpu.state.setU32(S.FTW, full);
  },
});
field("fiseg", S.FCS, 16);
field("fioff", S.FIP, 32);
field("foseg", S.FDS, 16);
field("fooff", S.FDP, 32);
field("fop", S.FOP, 16);
field("mxcsr", S.MXCSR, 16);
for (let i = 0; i < 16; i++) {
  for (const [name, offset] of [
    [`xmm${i}`, S.YMM + i * 32],
    [`ymm${i}h`, S.YMM + i * 32 + 16],
  ] as const) {
    table.set(name, {
      read: ({ cpu }) => cpu.state.u64(offset) | (cpu.state.u64(offset + 8) << 64n),
      write: ({ cpu }, value) => {
        cpu.state.setU64(offset, BigInt.asUintN(64, value));
        cpu.state.setU64(offset + 8, value >> 64n);
      },
    });
  }
}

// --- model-specific registers ---

const msrs = {
  apic_base: 0x1b,
  sysenter_cs: 0x174,
  sysenter_esp: 0x175,
  sysenter_eip: 0x176,
  misc_enable: 0x1a0,
  pat: 0x277,
  star: 0xc000_0081,
  lstar: 0xc000_0082,
  cstar: 0xc000_0083,
  fmask: 0xc000_0084,
  k_gs_base: 0xc000_0102,
  tsc_aux: 0xc000_0103,
} as const;
for (const [name, index] of Object.entries(msrs)) {
  table.set(name, {
    read: (pc) => readMsr(pc, index) ?? 0n,
    write: (pc, value) => writeMsr(pc, index, value),
  });
}
field("xcr0", S.XCR0, 64);

/** RDMSR; undefined where it raises #GP. */
export function readMsr({ msrs }: Pc, index: number): bigint | undefined {
  if (!msrs.has(index)) return undefined;
  try {
    return msrs.read(index);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

/** WRMSR; false where it raises #GP. */
export function writeMsr({ msrs }: Pc, index: number, value: bigint): boolean {
  if (!msrs.has(index)) return false;
  try {
    msrs.write(index, value);
    return true;
  } catch (thrown) {
    if (thrown instanceof Fault) return false;
    throw thrown;
  }
}

/** Undefined for an unknown name. */
export const readRegister = (pc: Pc, name: string): bigint | undefined => table.get(name)?.read(pc);

/** False when there is no such register, or it can't have that value. */
export const writeRegister = (pc: Pc, name: string, value: bigint): boolean => {
  const access = table.get(name);
  return access?.write !== undefined && access.write(pc, value) !== false;
};
