/** How a local APIC is built into its machine: the options, and the wires to its processor. */
import type { Timeline } from "../../time/timeline.js";
import type { ApicBus } from "./apic-bus.js";
import type { TscDeadline } from "./apic-timer.js";

/** What the local APIC tells its processor, and asks from its machine. None is called during `restore`. */
export interface LocalApicHooks {
  /** `pending()` or `extIntPending` has changed: the processor should look before its next instruction. */
  onInterruptChange(): void;
  onNmi(): void;
  /** INIT: the processor decides when it takes it, and then calls `reset("init")`. */
  onInit(): void;
  /** SIPI: start at `vector` × 1000h, if the processor waits for it. */
  onStartup(vector: number): void;
  onSmi(): void;
  /** The INTA cycle: acknowledges the external 8259 pair and returns its vector. */
  extIntAcknowledge(): number;
  /** `LocalApic.mmioBase` has changed. Also called by `restore`, as all address decoding. */
  onBaseChange?(): void;
}

export interface LocalApicOptions {
  /** The initial APIC id: xAPIC uses its low 8 bits, x2APIC all 32. */
  readonly id: number;
  readonly timeline: Timeline;
  readonly bus: ApicBus;
  readonly tscDeadline: TscDeadline;
  readonly x2apicSupported: boolean;
  readonly hooks: LocalApicHooks;
  /** Sets the BSP flag of IA32_APIC_BASE; by default the processor with id 0. */
  readonly bootstrap?: boolean;
  /** MAXPHYADDR, which limits IA32_APIC_BASE; by default 52. */
  readonly physicalAddressBits?: number;
  /** Implements EOI broadcast suppression (version bit 24, SVR bit 12); by default not. */
  readonly eoiSuppression?: boolean;
}
