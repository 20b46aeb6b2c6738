/**
 * Virtualization of the task priority, and evaluation and delivery of virtual interrupts (SDM vol. 3, 30.1.1-30.1.5,
 * 30.2 and 30.6).
 */
import { VirtualApicPage, VirtualRegister } from "./apic-page.js";
import { VmExit } from "./contract.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import type { Guest } from "./events.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";

/** Posted-interrupt descriptor: 256 bits of requests, then bit 0 "outstanding notification". */
const REQUEST_WORDS = 8;
const NOTIFICATION_AT = 32;

const priorityClass = (value: number): number => (value >> 4) & 0xf;

export class Apicv {
  readonly page: VirtualApicPage;
  /** A virtual interrupt is recognized: it is delivered as soon as the guest can take it. */
  pending = false;
  private readonly delivers: boolean;

  constructor(
    private readonly processor: VmxProcessor,
    private readonly guest: Guest,
    private readonly controls: GuestControls,
  ) {
    this.page = new VirtualApicPage(processor.physicalMemory, controls.virtualApicPage);
    this.delivers = controls.hasSecondary("virtualInterruptDelivery");
  }

  /** What VM entry does after it has loaded the guest's state (SDM vol. 3, 27.3.2.5 and 27.7.7). */
  enter(): void {
    if (this.delivers) this.prioritize();
    else this.checkThreshold();
  }

  // --- task priority ---

  /** CR8. */
  get taskPriority(): number {
    return priorityClass(this.page.read(VirtualRegister.TPR));
  }
  set taskPriority(value: number) {
    this.writeTpr((value & 0xf) << 4);
  }

  /** TPR virtualization (30.1.2). */
  writeTpr(value: number): void {
    this.page.write(VirtualRegister.TPR, value & 0xff);
    if (this.delivers) this.prioritize();
    else this.checkThreshold();
  }

  private checkThreshold(): void {
    const threshold = this.controls.vmcs.low(VmcsField.TPR_THRESHOLD) & 0xf;
    if (this.taskPriority < threshold) {
      this.guest.exitAfterInstruction(new VmExit(ExitReason.tprBelowThreshold, 0n, [], true));
    }
  }

  // --- virtual interrupts ---

  /** Requesting virtual interrupt. */
  private get rvi(): number {
    return this.controls.vmcs.low(VmcsField.GUEST_INTERRUPT_STATUS) & 0xff;
  }
  /** Servicing virtual interrupt. */
  private get svi(): number {
    return this.controls.vmcs.low(VmcsField.GUEST_INTERRUPT_STATUS) >> 8;
  }
  private setStatus(rvi: number, svi: number): void {
    this.controls.vmcs.setLow(VmcsField.GUEST_INTERRUPT_STATUS, rvi | (svi << 8));
  }

  /** PPR virtualization (30.1.3), then evaluation of pending virtual interrupts (30.2.1). */
  private prioritize(): void {
    this.updatePpr();
    this.evaluate();
  }

  private updatePpr(): void {
    const tpr = this.page.read(VirtualRegister.TPR) & 0xff;
    const { svi } = this;
    this.page.write(VirtualRegister.PPR, priorityClass(tpr) >= priorityClass(svi) ? tpr : svi & 0xf0);
  }

  private evaluate(): void {
    const ppr = this.page.read(VirtualRegister.PPR);
    this.pending =
      !this.controls.hasPrimary("interruptWindowExiting") && priorityClass(this.rvi) > priorityClass(ppr);
    if (this.pending) this.processor.lookAgain();
  }

  /** Virtual-interrupt delivery (30.2.2): returns the vector to deliver through the guest's IDT. */
  deliver(): number {
    const vector = this.rvi;
    this.page.setVector(VirtualRegister.ISR, vector, true);
    this.page.write(VirtualRegister.PPR, vector & 0xf0);
    this.page.setVector(VirtualRegister.IRR, vector, false);
    this.setStatus(this.page.highest(VirtualRegister.IRR), vector);
    this.pending = false;
    return vector;
  }

  /** EOI virtualization (30.1.4). */
  endOfInterrupt(): void {
    const vector = this.svi;
    this.page.setVector(VirtualRegister.ISR, vector, false);
    this.setStatus(this.rvi, this.page.highest(VirtualRegister.ISR));
    this.updatePpr();
    const bitmap = this.controls.vmcs.read(VmcsField.EOI_EXIT_BITMAP_0 + (vector >> 6) * 2);
    if (((bitmap >> BigInt(vector & 63)) & 1n) !== 0n) {
      this.guest.exitAfterInstruction(new VmExit(ExitReason.virtualizedEoi, BigInt(vector), [], true));
    } else this.evaluate();
  }

  /** Self-IPI virtualization (30.1.5). */
  selfIpi(vector: number): void {
    this.request(vector);
    this.evaluate();
  }

  private request(vector: number): void {
    this.page.setVector(VirtualRegister.IRR, vector, true);
    this.setStatus(Math.max(this.rvi, vector), this.svi);
  }

  /** Posted-interrupt processing (30.6); false if the external interrupt is no notification. */
  takePosted(vector: number): boolean {
    const { controls, processor } = this;
    const { vmcs } = controls;
    if (!controls.hasPin("processPostedInterrupts")) return false;
    if (vector !== (vmcs.low(VmcsField.POSTED_INTERRUPT_NOTIFICATION_VECTOR) & 0xff)) return false;
    const memory = processor.physicalMemory;
    const descriptor = Number(vmcs.read(VmcsField.POSTED_INTERRUPT_DESCRIPTOR_ADDRESS));
    memory.write32(descriptor + NOTIFICATION_AT, memory.read32(descriptor + NOTIFICATION_AT) & ~1);
    processor.endOfInterrupt();
    for (let word = 0; word < REQUEST_WORDS; word++) {
      let bits = memory.read32(descriptor + word * 4);
      if (bits !== 0) memory.write32(descriptor + word * 4, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits);
        bits = (bits & ~(1 << bit)) >>> 0;
        this.request(word * 32 + bit);
      }
    }
    this.evaluate();
    return true;
  }
}
