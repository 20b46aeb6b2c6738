/**
 * The guest that runs in VMX non-root operation, and what happens to it between two instructions: the event that VM
 * entry injects, VM exits that wait, windows, NMIs and interrupts, in the order of their priorities (SDM vol. 3,
 * 6.9, 26.2, 26.5 and 27.7).
 */
import { Vector } from "../../isa/emit.js";
import { Flag } from "../../isa/flags.js";
import { SHADOW } from "../../isa/state.js";
import { type CpuEvent, EventKind } from "../event.js";
import { deliverEvent, deliverException, deliverInterrupt, deliverNmi } from "../exceptions.js";
import { Fault } from "../fault.js";
import type { Apicv } from "./apic-interrupts.js";
import { VmExit } from "./contract.js";
import { ExitControl, PinControl, PrimaryControl } from "./controls.js";
import { type GuestControls, TSC_FRACTION } from "./entry-controls.js";
import { type EntryPlan, EntryPlans } from "./entry-plan.js";
import { Activity, type VmxProcessor } from "./entry-processor.js";
import { externalInterruptExit, nmiExit } from "./exit-event.js";
import { ExitReason } from "./exit-reason.js";
import { PreemptionTimer } from "./preemption-timer.js";

export class Guest {
  /** VMX non-root operation. */
  active = false;
  /** Of the guest that runs or ran last. */
  controls!: GuestControls;
  /** Virtual APIC; absent without "use TPR shadow". */
  apic: Apicv | undefined;
  readonly timer: PreemptionTimer;
  /** VM entry injects it before the first instruction. */
  injection: CpuEvent | undefined;
  /** Debug exceptions (bits of DR6) to deliver before the next instruction. */
  pendingDebug = 0;
  /** A VM exit due to the monitor trap flag waits. */
  trapFlagPending = false;
  /** INIT waits, for this guest or the next, or for VMXOFF. */
  initPending = false;
  /** What VM entries are made by. */
  readonly plans = new EntryPlans();
  /** VM exit to perform now that the instruction which caused it is complete. */
  private trapExit: VmExit | undefined;
  /** The tick at which IRET removed NMI blocking and was not complete; -1 if it was not blocked. */
  private unblockedAt = -1;

  constructor(private readonly processor: VmxProcessor) {
    this.timer = new PreemptionTimer(() => processor.lookAgain());
  }

  /** VM entry has begun. {@link active} is set when it cannot fail any more. */
  begin({ controls, apic }: EntryPlan): void {
    this.controls = controls;
    this.apic = apic;
    this.injection = undefined;
    this.pendingDebug = 0;
    this.trapFlagPending = false;
    this.trapExit = undefined;
    this.unblockedAt = -1;
  }

  end(): void {
    this.active = false;
    this.injection = undefined;
    this.trapFlagPending = false;
    this.trapExit = undefined;
    this.apic = undefined;
  }

  /** Every instruction is followed by a VM exit. */
  get monitorTrap(): boolean {
    return this.active && (this.controls.primary & PrimaryControl.monitorTrapFlag) !== 0;
  }

  /** External interrupts cause VM exits, whatever RFLAGS.IF is. */
  get interruptsExit(): boolean {
    return this.active && (this.controls.pin & PinControl.externalInterruptExiting) !== 0;
  }

  /** An interrupt shadow has to be observed exactly. */
  get watchesShadow(): boolean {
    return (
      this.active &&
      (this.watchesInterruptFlag || (this.controls.primary & PrimaryControl.nmiWindowExiting) !== 0)
    );
  }

  /** What the guest's TSC is, by the processor's own. */
  tsc(own: bigint): bigint {
    const { tscMultiplier, tscOffset } = this.controls;
    const scaled = tscMultiplier === undefined ? own : (own * tscMultiplier) >> TSC_FRACTION;
    return BigInt.asUintN(64, scaled + tscOffset);
  }

  /** What generated code adds to the processor's own TSC; with scaling it does not read the TSC itself. */
  get tscOffset(): bigint {
    return this.active ? this.controls.tscOffset : 0n;
  }

  /** Something waits for RFLAGS.IF, so the guest's STI has to be seen. */
  get watchesInterruptFlag(): boolean {
    if (!this.active) return false;
    return (
      (this.controls.primary & PrimaryControl.interruptWindowExiting) !== 0 || this.apic?.pending === true
    );
  }

  /** IRET leaves NMI blocking alone (SDM vol. 3, 26.3: IRET). */
  get keepsNmiBlocking(): boolean {
    return (
      this.active &&
      (this.controls.pin & PinControl.nmiExiting) !== 0 &&
      (this.controls.pin & PinControl.virtualNmis) === 0
    );
  }

  /** A trap-like VM exit: it happens as soon as the instruction is complete. */
  exitAfterInstruction(exit: VmExit): void {
    this.trapExit = exit;
    this.processor.lookAgain();
  }

  /** A startup IPI while the activity state is wait-for-SIPI. */
  startup(vector: number): void {
    this.exitAfterInstruction(new VmExit(ExitReason.startupIpi, BigInt(vector), [], true));
  }

  /** IRET has begun. @param tick now */
  noteIret(tick: number): void {
    const { controls } = this;
    const mayUnblock =
      (controls.pin & PinControl.nmiExiting) === 0 || (controls.pin & PinControl.virtualNmis) !== 0;
    this.unblockedAt = mayUnblock && this.processor.nmiBlocked ? tick : -1;
  }

  /** The instruction that runs is an IRET which removed the blocking of NMIs. */
  iretUnblocked(tick: number): boolean {
    return this.unblockedAt === tick;
  }

  // --- between instructions ---

  private get shadowed(): boolean {
    return this.processor.state.u32(SHADOW) !== 0;
  }

  private get nmiWindowOpen(): boolean {
    const { controls, processor } = this;
    return (
      (controls.primary & PrimaryControl.nmiWindowExiting) !== 0 && !processor.nmiBlocked && !this.shadowed
    );
  }

  /** An NMI can be taken: causes a VM exit or is delivered. */
  private get nmiDue(): boolean {
    const { controls, processor } = this;
    if (!processor.nmiPending || this.shadowed) return false;
    return (
      ((controls.pin & PinControl.nmiExiting) !== 0 && (controls.pin & PinControl.virtualNmis) !== 0) ||
      !processor.nmiBlocked
    );
  }

  private get interruptsEnabled(): boolean {
    return this.processor.state.flag(Flag.IF) && !this.shadowed;
  }

  /** What VM entry or the last instruction has left to be done before the next one. */
  get due(): boolean {
    const left = this.injection !== undefined || this.trapExit !== undefined || this.trapFlagPending;
    return this.active && (left || this.pendingDebug !== 0);
  }

  /** After VM entry: nothing comes before the guest's first instruction, nor stays with it. */
  get quiet(): boolean {
    const { controls, processor } = this;
    const { state, debug } = processor;
    return (
      !this.due &&
      !this.initPending &&
      !this.timer.expired &&
      !processor.nmiPending &&
      !processor.interruptPending &&
      this.apic?.pending !== true &&
      (controls.primary & PrimaryControl.monitorTrapFlag) === 0 &&
      (controls.primary & PrimaryControl.nmiWindowExiting) === 0 &&
      (controls.primary & PrimaryControl.interruptWindowExiting) === 0 &&
      processor.activity === Activity.active &&
      state.u32(SHADOW) === 0 &&
      !state.flag(Flag.TF | Flag.RF) &&
      !debug.armed &&
      !debug.hasPending
    );
  }

  /** Whether something waits that ends HLT, shutdown or wait-for-SIPI. */
  wakes(breaksOnMasked: boolean): boolean {
    const { controls, processor } = this;
    if (this.injection || this.trapExit || this.trapFlagPending || this.timer.expired) return true;
    if (processor.activity === Activity.waitForSipi) return false;
    if (this.initPending || this.pendingDebug !== 0 || this.nmiWindowOpen || this.nmiDue) return true;
    if (processor.activity === Activity.shutdown) return false;
    const enabled = this.interruptsEnabled;
    if (enabled && ((controls.primary & PrimaryControl.interruptWindowExiting) !== 0 || this.apic?.pending))
      return true;
    return processor.interruptPending && (this.interruptsExit || enabled || breaksOnMasked);
  }

  /** Performs what is due before the next instruction; true if it was something. Throws VM exits. */
  takeEvent(): boolean {
    const { processor, controls } = this;
    if (this.injection) {
      this.inject(this.injection);
      return true;
    }
    if (this.initPending && processor.activity !== Activity.waitForSipi) {
      this.initPending = false;
      throw new VmExit(ExitReason.initSignal);
    }
    if (this.trapExit) throw this.trapExit;
    if (this.trapFlagPending) throw new VmExit(ExitReason.monitorTrapFlag);
    if (this.pendingDebug !== 0) {
      const bits = BigInt(this.pendingDebug);
      this.pendingDebug = 0;
      processor.activity = Activity.active;
      deliverException(processor, new Fault(Vector.DB, 0, bits));
      return true;
    }
    if (this.timer.expired) throw new VmExit(ExitReason.preemptionTimerExpired);
    if (this.nmiWindowOpen) throw new VmExit(ExitReason.nmiWindow);
    if (this.nmiDue) {
      this.takeNmi();
      return true;
    }
    if (processor.activity >= Activity.shutdown) return false;
    if (this.interruptsEnabled) {
      if ((controls.primary & PrimaryControl.interruptWindowExiting) !== 0)
        throw new VmExit(ExitReason.interruptWindow);
      if (this.apic?.pending) {
        processor.activity = Activity.active;
        deliverInterrupt(processor, this.apic.deliver());
        return true;
      }
    }
    return this.takeInterrupt();
  }

  /** Delivers the event of VM entry. It is not subject to the exception bitmap, and writes neither CR2 nor DR6. */
  private inject(event: CpuEvent): void {
    const { processor } = this;
    this.injection = undefined;
    processor.activity = Activity.active;
    if (event.kind === EventKind.nmi) processor.nmiBlocked = true;
    deliverEvent(processor, event, undefined, true);
    if (this.monitorTrap) this.trapFlagPending = true;
  }

  private takeNmi(): void {
    const { processor } = this;
    processor.nmiPending = false;
    if ((this.controls.pin & PinControl.nmiExiting) !== 0) throw nmiExit();
    processor.activity = Activity.active;
    deliverNmi(processor);
  }

  private takeInterrupt(): boolean {
    const { processor, controls } = this;
    if (!processor.interruptPending || this.shadowed) return false;
    if (!this.interruptsExit) {
      if (!this.interruptsEnabled) return false;
      processor.activity = Activity.active;
      deliverInterrupt(processor, processor.acknowledgeInterrupt());
      return true;
    }
    if ((controls.exit & ExitControl.acknowledgeInterrupt) === 0) throw externalInterruptExit(undefined);
    const vector = processor.acknowledgeInterrupt();
    if (this.apic?.takePosted(vector)) return true;
    throw externalInterruptExit(vector);
  }
}
