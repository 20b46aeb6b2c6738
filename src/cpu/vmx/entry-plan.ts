/**
 * What VM entry makes of the controls of a VMCS. It is kept, and used again while the VMCS holds the same controls.
 */
import { Apicv } from "./apic-interrupts.js";
import { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import { guestTranslation } from "./entry-translation.js";
import type { GuestTranslation } from "./ept-guest.js";
import { GuestIntercepts } from "./intercepts.js";
import type { Vmcs } from "./vmcs.js";

export class EntryPlan {
  readonly controls: GuestControls;
  /** Virtual APIC; absent without "use TPR shadow". */
  readonly apic: Apicv | undefined;
  readonly translation: GuestTranslation;
  readonly intercepts: GuestIntercepts;

  constructor(processor: VmxProcessor, vmcs: Vmcs) {
    const controls = new GuestControls(vmcs);
    this.controls = controls;
    const virtualApic = controls.hasPrimary("useTprShadow");
    this.apic = virtualApic ? new Apicv(processor, processor.guest, controls) : undefined;
    this.translation = guestTranslation(processor, controls);
    this.intercepts = new GuestIntercepts(processor, controls);
  }

  /** Forgets what belonged to an earlier VM entry. */
  renew(): void {
    this.intercepts.renew();
    if (this.apic !== undefined) this.apic.pending = false;
  }
}

/** The plans of one processor. */
export class EntryPlans {
  private readonly plans = new WeakMap<Vmcs, EntryPlan>();
  private lastVmcs: Vmcs | undefined;
  private last: EntryPlan | undefined;

  /** The plan for a VM entry with a VMCS. */
  for(processor: VmxProcessor, vmcs: Vmcs): EntryPlan {
    let plan = vmcs === this.lastVmcs ? this.last : this.plans.get(vmcs);
    if (plan?.controls.current) plan.renew();
    else {
      plan = new EntryPlan(processor, vmcs);
      this.plans.set(vmcs, plan);
    }
    this.lastVmcs = vmcs;
    this.last = plan;
    return plan;
  }
}
