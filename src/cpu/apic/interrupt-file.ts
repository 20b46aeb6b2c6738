/**
 * Which interrupt the local APIC offers to the processor: IRR, ISR, TMR and the priorities (Intel SDM vol. 3,
 * 11.8.3 "Interrupt, task, and processor priority" and 11.8.4 "Interrupt acceptance for fixed interrupts").
 *
 * Invariant: `pending` is always what IRR, ISR and TPR say; every change goes through `refresh`.
 */
import type { InterruptFileState } from "./state.js";
import { VectorSet } from "./vector-set.js";

export class InterruptFile {
  readonly irr = new VectorSet();
  readonly isr = new VectorSet();
  readonly tmr = new VectorSet();
  private taskPriority = 0;
  private processorPriority = 0;
  private next = -1;

  /** @param changed told when `pending` moves. */
  constructor(private readonly changed: () => void) {}

  /** The highest vector whose class is above that of the processor priority, or -1. */
  get pending(): number {
    return this.next;
  }

  get tpr(): number {
    return this.taskPriority;
  }

  set tpr(value: number) {
    this.taskPriority = value;
    this.refresh();
  }

  get ppr(): number {
    return this.processorPriority;
  }

  /** Arbitration priority (11.6.2.4). */
  get apr(): number {
    const task = this.taskPriority;
    const requested = Math.max(this.irr.highest(), 0) >> 4;
    const served = Math.max(this.isr.highest(), 0) >> 4;
    if (task >> 4 >= requested && task >> 4 > served) return task;
    return Math.max(task >> 4, requested, served) << 4;
  }

  /** Takes a legal vector into IRR. `level` goes to TMR. */
  request(vector: number, level: boolean): void {
    this.irr.add(vector);
    if (level) this.tmr.add(vector);
    else this.tmr.delete(vector);
    this.refresh();
  }

  /** INTA: moves the pending vector from IRR to ISR and returns it, or -1 when there is none any more. */
  acknowledge(): number {
    const vector = this.next;
    if (vector < 0) return -1;
    this.irr.delete(vector);
    this.isr.add(vector);
    this.refresh();
    return vector;
  }

  /** Ends the interrupt of the highest priority in service; returns its vector, or -1. */
  endOfInterrupt(): number {
    const vector = this.isr.highest();
    if (vector < 0) return -1;
    this.isr.delete(vector);
    this.refresh();
    return vector;
  }

  private compute(): number {
    const task = this.taskPriority;
    const served = Math.max(this.isr.highest(), 0) & 0xf0;
    // Equal classes leave the sub-class to the model; like current silicon we show that of the TPR.
    this.processorPriority = (task & 0xf0) >= served ? task : served;
    const requested = this.irr.highest();
    return requested >> 4 > this.processorPriority >> 4 ? requested : -1;
  }

  private refresh(): void {
    const next = this.compute();
    if (next === this.next) return;
    this.next = next;
    this.changed();
  }

  reset(): void {
    this.irr.clear();
    this.isr.clear();
    this.tmr.clear();
    this.tpr = 0;
  }

  save(): InterruptFileState {
    return { irr: this.irr.save(), isr: this.isr.save(), tmr: this.tmr.save(), tpr: this.taskPriority };
  }

  restore(state: InterruptFileState): void {
    this.irr.restore(state.irr);
    this.isr.restore(state.isr);
    this.tmr.restore(state.tmr);
    this.taskPriority = state.tpr;
    this.next = this.compute();
  }
}
