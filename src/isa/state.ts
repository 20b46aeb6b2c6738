/**
 * Where the state of a processor lies in the machine's memory.
 *
 * Every CPU has a block of {@link STATE_SIZE} bytes at its own base address; all offsets here count from it.
 * The layout is the one truth that interpreter, translator, snapshot and debugger share, and it is
 * canonical whenever the CPU is at rest (outside `Engine.run`).
 */

export const STATE_SIZE = 0x2000;
/** All fields lie below this offset; nothing ever writes the rest of the block. */
export const FIELDS_END = 0x700;

/** General registers, 8 bytes each, in encoding order (rax rcx rdx rbx rsp rbp rsi rdi r8 … r15). */
export const GPR = 0x000;
/** RIP (the offset in CS). Exact at rest and whenever a helper runs. */
export const RIP = 0x080;
/** While a helper runs: RIP of the following instruction. */
export const NEXT_RIP = 0x088;

// Arithmetic flags are lazy: the last result and what is needed to derive the flags from it (see isa/flags.ts).
export const FLAG_RESULT = 0x090;
export const FLAG_OPERAND = 0x098;
export const FLAG_KIND = 0x0a0;
/** The other bits of RFLAGS (TF IF DF IOPL NT RF VM AC VIF VIP ID, bit 1 always set). */
export const FLAG_OTHERS = 0x0a4;

/** RIP minus the page offset of the instruction: constant inside a page of code. */
export const IP_DELTA = 0x0a8;
/** Instructions that may still retire in this slice; the current block is already subtracted. */
export const BUDGET = 0x0b0;
/** Instructions of the current block that have not retired, the current one included; 0 at rest. */
export const LEFT = 0x0b4;

/** Vector of the exception to deliver, or one of {@link Pending}. */
export const PENDING = 0x0b8;
export const PENDING_ERROR = 0x0bc;
/** For #PF: the linear address. */
export const PENDING_ADDRESS = 0x0c0;
/** Always zero: the "register" that an absent base or index reads. */
export const ZERO = 0x0c8;

/** Hidden part of the segment registers ES CS SS DS FS GS LDTR TR: base (8 bytes each) … */
export const SEGMENT_BASE = 0x0d0;
/** … limit in bytes (4 bytes each, granularity applied) … */
export const SEGMENT_LIMIT = 0x110;
/** … access rights in the VMCS format (SDM vol. 3, 25.4.1: type S DPL P AVL L D/B G, bit 16 unusable) … */
export const SEGMENT_RIGHTS = 0x130;
/** … and selector. */
export const SEGMENT_SELECTOR = 0x150;

export const GDTR_BASE = 0x170;
export const GDTR_LIMIT = 0x178;
export const IDTR_BASE = 0x180;
export const IDTR_LIMIT = 0x188;

export const CR0 = 0x190;
export const CR2 = 0x198;
export const CR3 = 0x1a0;
export const CR4 = 0x1a8;
export const EFER = 0x1b0;
/** IA-32e mode is active. */
export const EFER_LMA = 0x400;
export const DR = 0x1b8; // DR0 … DR7, 8 bytes each
export const STAR = 0x1f8;
export const LSTAR = 0x200;
export const CSTAR = 0x208;
export const FMASK = 0x210;
export const KERNEL_GS_BASE = 0x218;
export const SYSENTER_CS = 0x220;
export const SYSENTER_ESP = 0x228;
export const SYSENTER_EIP = 0x230;
export const XCR0 = 0x238;
export const PKRU = 0x240;
export const MXCSR = 0x244;
/** Current privilege level. */
export const CPL = 0x248;
/** What of the mode decides how bytes decode (see cpu/mode.ts). */
export const MODE = 0x24c;
/** MODE spread over bits 52-62, to be mixed into the tags of the jump cache. */
export const MODE_TAG = 0x250;
/** 0xffff, 0xffffffff or all ones: which bits of RSP a stack operation uses. */
export const STACK_MASK = 0x258;
/** Current TLB view (host addresses): its read TLB, its write TLB and its jump cache. */
export const TLB_READ = 0x260;
export const TLB_WRITE = 0x264;
export const JUMP_CACHE = 0x268;
/** Interrupt shadow: 1 after STI, 2 after MOV SS / POP SS (SDM vol. 3, 6.8.3); cleared by the run loop. */
export const SHADOW = 0x26c;
/** Nonzero: something may have to happen after this instruction (interrupt pending, single step …). */
export const ATTENTION = 0x270;
/** Nonzero: an access went to a device since a REP last cleared this. */
export const DEVICE_TOUCHED = 0x274;
/** RSP before the instruction, for those that must undo it. */
export const SCRATCH = 0x278; // 8 × 8 bytes

/** The tick at which BUDGET reaches zero; the current tick is SLICE_END - BUDGET - LEFT. */
export const SLICE_END = 0x640;
/** Time-stamp counter minus ticks. */
export const TSC_OFFSET = SLICE_END + 8;
/** Nonzero: an interrupt or NMI waits for the CPU to be ready for it. */
export const INTERRUPT_PENDING = SLICE_END + 16;
/** Instructions that a hypervisor wants to see, so that they have no inline shortcuts: bits of {@link Intercepting}. */
export const INTERCEPTING = SLICE_END + 20;

/** Nonzero: ES, SS and DS are flat (base 0, limit 4 GiB, writable data), so that their checks always pass. */
export const FLAT = SLICE_END + 24;
/** IA32_TSC_AUX, 8 bytes. */
export const TSC_AUX = SLICE_END + 32;
/** Where the translated function that called the one that runs expects it to return to; see engine/interpreter/transfer.ts. */
export const RETURN_RIP = SLICE_END + 40;
/** How many translated functions called each other. */
export const TRANSFER_DEPTH = SLICE_END + 48;
/** Nonzero: a translated function called another one since this was cleared. */
export const TRANSFERRED = SLICE_END + 52;
/** BUDGET when a way from one translated function to another was sampled last. */
export const HOPPED = SLICE_END + 56;
/** How often translated functions were called. */
export const VISITS = SLICE_END + 60;
/** Address of the current VMCS in the machine's memory while the processor is in VMX root operation; else 0. */
export const CURRENT_VMCS = SLICE_END + 0x70;
/** Address of a table of 16-bit words, one for each encoding of a VMCS field below 8000h: see {@link VmcsWord}. */
export const VMCS_LAYOUT = SLICE_END + 0x74;
/**
 * The TLB views of the current address space with kernel and user privilege, EFLAGS.AC clear: two of {@link PrivilegeView}.
 * Zeros while there is none, or while generated code is not to change the privilege by itself.
 */
export const PRIVILEGE_VIEWS = SLICE_END + 0x80;

/**
 * 1: a null selector loaded into ES, DS, FS or GS clears base and limit, as on Intel's processors; 0: perhaps not. Set by
 * the first such load.
 */
export const NULL_CLEARS_BASE = SLICE_END + 0x98;

// x87
export const FCW = 0x2c0;
/** Status word, TOP included. */
export const FSW = 0x2c4;
/** Abridged tag byte as FXSAVE stores it: bit i set = physical register i is not empty. */
export const FTW = 0x2c8;
export const FOP = 0x2cc;
export const FIP = 0x2d0;
export const FDP = 0x2d8;
export const FCS = 0x2e0;
export const FDS = 0x2e4;
/** Physical x87 registers R0-R7, 16 bytes each: 64-bit significand, 16-bit sign and exponent. MMi is the significand of Ri. */
export const FPR = 0x300;

/** YMM0-YMM15, 32 bytes each; XMMi is the low half. */
export const YMM = 0x400;

/** Where an access that no single host page can serve (page crossing, device) is assembled; 64 bytes. */
export const BOUNCE = 0x600;

/** Values of {@link PENDING} that are no exception vectors. */
export const Pending = {
  none: -1,
  /** The instruction touched a device: run it again, alone in its block. */
  alone: -2,
  /** The instruction asked the run loop to stop before it (breakpoint, VM exit): the helper says more. */
  stop: -3,
  /** The fault is already delivered or the state already changed; just continue at RIP. */
  handled: -4,
} as const;

/** Which of {@link PRIVILEGE_VIEWS} is whose, and what it consists of: the addresses that {@link TLB_READ} and its like hold. */
export const PrivilegeView = {
  kernel: 0,
  user: 1,
  read: 0,
  write: 4,
  jump: 8,
  size: 12,
} as const;

/** Where a field lies in a VMCS, and what may be done to it; 0 for one that does not exist. */
export const VmcsWord = {
  offset: 0xfff,
  /** How much narrower than 64 bits the field is, in units of 16 bits. */
  narrowerShift: 12,
  narrower: 3,
  writable: 0x4000,
  exists: 0x8000,
} as const;

/**
 * MODE where protected-mode code has 32 bits, the limit of CS is 4 GiB, and ES, SS and DS are flat; the other bits say
 * which instructions there are.
 */
export const FLAT_32_MASK = ~0xf8;
export const FLAT_32 = 0x105;
/** Bit of MODE: protected mode, and not virtual-8086 mode. */
export const MODE_PROTECTED = 4;

/** Bits of {@link INTERCEPTING}. */
export const Intercepting = {
  /** RDTSC and RDTSCP: they can cause a VM exit or raise #UD, or the counter is scaled. */
  timeStamp: 1,
  pause: 2,
  /** RDRAND and RDSEED. */
  random: 4,
  /** XSAVES and XRSTORS. */
  xsaves: 8,
} as const;

/** Entries of a read or write TLB. */
export const TLB_ENTRIES = 4096;
/** Bytes of a TLB entry: {i64 page address, i32 host minus guest address, 4 spare}. */
export const TLB_ENTRY_SIZE = 16;
/** Entries of a jump cache: {i64 RIP ^ MODE_TAG, i32 host address of the block's first record, 4 spare}. */
export const JUMP_ENTRIES = 65536;
