/**
 * Control registers in VMX non-root operation: guest/host masks, read shadows, CR3-target values, CR8
 * (SDM vol. 3, 26.1.3 and 26.3), and the exit qualification of accesses to control and debug registers (28.2.1).
 */
import { Vector } from "../../isa/emit.js";
import { Fault } from "../fault.js";
import { Cr0 } from "../mmu.js";
import { VmExit } from "./contract.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import { currentInstruction, registerOperand } from "./exit-instruction.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import { isCr0Allowed, isCr4Allowed } from "./fixed-bits.js";

/** Access types of the exit qualification. */
const AccessType = { movTo: 0, movFrom: 1, clts: 2, lmsw: 3 } as const;
const TYPE_SHIFT = 4;
const LMSW_MEMORY = 0x40;
const REGISTER_SHIFT = 8;
const LMSW_SOURCE_SHIFT = 16n;
const DR_FROM = 0x10;

/** CR0 bits that LMSW writes; PE it can only set. */
const LMSW_BITS = 0xen;
const TS = BigInt(Cr0.TS);
const PE = BigInt(Cr0.PE);

type Register = 0 | 3 | 4 | 8;

export class ControlRegisterIntercepts {
  constructor(
    private readonly processor: VmxProcessor,
    private readonly controls: GuestControls,
  ) {}

  read(register: Register, value: bigint): bigint {
    const { controls } = this;
    switch (register) {
      case 0:
        return (value & ~controls.cr0Mask) | (controls.cr0Shadow & controls.cr0Mask);
      case 4:
        return (value & ~controls.cr4Mask) | (controls.cr4Shadow & controls.cr4Mask);
      case 3:
        if (controls.hasPrimary("cr3StoreExiting")) this.leave(3, AccessType.movFrom);
        return value;
      default:
        if (controls.hasPrimary("cr8StoreExiting")) this.leave(8, AccessType.movFrom);
        return value;
    }
  }

  write(register: Register, value: bigint, by: "mov" | "lmsw" | "clts"): bigint {
    const { state } = this.processor;
    switch (register) {
      case 0:
        return this.writeCr0(BigInt(state.cr0), value, by);
      case 4:
        return this.writeCr4(BigInt(state.cr4), value);
      case 3:
        if (this.controls.hasPrimary("cr3LoadExiting") && !this.isTarget(value))
          this.leave(3, AccessType.movTo);
        return value;
      default:
        if (this.controls.hasPrimary("cr8LoadExiting")) this.leave(8, AccessType.movTo);
        return value;
    }
  }

  private isTarget(value: bigint): boolean {
    const { vmcs } = this.controls;
    const count = vmcs.low(VmcsField.CR3_TARGET_COUNT);
    for (let i = 0; i < count; i++) {
      if (vmcs.read(VmcsField.CR3_TARGET_VALUE_0 + i * 2) === value) return true;
    }
    return false;
  }

  private writeCr0(current: bigint, value: bigint, by: "mov" | "lmsw" | "clts"): bigint {
    const { cr0Mask: mask, cr0Shadow } = this.controls;
    const differs = (value ^ cr0Shadow) & mask;
    if (by === "clts") {
      if ((mask & cr0Shadow & TS) !== 0n) this.leave(0, AccessType.clts);
      if ((mask & TS) !== 0n) return current;
    } else if (by === "lmsw") {
      const setsPe = (differs & PE & value) !== 0n;
      if (setsPe || (differs & LMSW_BITS) !== 0n) this.leaveLmsw(value);
    } else if (differs !== 0n) this.leave(0, AccessType.movTo);
    const next = (value & ~mask) | (current & mask);
    const unrestricted = this.controls.hasSecondary("unrestrictedGuest");
    if (!isCr0Allowed(Number(next & 0xffff_ffffn), unrestricted)) throw new Fault(Vector.GP, 0);
    return next;
  }

  private writeCr4(current: bigint, value: bigint): bigint {
    const { cr4Mask: mask, cr4Shadow } = this.controls;
    if (((value ^ cr4Shadow) & mask) !== 0n) this.leave(4, AccessType.movTo);
    const next = (value & ~mask) | (current & mask);
    if (!isCr4Allowed(Number(next & 0xffff_ffffn), this.processor.vmx.capabilities)) {
      throw new Fault(Vector.GP, 0);
    }
    return next;
  }

  private leave(register: Register, type: number): never {
    const operand = type === AccessType.clts ? 0 : registerOperand(currentInstruction(this.processor));
    const qualification = register | (type << TYPE_SHIFT) | (operand << REGISTER_SHIFT);
    throw new VmExit(ExitReason.controlRegisterAccess, BigInt(qualification));
  }

  /** @param value CR0 with its low four bits replaced by those of the operand */
  private leaveLmsw(value: bigint): never {
    const { processor } = this;
    const instruction = currentInstruction(processor);
    const { memory } = instruction;
    const source = memory ? value & 0xfn : processor.state.gpr(registerOperand(instruction)) & 0xffffn;
    const flags = (AccessType.lmsw << TYPE_SHIFT) | (memory ? LMSW_MEMORY : 0);
    throw new VmExit(ExitReason.controlRegisterAccess, BigInt(flags) | (source << LMSW_SOURCE_SHIFT));
  }
}

/** MOV DR (28.2.1, table 28-4). */
export function debugRegisterExit(processor: VmxProcessor, register: number, write: boolean): VmExit {
  const operand = registerOperand(currentInstruction(processor));
  const qualification = register | (write ? 0 : DR_FROM) | (operand << REGISTER_SHIFT);
  return new VmExit(ExitReason.movDr, BigInt(qualification));
}
