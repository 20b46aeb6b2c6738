/**
 * What firmware leaves in the local APIC of the bootstrap processor: virtual wire mode (MultiProcessor
 * Specification 1.4, 3.6.2.2), in which the 8259 pair's INTR reaches the processor through LINT0 and NMI is
 * LINT1. A kernel that knows nothing of APICs has no interrupts without it.
 */
import { DeliveryMode } from "../interrupt-bus.js";
import type { LocalApic } from "./local-apic.js";
import { LVT_MODE_SHIFT, Reg, SVR_ENABLE, SVR_RESET } from "./registers.js";

export function setVirtualWireMode(apic: LocalApic): void {
  const write = (register: number, value: number) => apic.writeMmio(register * 16, 4, value);
  // The enable bit comes first: while it is clear, entries of the local vector table stay masked.
  write(Reg.SVR, SVR_RESET | SVR_ENABLE);
  write(Reg.LVT_LINT0, DeliveryMode.extInt << LVT_MODE_SHIFT);
  write(Reg.LVT_LINT1, DeliveryMode.nmi << LVT_MODE_SHIFT);
}
