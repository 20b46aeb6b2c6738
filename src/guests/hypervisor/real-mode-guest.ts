/**
 * The second guest: 16-bit code in real-address mode, which only an unrestricted guest may be in (SDM volume 3, 26.6 and
 * 27.3.1.2). Its segments begin where its program lies, above 1 MiB: a VMCS can hold bases that no real-mode program
 * could load.
 */

import { SecondaryControl } from "../../cpu/vmx/controls.js";
import { al, ax, cr0, cx, dx, eax, si } from "../assembler/assembler.js";
import { CR0_PROTECTION, RFLAGS_RESERVED, TASK_STATE_LIMIT } from "./layout.js";
import type { Hypervisor } from "./program.js";
import { type GuestPlan, segment } from "./vmcs.js";

const TEXT = "Hello from real mode";
const DEBUG_PORT = 0xe9;

const SELECTOR = 0xf000;
const LIMIT = 0xffff;
const CODE_RIGHTS = 0x9b;
const DATA_RIGHTS = 0x93;
const TASK_STATE_RIGHTS = 0x8b;
const UNUSABLE = 0x10000;
/** ET, and NE, which VMX wants. */
const CR0_AT_START = 0x30;

export function realModeGuest(a: Hypervisor): GuestPlan {
  a.align(16);
  const base = a.here("realModeBase");
  a.ascii(TEXT);
  const entry = a.position - base.address!;
  a.bits = 16;
  a.xor(si, si);
  a.mov(cx, TEXT.length);
  a.mov(dx, DEBUG_PORT);
  a.rep().db(0x6e); // OUTSB
  a.mov(ax, 1);
  a.cpuid();
  // CR0.PE belongs to the hypervisor, by the guest/host mask: the guest reads the shadow, and may not write.
  a.mov(eax, cr0);
  a.or(al, CR0_PROTECTION);
  a.mov(cr0, eax);
  a.hlt();
  a.bits = 64;

  return {
    name: "16-bit code in real-address mode",
    secondary: SecondaryControl.unrestrictedGuest,
    entry: 0,
    fields: [
      ["GUEST_RIP", entry],
      ["GUEST_RSP", LIMIT - 1],
      ["GUEST_RFLAGS", RFLAGS_RESERVED],
      ["GUEST_CR0", CR0_AT_START],
      ["GUEST_CR3", 0],
      ["GUEST_EFER", 0],
      ["CR0_GUEST_HOST_MASK", CR0_PROTECTION],
      ["CR0_READ_SHADOW", 0],
      ...segment("CS", SELECTOR, base, LIMIT, CODE_RIGHTS),
      ...(["ES", "SS", "DS", "FS", "GS"] as const).flatMap((name) =>
        segment(name, SELECTOR, base, LIMIT, DATA_RIGHTS),
      ),
      ...segment("TR", 0, 0, TASK_STATE_LIMIT, TASK_STATE_RIGHTS),
      ...segment("LDTR", 0, 0, 0, UNUSABLE),
      ["GUEST_GDTR_BASE", 0],
      ["GUEST_GDTR_LIMIT", LIMIT],
      ["GUEST_IDTR_BASE", 0],
      ["GUEST_IDTR_LIMIT", LIMIT],
    ],
  };
}
