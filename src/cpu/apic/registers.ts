/**
 * The registers of the local APIC as data (Intel SDM vol. 3, table 11-1 "Local APIC register address map" and
 * table 11-6 "Local APIC register address map supported by x2APIC").
 *
 * A register is named by its number: the offset in the xAPIC page divided by 16, which is also the number of
 * its x2APIC MSR minus 800h.
 */

export const IA32_APIC_BASE = 0x1b;
export const IA32_TSC_DEADLINE = 0x6e0;
/** The x2APIC MSRs: 800h … 8FFh are the local APIC's, 800h … 83Fh have registers. */
export const X2APIC_FIRST = 0x800;
export const X2APIC_LAST = 0x8ff;
export const APIC_DEFAULT_BASE = 0xfee00000;

/** Register numbers. */
export const Reg = {
  ID: 0x02,
  VERSION: 0x03,
  TPR: 0x08,
  APR: 0x09,
  PPR: 0x0a,
  EOI: 0x0b,
  REMOTE_READ: 0x0c,
  LDR: 0x0d,
  DFR: 0x0e,
  SVR: 0x0f,
  ISR: 0x10,
  TMR: 0x18,
  IRR: 0x20,
  ESR: 0x28,
  ICR: 0x30,
  ICR_HIGH: 0x31,
  LVT_TIMER: 0x32,
  LVT_THERMAL: 0x33,
  LVT_PERFORMANCE: 0x34,
  LVT_LINT0: 0x35,
  LVT_LINT1: 0x36,
  LVT_ERROR: 0x37,
  INITIAL_COUNT: 0x38,
  CURRENT_COUNT: 0x39,
  DIVIDE: 0x3e,
  SELF_IPI: 0x3f,
} as const;

/** The local vector table: one entry for each of the registers LVT_TIMER … LVT_ERROR. */
export const LVT_ENTRIES = 6;

/** Integrated APIC, version 14h; bits 16 … 23 hold the number of LVT entries minus one. */
export const VERSION_VALUE = ((LVT_ENTRIES - 1) << 16) | 0x14;
/** Version register: SVR bit 12 is implemented. */
export const VERSION_EOI_SUPPRESSION = 1 << 24;

export const SVR_ENABLE = 1 << 8;
export const SVR_EOI_SUPPRESSION = 1 << 12;
/** Vector, enable, focus check. */
export const SVR_WRITABLE = 0x3ff;
/** Disabled, vector FFh. */
export const SVR_RESET = 0xff;

/** DFR: only the model is writable, the rest reads as ones. */
export const DFR_FIXED = 0x0fffffff;

export const LVT_MASKED = 1 << 16;
export const LVT_LEVEL = 1 << 15;
export const LVT_REMOTE_IRR = 1 << 14;
export const LVT_DELIVERY_STATUS = 1 << 12;
export const LVT_VECTOR = 0xff;
export const LVT_MODE_SHIFT = 8;
export const LVT_TIMER_MODE_SHIFT = 17;
export const LVT_TIMER_MODE = 3 << LVT_TIMER_MODE_SHIFT;

/** ESR bits of current processors; the others belong to the APIC bus of the P6. */
export const ApicError = {
  sendIllegalVector: 1 << 5,
  receiveIllegalVector: 1 << 6,
  illegalRegister: 1 << 7,
} as const;

/** Vectors below this one are illegal in fixed and lowest-priority interrupts. */
export const FIRST_LEGAL_VECTOR = 16;

export const DIVIDE_WRITABLE = 0x0b;

const READ = 1;
const WRITE = 2;
const BOTH = READ | WRITE;

/** [first register, how many, access in xAPIC mode, access in x2APIC mode]. */
const RULES: readonly (readonly [number, number, number, number])[] = [
  [Reg.ID, 1, BOTH, READ],
  [Reg.VERSION, 1, READ, READ],
  [Reg.TPR, 1, BOTH, BOTH],
  [Reg.APR, 1, READ, 0],
  [Reg.PPR, 1, READ, READ],
  [Reg.EOI, 1, WRITE, WRITE],
  [Reg.REMOTE_READ, 1, READ, 0],
  [Reg.LDR, 1, BOTH, READ],
  [Reg.DFR, 1, BOTH, 0],
  [Reg.SVR, 1, BOTH, BOTH],
  [Reg.ISR, 8, READ, READ],
  [Reg.TMR, 8, READ, READ],
  [Reg.IRR, 8, READ, READ],
  [Reg.ESR, 1, BOTH, BOTH],
  [Reg.ICR, 1, BOTH, BOTH],
  [Reg.ICR_HIGH, 1, BOTH, 0],
  [Reg.LVT_TIMER, LVT_ENTRIES, BOTH, BOTH],
  [Reg.INITIAL_COUNT, 1, BOTH, BOTH],
  [Reg.CURRENT_COUNT, 1, READ, READ],
  [Reg.DIVIDE, 1, BOTH, BOTH],
  [Reg.SELF_IPI, 1, 0, WRITE],
];

const xapicAccess = new Uint8Array(0x100);
const x2apicAccess = new Uint8Array(0x100);
for (const [first, count, xapic, x2apic] of RULES) {
  xapicAccess.fill(xapic, first, first + count);
  x2apicAccess.fill(x2apic, first, first + count);
}

/** Whether the register exists in the xAPIC page at all, readable or not. */
export function inXapicPage(register: number): boolean {
  return xapicAccess[register] !== 0;
}

export function xapicReadable(register: number): boolean {
  return (xapicAccess[register] & READ) !== 0;
}

export function xapicWritable(register: number): boolean {
  return (xapicAccess[register] & WRITE) !== 0;
}

export function x2apicReadable(register: number): boolean {
  return (x2apicAccess[register] & READ) !== 0;
}

export function x2apicWritable(register: number): boolean {
  return (x2apicAccess[register] & WRITE) !== 0;
}
