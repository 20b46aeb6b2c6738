/**
 * The registers of the local APIC and what their reads and writes do (Intel SDM vol. 3, 11.4 … 11.9, and
 * 11.12 for x2APIC). Which of them exist in which mode is a table in registers.ts.
 *
 * xAPIC: reserved bits are ignored, reserved registers read as 0 and log "illegal register address". x2APIC:
 * both are #GP, raised before anything changes.
 */
import { Fault } from "../fault.js";
import type { ApicAgent } from "./apic-bus.js";
import { ApicTimer } from "./apic-timer.js";
import { x2apicLogicalId } from "./destination.js";
import { ErrorStatus } from "./error-status.js";
import { decodeCommand, hasVector, ICR_LEGAL, ICR_WRITABLE, Shorthand } from "./interrupt-command.js";
import { InterruptFile } from "./interrupt-file.js";
import { LocalVectorTable, Lvt } from "./local-vector-table.js";
import type { LocalApicOptions } from "./options.js";
import {
  ApicError,
  DFR_FIXED,
  DIVIDE_WRITABLE,
  FIRST_LEGAL_VECTOR,
  inXapicPage,
  Reg,
  SVR_ENABLE,
  SVR_EOI_SUPPRESSION,
  SVR_RESET,
  SVR_WRITABLE,
  VERSION_EOI_SUPPRESSION,
  VERSION_VALUE,
  x2apicReadable,
  x2apicWritable,
  xapicReadable,
  xapicWritable,
} from "./registers.js";
import type { LocalApicState } from "./state.js";

const GENERAL_PROTECTION = 13;

/** What the registers ask from the APIC around them. */
export interface RegisterEvents {
  /** The deliverable vector has changed. */
  interruptChange(): void;
  /** The source of an LVT entry fires. */
  localInterrupt(entry: Lvt): void;
  /** LVT entries, or the remote IRR of LINT0, have changed. */
  lvtChanged(): void;
}

type RegisterState = Omit<LocalApicState, "version" | "base" | "lines" | "extIntMessage">;

export class ApicRegisters {
  readonly interrupts: InterruptFile;
  readonly lvt: LocalVectorTable;
  readonly timer: ApicTimer;
  private readonly errors: ErrorStatus;
  xapicId: number;
  /** Logical destination in bits 24 … 31, as xAPIC mode shows it. */
  ldr = 0;
  dfr = 0xffffffff;
  private svr = SVR_RESET;
  private icrLow = 0;
  /** xAPIC: destination in bits 24 … 31. x2APIC: all 32 bits. */
  private icrHigh = 0;
  private readonly svrWritable: number;

  constructor(
    private readonly options: LocalApicOptions,
    private readonly self: ApicAgent,
    private readonly events: RegisterEvents,
  ) {
    const { id, timeline, tscDeadline } = options;
    this.xapicId = id & 0xff;
    this.svrWritable = SVR_WRITABLE | (options.eoiSuppression ? SVR_EOI_SUPPRESSION : 0);
    this.interrupts = new InterruptFile(() => events.interruptChange());
    this.lvt = new LocalVectorTable(tscDeadline.supported);
    this.errors = new ErrorStatus(() => events.localInterrupt(Lvt.error));
    this.timer = new ApicTimer(`local APIC ${id} timer`, timeline, tscDeadline, () =>
      events.localInterrupt(Lvt.timer),
    );
  }

  get softwareEnabled(): boolean {
    return (this.svr & SVR_ENABLE) !== 0;
  }

  get spuriousVector(): number {
    return this.svr & 0xff;
  }

  /** Takes a vector into IRR; an illegal one is an error and is not taken. */
  request(vector: number, level: boolean): boolean {
    if (vector < FIRST_LEGAL_VECTOR) {
      this.errors.log(ApicError.receiveIllegalVector);
      return false;
    }
    this.interrupts.request(vector, level);
    return true;
  }

  readXapic(register: number): number {
    if (!xapicReadable(register)) {
      if (!inXapicPage(register)) this.errors.log(ApicError.illegalRegister);
      return 0;
    }
    switch (register) {
      case Reg.ID:
        return (this.xapicId << 24) >>> 0;
      case Reg.APR:
        return this.interrupts.apr;
      case Reg.LDR:
        return this.ldr;
      case Reg.DFR:
        return this.dfr;
      case Reg.ICR_HIGH:
        return this.icrHigh;
    }
    return this.read(register);
  }

  readX2apic(register: number): number {
    if (!x2apicReadable(register)) throw new Fault(GENERAL_PROTECTION);
    if (register === Reg.ID) return this.options.id;
    if (register === Reg.LDR) return x2apicLogicalId(this.options.id);
    return this.read(register);
  }

  readX2apicHigh(register: number): number {
    return register === Reg.ICR ? this.icrHigh : 0;
  }

  /** The registers that read alike in both modes. */
  private read(register: number): number {
    const { interrupts, timer } = this;
    switch (register) {
      case Reg.VERSION:
        return VERSION_VALUE | (this.options.eoiSuppression ? VERSION_EOI_SUPPRESSION : 0);
      case Reg.TPR:
        return interrupts.tpr;
      case Reg.PPR:
        return interrupts.ppr;
      case Reg.SVR:
        return this.svr;
      case Reg.ESR:
        return this.errors.read();
      case Reg.ICR:
        return this.icrLow;
      case Reg.INITIAL_COUNT:
        return timer.initialCount;
      case Reg.CURRENT_COUNT:
        return timer.currentCount;
      case Reg.DIVIDE:
        return timer.divideConfiguration;
    }
    if (register >= Reg.ISR && register < Reg.TMR) return interrupts.isr.word(register - Reg.ISR);
    if (register >= Reg.TMR && register < Reg.IRR) return interrupts.tmr.word(register - Reg.TMR);
    if (register >= Reg.IRR && register < Reg.ESR) return interrupts.irr.word(register - Reg.IRR);
    if (isLvt(register)) return this.lvt.read(register - Reg.LVT_TIMER);
    return 0;
  }

  writeXapic(register: number, value: number): void {
    if (!xapicWritable(register)) {
      if (!inXapicPage(register)) this.errors.log(ApicError.illegalRegister);
      return;
    }
    switch (register) {
      case Reg.ID:
        this.xapicId = value >>> 24;
        return;
      case Reg.LDR:
        this.ldr = (value & 0xff000000) >>> 0;
        return;
      case Reg.DFR:
        this.dfr = (value | DFR_FIXED) >>> 0;
        return;
      case Reg.ICR:
        this.command(value, this.icrHigh >>> 24, false);
        return;
      case Reg.ICR_HIGH:
        this.icrHigh = (value & 0xff000000) >>> 0;
        return;
    }
    this.write(register, value);
  }

  writeX2apic(register: number, low: number, high: number): void {
    if (!x2apicWritable(register) || !this.isLegal(register, low, high)) throw new Fault(GENERAL_PROTECTION);
    if (register === Reg.ICR) {
      this.icrHigh = high;
      this.command(low, high, true);
    } else if (register === Reg.SELF_IPI) {
      this.selfIpi(low);
    } else {
      this.write(register, low);
    }
  }

  /** Reserved bits of the x2APIC registers (11.12.1.2 and the figures of the registers). */
  private isLegal(register: number, low: number, high: number): boolean {
    if (register === Reg.ICR) return (low & ~ICR_LEGAL) === 0;
    if (high !== 0) return false;
    switch (register) {
      case Reg.TPR:
      case Reg.SELF_IPI:
        return low <= 0xff;
      case Reg.EOI:
      case Reg.ESR:
        return low === 0;
      case Reg.SVR:
        return (low & ~this.svrWritable) === 0;
      case Reg.DIVIDE:
        return (low & ~DIVIDE_WRITABLE) === 0;
    }
    return !isLvt(register) || this.lvt.isLegal(register - Reg.LVT_TIMER, low);
  }

  /** The registers that are written alike in both modes. */
  private write(register: number, value: number): void {
    switch (register) {
      case Reg.TPR:
        this.interrupts.tpr = value & 0xff;
        return;
      case Reg.EOI:
        this.endOfInterrupt();
        return;
      case Reg.SVR:
        this.writeSvr(value);
        return;
      case Reg.ESR:
        this.errors.write();
        return;
      case Reg.INITIAL_COUNT:
        this.timer.initialCount = value;
        return;
      case Reg.DIVIDE:
        this.timer.divideConfiguration = value;
        return;
    }
    if (isLvt(register)) this.writeLvt(register - Reg.LVT_TIMER, value);
  }

  private writeSvr(value: number): void {
    this.svr = value & this.svrWritable;
    if (this.softwareEnabled) return;
    this.lvt.maskAll();
    this.timer.configure(this.lvt.read(Lvt.timer));
    this.events.lvtChanged();
  }

  private writeLvt(entry: number, value: number): void {
    this.lvt.write(entry, value, this.softwareEnabled);
    if (entry === Lvt.timer) this.timer.configure(this.lvt.read(Lvt.timer));
    else this.events.lvtChanged();
  }

  private endOfInterrupt(): void {
    const vector = this.interrupts.endOfInterrupt();
    if (vector < 0 || !this.interrupts.tmr.has(vector)) return;
    if (this.lvt.remoteIrr && this.lvt.vector(Lvt.lint0) === vector) {
      this.lvt.remoteIrr = false;
      this.events.lvtChanged();
    }
    if (!(this.svr & SVR_EOI_SUPPRESSION)) this.options.bus.endOfInterrupt(vector);
  }

  private command(low: number, destination: number, wide: boolean): void {
    this.icrLow = low & ICR_WRITABLE;
    const command = decodeCommand(low, destination);
    if (!command) return;
    const { message, shorthand } = command;
    if (hasVector(message.deliveryMode) && message.vector < FIRST_LEGAL_VECTOR) {
      this.errors.log(ApicError.sendIllegalVector);
      return;
    }
    const { bus } = this.options;
    if (shorthand === Shorthand.self) this.self.accept(message);
    else if (shorthand === Shorthand.allIncludingSelf) bus.broadcast(message);
    else if (shorthand === Shorthand.allExcludingSelf) bus.broadcast(message, this.self);
    else if (wide) bus.sendWide(message);
    else bus.send(message);
  }

  /** SELF IPI (11.12.11): like a fixed self IPI, but the ICR keeps its contents. */
  private selfIpi(vector: number): void {
    if (vector < FIRST_LEGAL_VECTOR) this.errors.log(ApicError.sendIllegalVector);
    else if (this.softwareEnabled) this.request(vector, false);
  }

  /** From xAPIC to x2APIC mode everything stays but the ids and the destination of the ICR (11.12.5.1). */
  enterX2apic(): void {
    this.icrHigh = 0;
    this.ldr = 0;
    this.dfr = 0xffffffff;
    this.xapicId = this.options.id & 0xff;
  }

  reset(): void {
    this.xapicId = this.options.id & 0xff;
    this.ldr = 0;
    this.dfr = 0xffffffff;
    this.svr = SVR_RESET;
    this.icrLow = 0;
    this.icrHigh = 0;
    this.lvt.reset();
    this.errors.reset();
    this.timer.reset();
    this.interrupts.reset();
  }

  save(): RegisterState {
    return {
      xapicId: this.xapicId,
      ldr: this.ldr,
      dfr: this.dfr,
      svr: this.svr,
      icrLow: this.icrLow,
      icrHigh: this.icrHigh,
      lvt: this.lvt.save(),
      errors: this.errors.save(),
      interrupts: this.interrupts.save(),
      timer: this.timer.save(),
    };
  }

  restore(state: RegisterState): void {
    this.xapicId = state.xapicId;
    this.ldr = state.ldr;
    this.dfr = state.dfr;
    this.svr = state.svr;
    this.icrLow = state.icrLow;
    this.icrHigh = state.icrHigh;
    this.lvt.restore(state.lvt);
    this.errors.restore(state.errors);
    this.interrupts.restore(state.interrupts);
    this.timer.restore(state.timer, this.lvt.read(Lvt.timer));
  }
}

function isLvt(register: number): boolean {
  return register >= Reg.LVT_TIMER && register <= Reg.LVT_ERROR;
}
