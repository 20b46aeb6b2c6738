/**
 * What carries interrupt messages between I/O APICs, MSI writers and local APICs, and EOIs back (Intel SDM
 * vol. 3, 11.6 "Issuing interprocessor interrupts", 11.8.5 and 11.11 "Message signalled interrupts").
 *
 * It has no state of its own: a lowest-priority message goes to the processor with the lowest processor
 * priority, the first attached among equals, so that a run repeats exactly.
 */
import { DeliveryMode, type InterruptBus, type InterruptMessage } from "../interrupt-bus.js";
import { type ApicAddress, isAddressed } from "./destination.js";

/** A local APIC as its peers see it. */
export interface ApicAgent extends ApicAddress {
  /** Enabled by IA32_APIC_BASE and by the SVR: it takes fixed and lowest-priority messages. */
  readonly acceptsFixed: boolean;
  /** PPR. */
  readonly processorPriority: number;
  /** Takes a message that is addressed to it; false when it refuses. */
  accept(message: InterruptMessage): boolean;
}

/** MSI address (11.11.1) and data (11.11.2). */
const MSI_WINDOW = 0xfee;
const MSI_LOGICAL = 1 << 2;
const MSI_REDIRECTION_HINT = 1 << 3;
const MSI_ASSERT = 1 << 14;
const MSI_LEVEL = 1 << 15;

export class ApicBus implements InterruptBus {
  private readonly agents: ApicAgent[] = [];
  private readonly eoiListeners: ((vector: number) => void)[] = [];

  attach(agent: ApicAgent): void {
    this.agents.push(agent);
  }

  /** Delivers a message whose destination has 8 bits: FFh is the broadcast. (A longer one is taken as 32 bits.) */
  send(message: InterruptMessage): boolean {
    return this.deliver(message, (agent) => isAddressed(agent, message.destination, message.logical, false));
  }

  /** Delivers a message whose destination has 32 bits: x2APIC ICRs and remapped interrupts (VT-d with EIM). */
  sendWide(message: InterruptMessage): boolean {
    return this.deliver(message, (agent) => isAddressed(agent, message.destination, message.logical, true));
  }

  /** Delivers a message to all local APICs, or to all but one: the ICR's shorthands. */
  broadcast(message: InterruptMessage, except?: ApicAgent): boolean {
    return this.deliver(message, (agent) => agent !== except);
  }

  /**
   * Delivers the message of a memory write to FEExxxxxh in compatibility format. Returns false when the
   * address is none, or when nobody took the message.
   */
  msi(addressLow: number, addressHigh: number, data: number): boolean {
    if (addressHigh !== 0 || addressLow >>> 20 !== MSI_WINDOW) return false;
    const logical = (addressLow & MSI_LOGICAL) !== 0;
    const mode = ((data >> 8) & 7) as DeliveryMode;
    // The redirection hint makes one receiver of a logical group, as lowest priority does.
    const redirect = logical && (addressLow & MSI_REDIRECTION_HINT) !== 0 && mode === DeliveryMode.fixed;
    return this.send({
      destination: (addressLow >>> 12) & 0xff,
      logical,
      deliveryMode: redirect ? DeliveryMode.lowestPriority : mode,
      vector: data & 0xff,
      level: (data & MSI_LEVEL) !== 0 && (data & MSI_ASSERT) !== 0,
    });
  }

  onEoi(listener: (vector: number) => void): void {
    this.eoiListeners.push(listener);
  }

  /** The EOI broadcast of a local APIC. */
  endOfInterrupt(vector: number): void {
    for (const listener of this.eoiListeners) listener(vector);
  }

  private deliver(message: InterruptMessage, isMeant: (agent: ApicAgent) => boolean): boolean {
    if (message.deliveryMode === DeliveryMode.lowestPriority) {
      return this.arbitrate(isMeant)?.accept(message) ?? false;
    }
    // Who is meant is settled before anybody acts: an INIT can change how its receiver is addressed.
    let accepted = false;
    for (const agent of this.agents.filter(isMeant)) if (agent.accept(message)) accepted = true;
    return accepted;
  }

  private arbitrate(isMeant: (agent: ApicAgent) => boolean): ApicAgent | undefined {
    let winner: ApicAgent | undefined;
    for (const agent of this.agents) {
      if (!agent.acceptsFixed || !isMeant(agent)) continue;
      if (!winner || agent.processorPriority < winner.processorPriority) winner = agent;
    }
    return winner;
  }
}
