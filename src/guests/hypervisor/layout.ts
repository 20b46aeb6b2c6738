/**
 * Numbers that the parts of the hypervisor agree on: selectors, addresses, vectors, hypercalls, MSRs.
 */

/** Both the hypervisor and its 64-bit guest use this GDT. */
export const CODE = 0x08;
export const DATA = 0x10;
export const TASK_STATE = 0x18;
export const TASK_STATE_LIMIT = 0x67;

/** The 2 MiB of guest-physical memory, above all else that the guests use, that have no pages at first. */
export const HOLE = 0x1200000;

/** Vectors in the 64-bit guest. The second is also the one that the local APIC's timer has in the hypervisor. */
export const PROMISED_VECTOR = 0x30;
export const TIMER_VECTOR = 0x40;

/** What the guest asks for with VMCALL, in RAX; the argument is in RBX. */
export const HYPERCALL_INTERRUPT = 1;
export const HYPERCALL_REPORT = 2;

/** CPUID leaves and MSRs from here on belong to hypervisors: no processor has them. */
export const HYPERVISOR_LEAF = 0x40000000;
export const HYPERVISOR_MSR = 0x40000000;
export const HYPERVISOR_MSR_VALUE = 0x0123456789abcdefn;

/** MSR numbers (SDM volume 4, 2.1). */
export const IA32_FEATURE_CONTROL = 0x3a;
export const IA32_EFER = 0xc0000080;
export const EFER_LONG_MODE_ACTIVE = 0x500;

/** Capabilities of VMX (SDM volume 3, appendix A). */
export const IA32_VMX_BASIC = 0x480;
export const IA32_VMX_CR0_FIXED0 = 0x486;
export const IA32_VMX_CR0_FIXED1 = 0x487;
export const IA32_VMX_CR4_FIXED0 = 0x488;
export const IA32_VMX_CR4_FIXED1 = 0x489;
export const IA32_VMX_PROCBASED_CTLS2 = 0x48b;
export const IA32_VMX_EPT_VPID_CAP = 0x48c;
export const IA32_VMX_TRUE_PINBASED_CTLS = 0x48d;
export const IA32_VMX_TRUE_PROCBASED_CTLS = 0x48e;
export const IA32_VMX_TRUE_EXIT_CTLS = 0x48f;
export const IA32_VMX_TRUE_ENTRY_CTLS = 0x490;

export const CR0_PROTECTION = 1 << 0;
export const CR4_VMXE = 1 << 13;
export const RFLAGS_RESERVED = 1 << 1;
export const RFLAGS_INTERRUPT = 1 << 9;
