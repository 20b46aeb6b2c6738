/**
 * The local vector table (Intel SDM vol. 3, 11.5.1): what each local interrupt source becomes.
 *
 * Invariants: while the APIC is disabled by software every entry is masked and stays so; a level interrupt on
 * LINT0 holds remote IRR from its acceptance to its EOI. Polarity (bit 13) is stored only, because a line here
 * is "asserted" or not. LINT1 has no level interrupts.
 */
import { DeliveryMode } from "../interrupt-bus.js";
import {
  LVT_DELIVERY_STATUS,
  LVT_ENTRIES,
  LVT_LEVEL,
  LVT_MASKED,
  LVT_MODE_SHIFT,
  LVT_REMOTE_IRR,
  LVT_TIMER_MODE,
  LVT_TIMER_MODE_SHIFT,
  LVT_VECTOR,
} from "./registers.js";

/** Entries in the order of their registers. */
export const Lvt = { timer: 0, thermal: 1, performance: 2, lint0: 3, lint1: 4, error: 5 } as const;
export type Lvt = (typeof Lvt)[keyof typeof Lvt];

const VECTOR_AND_MASK = LVT_VECTOR | LVT_MASKED;
const MODE = 7 << LVT_MODE_SHIFT;
const POLARITY = 1 << 13;
const LINT = VECTOR_AND_MASK | MODE | POLARITY | LVT_LEVEL;
const TIMER_PERIODIC = 1 << LVT_TIMER_MODE_SHIFT;

export class LocalVectorTable {
  private readonly entries = new Int32Array(LVT_ENTRIES).fill(LVT_MASKED);
  private readonly writable: readonly number[];

  constructor(tscDeadline: boolean) {
    const timer = VECTOR_AND_MASK | (tscDeadline ? LVT_TIMER_MODE : TIMER_PERIODIC);
    this.writable = [timer, VECTOR_AND_MASK | MODE, VECTOR_AND_MASK | MODE, LINT, LINT, VECTOR_AND_MASK];
  }

  read(entry: number): number {
    return this.entries[entry];
  }

  /** Whether x2APIC mode takes this value without #GP. Read-only bits may be set, reserved ones may not. */
  isLegal(entry: number, value: number): boolean {
    if (entry === Lvt.timer && (value & LVT_TIMER_MODE) === LVT_TIMER_MODE) return false;
    const readOnly = LVT_DELIVERY_STATUS | (entry === Lvt.lint0 || entry === Lvt.lint1 ? LVT_REMOTE_IRR : 0);
    return (value & ~(this.writable[entry] | readOnly)) === 0;
  }

  /** Writes an entry; reserved bits are ignored. */
  write(entry: number, value: number, softwareEnabled: boolean): void {
    const next = (value & this.writable[entry]) | (softwareEnabled ? 0 : LVT_MASKED);
    const remoteIrr = this.entries[entry] & LVT_REMOTE_IRR;
    this.entries[entry] = next;
    if (this.isLevel(entry)) this.entries[entry] |= remoteIrr;
  }

  isMasked(entry: number): boolean {
    return (this.entries[entry] & LVT_MASKED) !== 0;
  }

  vector(entry: number): number {
    return this.entries[entry] & LVT_VECTOR;
  }

  mode(entry: number): number {
    return (this.entries[entry] >> LVT_MODE_SHIFT) & 7;
  }

  /** Level counts for fixed interrupts on LINT0 only. */
  isLevel(entry: number): boolean {
    return (
      entry === Lvt.lint0 &&
      (this.entries[entry] & LVT_LEVEL) !== 0 &&
      this.mode(entry) === DeliveryMode.fixed
    );
  }

  isUnmaskedExtInt(entry: number): boolean {
    return !this.isMasked(entry) && this.mode(entry) === DeliveryMode.extInt;
  }

  get remoteIrr(): boolean {
    return (this.entries[Lvt.lint0] & LVT_REMOTE_IRR) !== 0;
  }

  set remoteIrr(value: boolean) {
    if (value) this.entries[Lvt.lint0] |= LVT_REMOTE_IRR;
    else this.entries[Lvt.lint0] &= ~LVT_REMOTE_IRR;
  }

  mask(entry: number): void {
    this.entries[entry] |= LVT_MASKED;
  }

  maskAll(): void {
    for (let entry = 0; entry < LVT_ENTRIES; entry++) this.mask(entry);
  }

  reset(): void {
    this.entries.fill(LVT_MASKED);
  }

  save(): number[] {
    return [...this.entries];
  }

  restore(saved: readonly number[]): void {
    this.entries.set(saved.slice(0, LVT_ENTRIES));
  }
}
