/**
 * Architectural performance monitoring, version 2, as data (SDM vol. 3, 20.2): numbers and widths of the counters, their
 * MSRs, the events that there are. CPUID leaf 0AH, MSRs, RDPMC and the checks of VM entry follow from this.
 */

/** General-purpose counters, as Nehalem and its successors have them with Hyper-Threading. */
export const GENERAL_COUNTERS = 4;
/** Instructions retired, core cycles, reference cycles. */
export const FIXED_COUNTERS = 3;
export const COUNTER_BITS = 48;
/** Number of the first fixed counter in IA32_PERF_GLOBAL_CTRL and IA32_PERF_GLOBAL_STATUS. */
export const FIXED_SHIFT = 32;

export const PmuMsr = {
  PMC0: 0xc1,
  PERFEVTSEL0: 0x186,
  FIXED_CTR0: 0x309,
  FIXED_CTR_CTRL: 0x38d,
  PERF_GLOBAL_STATUS: 0x38e,
  PERF_GLOBAL_CTRL: 0x38f,
  PERF_GLOBAL_OVF_CTRL: 0x390,
} as const;

/** IA32_PERFEVTSELx. AnyThread (bit 21) belongs to version 3. */
export const Select = {
  event: 0xff,
  unitMaskShift: 8,
  USR: 1 << 16,
  OS: 1 << 17,
  edge: 1 << 18,
  interrupt: 1 << 20,
  enable: 1 << 22,
  invert: 1 << 23,
  counterMaskShift: 24,
  writable: 0xffdf_ffffn,
} as const;

/** The four bits of a fixed counter in IA32_FIXED_CTR_CTRL; AnyThread (bit 2) belongs to version 3. */
export const Fixed = { OS: 1, USR: 2, interrupt: 8, bits: 4, writable: 0xbbbn } as const;

/** What is counted. */
export type Source = "instructions" | "cycles";

interface PmuEvent {
  /** Unit mask and event select. */
  readonly code: number;
  /** Absent: there is nothing that could be counted. */
  readonly source?: Source;
}

/** The architectural events by their bit in CPUID.0AH:EBX (table 20-1). Reference cycles are as long as core cycles. */
export const EVENTS: readonly PmuEvent[] = [
  { code: 0x003c, source: "cycles" },
  { code: 0x00c0, source: "instructions" },
  { code: 0x013c, source: "cycles" },
  { code: 0x4f2e }, // LLC references
  { code: 0x412e }, // LLC misses
  { code: 0x00c4 }, // branch instructions retired
  { code: 0x00c5 }, // branch misses retired
];
/** Of the fixed counters. */
export const FIXED_SOURCES: readonly Source[] = ["instructions", "cycles", "cycles"];

const VERSION = 2;

/** CPUID leaf 0AH. */
export const PMU_LEAF = {
  eax: VERSION | (GENERAL_COUNTERS << 8) | (COUNTER_BITS << 16) | (EVENTS.length << 24),
  /** 1: the event is not there. */
  ebx: EVENTS.reduce((bits, { source }, i) => (source === undefined ? bits | (1 << i) : bits), 0),
  ecx: 0,
  edx: FIXED_COUNTERS | (COUNTER_BITS << 5),
} as const;

/** Bits of IA32_PERF_GLOBAL_CTRL: one for each counter. */
export const GLOBAL_LOW = 2 ** GENERAL_COUNTERS - 1;
export const GLOBAL_HIGH = 2 ** FIXED_COUNTERS - 1;
export const GLOBAL_MASK = (BigInt(GLOBAL_HIGH) << 32n) | BigInt(GLOBAL_LOW);
