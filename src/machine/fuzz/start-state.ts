/** The registers with which a program starts. */
import type { Cpu } from "../../cpu/cpu.js";
import type { SegmentRegister } from "../../cpu/cpu-state.js";
import { SegmentIndex } from "../../cpu/cpu-state.js";
import { Cr0, Cr4, Efer } from "../../cpu/mmu.js";
import * as S from "../../isa/state.js";
import { At, GDT_LIMIT, Selector } from "./layout.js";
import type { ModeDescription } from "./modes.js";
import type { Random } from "./random.js";

/** A segment register as loading the selector from the image's GDT would leave it. */
const flat = (selector: number, rights: number, limit = 0xffffffff): SegmentRegister => ({
  selector,
  base: 0n,
  limit,
  rights,
});

const Cr4Common = Cr4.OSFXSR | Cr4.OSXMMEXCPT;
const Cr4Optional = [
  Cr4.VME,
  Cr4.PVI,
  Cr4.TSD,
  Cr4.DE,
  Cr4.PSE,
  Cr4.PGE,
  Cr4.PCE,
  Cr4.UMIP,
  Cr4.FSGSBASE,
  Cr4.OSXSAVE,
];
const Cr4Rare = [Cr4.SMEP, Cr4.SMAP, Cr4.PKE];

function segments(mode: ModeDescription, bigReal: boolean): SegmentRegister[] {
  if (!mode.protected || mode.virtual86) {
    const rights = mode.virtual86 ? 0xf3 : 0x93;
    const limit = bigReal ? 0xffffffff : 0xffff;
    return [0, 1, 2, 3, 4, 5].map((i) =>
      flat(0, i === SegmentIndex.CS && !mode.virtual86 ? 0x9b : rights, limit),
    );
  }
  const user = mode.cpl === 3;
  const dpl = mode.cpl << 5;
  const small = mode.code === 16;
  const code =
    mode.code === 64
      ? flat(user ? Selector.userCode64 : Selector.code64, 0xa09b | dpl)
      : small
        ? flat(user ? Selector.userCode16 : Selector.code16, 0x9b | dpl, 0xffff)
        : flat(user ? Selector.userCode32 : Selector.code32, 0xc09b | dpl);
  const data = small
    ? flat(user ? Selector.userData16 : Selector.data16, 0x93 | dpl, 0xffff)
    : flat(user ? Selector.userData32 : Selector.data32, 0xc093 | dpl);
  return [data, code, data, data, data, data];
}

/** Fills the (zeroed) registers. RIP is the caller's. */
export function startState(cpu: Cpu, mode: ModeDescription, bigReal: boolean, random: Random): void {
  const { state, features } = cpu;
  const allowed = features.cr4Mask;
  let cr4 = (mode.paging === "pae" || mode.long ? Cr4.PAE : 0) | (random.oneIn(8) ? 0 : Cr4Common);
  // The page directory has 4 MiB pages for the devices.
  if (mode.paging === "32-bit") cr4 |= Cr4.PSE;
  for (const bit of Cr4Optional) if (random.oneIn(3)) cr4 |= bit;
  for (const bit of Cr4Rare) if (random.oneIn(16)) cr4 |= bit;
  if (mode.long && random.oneIn(4)) cr4 |= Cr4.PCIDE;
  let cr0 = Cr0.ET | (mode.protected ? Cr0.PE : 0) | (mode.paging === "none" ? 0 : Cr0.PG);
  for (const bit of [Cr0.NE, Cr0.WP, Cr0.AM, Cr0.MP]) if (random.oneIn(2)) cr0 |= bit;
  for (const bit of [Cr0.TS, Cr0.EM]) if (random.oneIn(16)) cr0 |= bit;
  state.cr0 = cr0;
  state.cr4 = cr4 & allowed;
  state.cr3 = BigInt(
    { none: random.value() & ~0x1f, "32-bit": At.directory32, pae: At.paePointers, "4-level": At.pml4 }[
      mode.paging
    ] >>> 0,
  );
  state.efer =
    (mode.long ? Efer.LME | Efer.LMA | Efer.NXE : random.oneIn(4) ? Efer.NXE : 0) |
    (random.oneIn(2) ? Efer.SCE : 0);
  state.setU64(S.XCR0, random.oneIn(4) ? 1n : features.xcr0Mask | 1n);
  state.setU32(S.MXCSR, random.oneIn(4) ? random.u32() & 0xffff : 0x1f80);
  state.setU32(S.FCW, random.oneIn(4) ? random.u32() & 0x1f7f : 0x37f);
  state.setU32(S.FTW, random.u32() & 0xff);
  state.setU32(S.FSW, random.oneIn(2) ? 0 : random.u32() & 0x3800);

  for (const [i, segment] of segments(mode, bigReal).entries()) state.setSegment(i, segment);
  state.setSegment(SegmentIndex.LDTR, {
    selector: Selector.ldt,
    base: BigInt(At.ldt),
    limit: 0x7f,
    rights: 0x82,
  });
  state.setSegment(SegmentIndex.TR, {
    selector: Selector.tss,
    base: BigInt(At.tss),
    limit: 0x3ff,
    rights: 0x8b,
  });
  state.setU64(S.GDTR_BASE, BigInt(At.gdt));
  state.setU32(S.GDTR_LIMIT, GDT_LIMIT);
  state.setU64(S.IDTR_BASE, BigInt(mode.protected ? At.idt : At.ivt));
  state.setU32(S.IDTR_LIMIT, mode.long ? 0xfff : mode.protected ? 0x7ff : 0x3ff);
  for (const register of [S.LSTAR, S.CSTAR, S.SYSENTER_EIP]) state.setU64(register, BigInt(At.handlers));
  state.setU64(S.STAR, (BigInt(Selector.code64 | (Selector.data32 << 16)) << 32n) | 0x8000n);
  state.setU64(S.SYSENTER_CS, BigInt(Selector.code32));
  state.setU64(S.SYSENTER_ESP, BigInt(At.stack));

  let flags = mode.virtual86 ? 0x20002 : 2;
  if (random.oneIn(2)) flags |= 0x200;
  if (random.oneIn(2)) flags |= random.u32() & 0x8d5;
  if (random.oneIn(3)) flags |= random.below(4) << 12;
  for (const rare of [0x100, 0x400, 0x4000, 0x10000, 0x40000, 0x80000, 0x100000])
    if (random.oneIn(24)) flags |= rare;
  state.rflags = flags;
  state.cpl = mode.cpl;

  for (let i = 0; i < 16; i++) {
    const value = mode.long ? random.wide() : BigInt(random.value());
    state.setGpr(i, mode.code === 64 ? value : BigInt.asUintN(32, value));
  }
  state.setGpr(4, BigInt(mode.cpl === 3 ? At.userStack : At.stack));
  for (let at = S.FPR; at < S.YMM + 512; at += 4) state.setU32(at, random.u32());
  for (let i = 0; i < 8; i++) state.setU64(S.FPR + i * 16 + 8, BigInt(random.u32() & 0xffff));
}
