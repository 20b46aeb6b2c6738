/**
 * Numbers that the parts of the tour agree on: selectors, addresses, vectors.
 */

export const KERNEL_CODE = 0x08;
export const KERNEL_DATA = 0x10;
/** SYSRET takes the data selector before the code selector; both with privilege 3. */
export const USER_DATA = 0x1b;
export const USER_CODE = 0x23;
export const TASK_STATE = 0x28;

/** Each begins an entry of the top-level page table: physical memory, ring 3's pages, memory on demand. */
export const USER_BASE = 1n << 39n;
export const ON_DEMAND_BASE = 2n << 39n;
/** Ring 3 has one page of code and, after it, one of stack. */
export const USER_STACK_TOP = USER_BASE + 0x2000n;

export const VECTORS = 48;
export const PAGE_FAULT = 14;
export const GENERAL_PROTECTION = 13;
export const TIMER_VECTOR = 0x20;
export const SERIAL_VECTOR = 0x24;
export const SPURIOUS_VECTOR = 0x2f;

export const LOCAL_APIC = 0xfee00000;
export const IO_APIC = 0xfec00000;

export const COM1 = 0x3f8;
export const LINE_STATUS = COM1 + 5;
export const RECEIVED = 0x01;
export const TRANSMITTER_EMPTY = 0x20;

/** Timer interrupts per second. */
export const TICK_RATE = 100;

/** What the interrupt stubs leave on the stack, as offsets from the frame in RDI. */
export const FRAME_VECTOR = 15 * 8;
export const FRAME_ERROR = 16 * 8;
export const FRAME_RIP = 17 * 8;
export const FRAME_CS = 18 * 8;
export const FRAME_RSP = 20 * 8;

/** MSR numbers (SDM volume 4, 2.1). */
export const IA32_EFER = 0xc0000080;
export const IA32_STAR = 0xc0000081;
export const IA32_LSTAR = 0xc0000082;
export const IA32_FMASK = 0xc0000084;
