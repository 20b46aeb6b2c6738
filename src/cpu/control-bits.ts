/** Bits of CR0, CR4 and IA32_EFER (SDM vol. 3, 2.2.1 and 2.5). */

export const Cr0 = {
  PE: 1,
  MP: 2,
  EM: 4,
  TS: 8,
  ET: 16,
  NE: 32,
  WP: 0x10000,
  AM: 0x40000,
  NW: 0x20000000,
  CD: 0x40000000,
  PG: 0x80000000,
} as const;

export const Cr4 = {
  VME: 1,
  PVI: 2,
  TSD: 4,
  DE: 8,
  PSE: 0x10,
  PAE: 0x20,
  MCE: 0x40,
  PGE: 0x80,
  PCE: 0x100,
  OSFXSR: 0x200,
  OSXMMEXCPT: 0x400,
  UMIP: 0x800,
  VMXE: 0x2000,
  FSGSBASE: 0x10000,
  PCIDE: 0x20000,
  OSXSAVE: 0x40000,
  SMEP: 0x100000,
  SMAP: 0x200000,
  PKE: 0x400000,
} as const;

export const Efer = { SCE: 1, LME: 0x100, LMA: 0x400, NXE: 0x800, SVME: 0x1000, FFXSR: 0x4000 } as const;
