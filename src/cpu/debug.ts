/**
 * Debug registers, breakpoints and single step (SDM vol. 3, chapter 18).
 *
 * The run loop asks this unit before and after an instruction while {@link DebugUnit.armed} or EFLAGS.TF says
 * that there may be something to report:
 *
 *     const hit = debug.instructionBreakpoint(linear)   // nonzero and RF clear: fault #DB with these bits
 *     debug.beginInstruction()
 *     … the instruction, memory accesses calling dataBreakpoint …
 *     const trap = debug.endInstruction()               // a #DB to deliver, RIP being that of the next instruction
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { DR, SHADOW } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import type { CpuState } from "./cpu-state.js";
import { Fault } from "./fault.js";
import { Cr4 } from "./mmu.js";
import { requireRing0 } from "./privilege.js";
import { SHADOW_MOV_SS } from "./segment-load.js";

/** Bits of DR6. */
export const Dr6 = { BD: 0x2000, BS: 0x4000, BT: 0x8000 } as const;
/** B0-B3, BD, BS and BT can be written; the rest reads as fixed. */
const DR6_WRITABLE = 0xe00f;
const DR6_ONES = 0xffff_0ff0;
/** Bits of DR7. */
const DR7_GD = 0x2000;
const DR7_WRITABLE = 0xffff_23ff;
const DR7_ONES = 0x400;
const DR7_LOCAL = 0x155;
const DR7_ENABLES = 0xff;

/** Conditions of a breakpoint (R/W field). */
const Condition = { execute: 0, write: 1, io: 2, access: 3 } as const;
/** Bytes by LEN field. */
const LENGTHS = [1, 2, 8, 4] as const;

export class DebugUnit {
  /** DR6 bits of traps to report after the current instruction. */
  private pending = 0;
  /** Those of them that an instruction that loaded SS left to the current one. */
  private inherited = 0;
  /** EFLAGS.TF, EFLAGS.RF and SHADOW when the instruction began. */
  private stepping = false;
  private resuming = false;
  private shadow = 0;
  /** The instruction itself has set RF. */
  private loadedResume = false;
  /** A task with the T bit in its TSS was entered. */
  private taskTrap = false;

  /** @param changed called when DR0-DR3 or DR7 were written */
  constructor(
    private readonly state: CpuState,
    private readonly changed: () => void = () => {},
  ) {}

  /** Some breakpoint is enabled. */
  get armed(): boolean {
    return (this.dr7 & DR7_ENABLES) !== 0;
  }
  /** A trap waits: the run loop has to call {@link endInstruction}. */
  get hasPending(): boolean {
    return this.pending !== 0;
  }
  private get dr7(): number {
    return this.state.u32(DR + 7 * 8);
  }

  /** Enabled data breakpoints: what the MMU has to watch. */
  dataBreakpoints(): { linear: bigint; length: number }[] {
    const list: { linear: bigint; length: number }[] = [];
    for (let i = 0; i < 4; i++) {
      const { enabled, condition, length } = this.control(i);
      if (!enabled || (condition !== Condition.write && condition !== Condition.access)) continue;
      list.push({ linear: this.state.dr(i) & ~BigInt(length - 1), length });
    }
    return list;
  }

  private control(i: number): { enabled: boolean; condition: number; length: number } {
    const { dr7 } = this;
    return {
      enabled: ((dr7 >>> (i * 2)) & 3) !== 0,
      condition: (dr7 >>> (16 + i * 4)) & 3,
      length: LENGTHS[(dr7 >>> (18 + i * 4)) & 3]!,
    };
  }

  /** DR6 bits of the instruction breakpoints at a linear address, 0 for none. RF and the MOV SS shadow suppress them. */
  instructionBreakpoint(linear: bigint): number {
    if (!this.armed || this.state.flag(Flag.RF) || this.state.u32(SHADOW) === SHADOW_MOV_SS) return 0;
    let bits = 0;
    for (let i = 0; i < 4; i++) {
      const { enabled, condition, length } = this.control(i);
      const matches = enabled && condition === Condition.execute && length === 1;
      if (matches && this.state.dr(i) === linear) bits |= 1 << i;
    }
    return bits;
  }

  /** Notes the data breakpoints that an access meets; they are reported after the instruction. */
  dataBreakpoint(linear: bigint, size: number, write: boolean): boolean {
    const wanted = (condition: number) =>
      condition === Condition.access || (write && condition === Condition.write);
    return this.match(linear, size, wanted);
  }

  /** I/O breakpoints exist with CR4.DE. */
  portBreakpoint(port: number, size: number): boolean {
    if ((this.state.cr4 & Cr4.DE) === 0) return false;
    return this.match(BigInt(port), size, (condition) => condition === Condition.io);
  }

  private match(address: bigint, size: number, wanted: (condition: number) => boolean): boolean {
    let bits = 0;
    if (!this.armed) return false;
    for (let i = 0; i < 4; i++) {
      const { enabled, condition, length } = this.control(i);
      if (!enabled || !wanted(condition)) continue;
      const start = this.state.dr(i) & ~BigInt(length - 1);
      if (start < address + BigInt(size) && address < start + BigInt(length)) bits |= 1 << i;
    }
    this.pending |= bits;
    return bits !== 0;
  }

  beginInstruction(): void {
    this.inherited = this.pending;
    this.stepping = this.state.flag(Flag.TF);
    this.resuming = this.state.flag(Flag.RF);
    this.shadow = this.state.u32(SHADOW);
  }

  /**
   * The instruction has completed. Returns the #DB to deliver, if any. After an instruction that loaded SS
   * there is none: breakpoints stay pending until the next one, a single step is lost (SDM vol. 3, 6.8.3).
   * RF and an interrupt shadow that the instruction found are over now.
   */
  endInstruction(): Fault | undefined {
    const { state, stepping } = this;
    if (this.resuming && !this.loadedResume) state.setFlag(Flag.RF, false);
    if (this.shadow !== 0 && state.u32(SHADOW) === this.shadow) state.setU32(SHADOW, 0);
    this.stepping = false;
    this.resuming = false;
    this.loadedResume = false;
    this.shadow = 0;
    if (state.u32(SHADOW) === SHADOW_MOV_SS) return undefined;
    const bits = this.pending | (stepping ? Dr6.BS : 0);
    this.pending = 0;
    return bits === 0 ? undefined : new Fault(Vector.DB, 0, BigInt(bits));
  }

  /** The instruction faulted: the breakpoints that it met itself are met again when it is restarted. */
  abandonInstruction(): void {
    this.pending &= this.inherited;
  }

  /** IRET or a task switch loaded RF: it is for the next instruction. Without a breakpoint nobody needs it. */
  resumeLoaded(): void {
    if (this.armed) this.loadedResume = true;
    else this.state.setFlag(Flag.RF, false);
  }

  /** An event was delivered: the handler's first instruction is not stepped on behalf of the interrupted code. */
  cancelStep(): void {
    this.stepping = false;
  }

  /** The processor was reset, or the traps were handed to someone else. Returns the DR6 bits that waited. */
  takePending(): number {
    const bits = this.pending;
    this.pending = 0;
    return bits;
  }

  /** Traps that wait for the next instruction boundary (VM entry with pending debug exceptions). */
  pend(bits: number): void {
    this.pending |= bits;
  }

  /**
   * A #DB is delivered: DR6 tells why, and DR7.GD no longer protects the registers from the handler. What waits
   * behind an instruction that loaded SS is reported with it.
   */
  recordException(bits: bigint): void {
    const dr6 = (Number(this.state.dr(6) & 0xffff_ffffn) & ~0xf) | Number(bits) | this.pending | DR6_ONES;
    this.pending = 0;
    this.state.setDr(6, BigInt(dr6 >>> 0));
    this.state.setDr(7, BigInt((this.dr7 & ~DR7_GD) >>> 0));
  }

  /** Local breakpoints end with their task. @param trap the new TSS has its T bit set */
  taskSwitched(trap: boolean): void {
    const dr7 = this.dr7 & ~DR7_LOCAL;
    if (dr7 !== this.dr7) {
      this.state.setDr(7, BigInt(dr7 >>> 0));
      this.changed();
    }
    this.stepping = false;
    this.taskTrap = trap;
  }

  takeTaskTrap(): boolean {
    const trap = this.taskTrap;
    this.taskTrap = false;
    return trap;
  }

  /** Loads a debug register; reserved bits take their fixed values. */
  load(register: number, value: bigint): void {
    if (register === 6) this.state.setDr(6, (value & BigInt(DR6_WRITABLE)) | BigInt(DR6_ONES));
    else if (register === 7) this.state.setDr(7, (value & BigInt(DR7_WRITABLE)) | BigInt(DR7_ONES));
    else this.state.setDr(register, value);
    if (register !== 6) this.changed();
  }
}

/** Checks of MOV DRn in their order; returns the register after DR4 and DR5 are replaced by what they alias. */
function checkAccess(context: CpuContext, register: number, write: boolean): number {
  const { state } = context;
  const alias = register === 4 || register === 5;
  if (register > 7 || (alias && (state.cr4 & Cr4.DE) !== 0)) throw new Fault(Vector.UD);
  requireRing0(context);
  context.intercepts?.debugRegister(register, write);
  if ((state.dr(7) & BigInt(DR7_GD)) !== 0n) throw new Fault(Vector.DB, 0, BigInt(Dr6.BD));
  return alias ? register + 2 : register;
}

/** MOV from DRn. */
export function readDebugRegister(context: CpuContext, register: number): bigint {
  return context.state.dr(checkAccess(context, register, false));
}

/** MOV to DRn. Outside 64-bit mode the upper half of the value is 0. */
export function writeDebugRegister(context: CpuContext, register: number, operand: bigint): number {
  const index = checkAccess(context, register, true);
  const value = BigInt.asUintN(64, operand);
  if (index >= 6 && value >> 32n !== 0n) throw new Fault(Vector.GP, 0);
  context.debug.load(index, value);
  context.state.rip = context.state.nextRip;
  return Control.leave;
}
