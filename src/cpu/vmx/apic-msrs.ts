/**
 * MSRs that a guest does not share with its hypervisor although no VM exit happens: those of a virtual x2APIC
 * (SDM vol. 3, 30.5), and the time-stamp counter, which is read with its offset (26.3).
 */
import { Vector } from "../../isa/emit.js";
import { Fault } from "../fault.js";
import { apicWriteExit } from "./apic-access.js";
import { VirtualRegister } from "./apic-page.js";
import type { VmxProcessor } from "./entry-processor.js";

const IA32_TSC = 0x10;
const X2APIC_FIRST = 0x800;
const X2APIC_TPR = 0x808;
const X2APIC_EOI = 0x80b;
const X2APIC_SELF_IPI = 0x83f;

const isX2apic = (index: number): boolean => index >>> 8 === 8;
/** Where the virtual-APIC page holds the register of an MSR. */
const registerOf = (index: number): number => (index - X2APIC_FIRST) * 16;

/** The value that RDMSR returns, or undefined: the processor's own MSR is read. */
export function readGuestMsr(processor: VmxProcessor, index: number): bigint | undefined {
  if (index === IA32_TSC) return processor.tsc();
  const { apic, controls } = processor.guest;
  if (!isX2apic(index) || !apic || !controls.hasSecondary("virtualizeX2apicMode")) return undefined;
  if (index !== X2APIC_TPR && !controls.hasSecondary("apicRegisterVirtualization")) return undefined;
  // 8 bytes of the page for every register: the ICR is not split as it is for accesses to memory.
  const register = registerOf(index);
  return BigInt(apic.page.read(register)) | (BigInt(apic.page.read(register + 4)) << 32n);
}

/** Writes an MSR of the guest; false: the processor's own is meant. */
export function writeGuestMsr(processor: VmxProcessor, index: number, value: bigint): boolean {
  const { apic, controls } = processor.guest;
  if (!isX2apic(index) || !apic || !controls.hasSecondary("virtualizeX2apicMode")) return false;
  if (index === X2APIC_TPR) {
    if (value > 0xffn) throw new Fault(Vector.GP, 0);
    apic.writeTpr(Number(value));
    return true;
  }
  if (!controls.hasSecondary("virtualInterruptDelivery")) return false;
  if (index === X2APIC_EOI) {
    if (value !== 0n) throw new Fault(Vector.GP, 0);
    apic.endOfInterrupt();
    return true;
  }
  if (index === X2APIC_SELF_IPI) {
    if (value > 0xffn) throw new Fault(Vector.GP, 0);
    apic.page.write(VirtualRegister.SELF_IPI, Number(value));
    writeSelfIpi(processor, Number(value));
    return true;
  }
  return false;
}

function writeSelfIpi(processor: VmxProcessor, vector: number): void {
  const { guest } = processor;
  if (vector >= 16) guest.apic!.selfIpi(vector);
  else guest.exitAfterInstruction(apicWriteExit(VirtualRegister.SELF_IPI));
}
