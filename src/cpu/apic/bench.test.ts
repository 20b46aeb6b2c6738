/**
 * The test bench of the local APIC tests: virtual time that a test moves by hand, a bus, and processors that
 * write down what they are told. Holds no tests itself; named so that the package leaves it out.
 */
import assert from "node:assert/strict";
import { Timeline } from "../../time/timeline.js";
import { Fault } from "../fault.js";
import { ApicBus } from "./apic-bus.js";
import { LocalApic } from "./local-apic.js";
import type { LocalApicOptions } from "./options.js";
import { Reg, X2APIC_FIRST } from "./registers.js";

export const ENABLE = 1n << 11n;
export const EXTD = 1n << 10n;
export const APIC_BASE = 0x1b;
export const TSC_DEADLINE = 0x6e0;

/** One processor: its local APIC and a record of the signals it got. */
export class Cpu {
  readonly apic: LocalApic;
  readonly signals: string[] = [];
  changes = 0;
  picVector = 0x08;

  constructor(bench: ApicBench, id: number, extra: Partial<LocalApicOptions>) {
    this.apic = new LocalApic({
      id,
      timeline: bench.timeline,
      bus: bench.bus,
      tscDeadline: { supported: true, now: () => BigInt(bench.tick) + bench.tscOffset },
      x2apicSupported: true,
      hooks: {
        onInterruptChange: () => this.changes++,
        onNmi: () => this.signals.push("nmi"),
        onInit: () => this.signals.push("init"),
        onStartup: (vector) => this.signals.push(`startup ${vector}`),
        onSmi: () => this.signals.push("smi"),
        extIntAcknowledge: () => this.picVector,
        onBaseChange: () => this.signals.push(`base ${this.apic.mmioBase.toString(16)}`),
      },
      ...extra,
    });
  }

  /** Reads an xAPIC register. */
  read(register: number): number {
    return this.apic.readMmio(register * 16, 4);
  }

  /** Writes an xAPIC register. */
  write(register: number, value: number): void {
    this.apic.writeMmio(register * 16, 4, value);
  }

  /** Reads an x2APIC register. */
  rdmsr(register: number): bigint {
    return this.apic.readMsr(X2APIC_FIRST + register);
  }

  /** Writes an x2APIC register. */
  wrmsr(register: number, value: bigint): void {
    this.apic.writeMsr(X2APIC_FIRST + register, value);
  }

  /** Enables by software, spurious vector FFh. */
  enable(): this {
    this.write(Reg.SVR, 0x1ff);
    return this;
  }

  x2apic(): this {
    this.apic.writeMsr(APIC_BASE, this.apic.readMsr(APIC_BASE) | EXTD);
    this.wrmsr(Reg.SVR, 0x1ffn);
    return this;
  }

  /** Sends by the xAPIC's ICR. */
  send(low: number, destination = 0): void {
    this.write(Reg.ICR_HIGH, destination << 24);
    this.write(Reg.ICR, low);
  }

  /** Logs what was found wrong since the last time. */
  errors(): number {
    this.write(Reg.ESR, 0);
    return this.read(Reg.ESR);
  }

  /** Everything deliverable, in order; each is acknowledged and ended. */
  drain(): number[] {
    const vectors: number[] = [];
    while (this.apic.pending() >= 0) {
      vectors.push(this.apic.acknowledge());
      if (this.apic.x2apic) this.wrmsr(Reg.EOI, 0n);
      else this.write(Reg.EOI, 0);
    }
    return vectors;
  }
}

export class ApicBench {
  tick = 0;
  tscOffset = 0n;
  readonly timeline = new Timeline(() => this.tick);
  readonly bus = new ApicBus();
  readonly eois: number[] = [];
  readonly cpus: Cpu[] = [];

  constructor(count = 1, extra: Partial<LocalApicOptions> = {}) {
    this.bus.onEoi((vector) => this.eois.push(vector));
    for (let id = 0; id < count; id++) this.cpus.push(new Cpu(this, id, extra));
  }

  /** Lets `ticks` pass, firing every event exactly at its tick. */
  run(ticks: number): void {
    const end = this.tick + ticks;
    while (this.timeline.next <= end) {
      this.tick = Math.max(this.tick, this.timeline.next);
      this.timeline.runDue(this.tick);
    }
    this.tick = end;
  }
}

/** Expects #GP(0). */
export function faults(action: () => unknown): void {
  assert.throws(action, (error) => error instanceof Fault && error.vector === 13 && error.error === 0);
}
