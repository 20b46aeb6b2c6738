/**
 * The hypervisor's assembler: that of the tour, whose console it shares, plus access to VMCS fields and to the
 * registers of the guest that exited.
 */

import { VmcsField, type VmcsFieldName } from "../../cpu/vmx/fields.js";
import { ecx, edx, type Gpr, type Immediate, type Memory, qword, rax, rcx } from "../assembler/assembler.js";
import { Tour } from "../tour/program.js";

export class Hypervisor extends Tour {
  /** Prints RAX to the base in ECX, with spaces in front up to a width of EDX. */
  readonly printNumber = this.label("printNumber");
  /** EBX = the controls in EAX, with what the capability MSR in ECX says added and taken away. */
  readonly adjustControls = this.label("adjustControls");
  /** Writes the VMCS fields of the list at RSI. */
  readonly writeFields = this.label("writeFields");
  /** Makes the vector in EAX an interrupt of the guest: now, or when it can take one. */
  readonly deliverInterrupt = this.label("deliverInterrupt");
  /** One interrupt of the local APIC's timer, soon. */
  readonly startTimer = this.label("startTimer");

  /** Where VM exits arrive, with the registers of the guest. */
  readonly exited = this.label("exited");
  /** Back into the guest, behind the instruction that exited or at it. */
  readonly skipInstruction = this.label("skipInstruction");
  readonly resume = this.label("resume");
  /** VMLAUNCH; when the guest is done the hypervisor goes on at {@link continuation}. */
  readonly launch = this.label("launch");
  readonly guestDone = this.label("guestDone");
  readonly continuation = this.reserve("continuation", 8);
  /** A VMX instruction set CF or ZF. */
  readonly vmxFailed = this.label("vmxFailed");

  /** By number. That of RSP is unused: the VMCS has it. */
  readonly #guestRegisters = this.reserve("guestRegisters", 16 * 8);

  /** RAX = the field. Changes RCX. */
  readField(name: VmcsFieldName): void {
    this.mov(ecx, VmcsField[name]);
    this.vmread(rax, rcx);
  }

  /** Changes RCX, and RAX unless the value is in another register. */
  writeField(name: VmcsFieldName, value: Gpr | Immediate): void {
    this.mov(rax, value);
    this.mov(ecx, VmcsField[name]);
    this.vmwrite(rcx, rax);
  }

  /** The guest's register, all 64 bits, after a VM exit. */
  guest(register: Gpr): Memory {
    return qword(this.#guestRegisters, 8 * register.number);
  }

  /** Prints RAX as `2ah`. Changes RCX and RDX. */
  sayHex(): void {
    this.mov(ecx, 16);
    this.mov(edx, 1);
    this.call(this.printNumber);
    this.say("h");
  }

  /** Prints RAX in a column. Changes RCX and RDX. */
  column(base: 10 | 16, width: number): void {
    this.mov(ecx, base);
    this.mov(edx, width);
    this.call(this.printNumber);
  }

  /** The end, where something is missing or wrong. */
  giveUp(why: string): void {
    this.say(`${why}\n`);
    this.jmp(this.powerOff);
  }
}
