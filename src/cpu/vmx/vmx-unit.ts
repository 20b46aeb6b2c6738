/**
 * The VMX state of a logical processor outside of any VMCS: VMX operation, the VMXON pointer, the current VMCS
 * (SDM vol. 3, 24.7 and 25.1). Instructions change it (instructions.ts); transitions are done by entry.ts and exit.ts,
 * which are given to the constructor.
 */
import { CURRENT_VMCS, VMCS_LAYOUT } from "../../isa/state.js";
import type { PhysicalMap } from "../../memory/physical.js";
import type { CpuContext } from "../context.js";
import type { Intercepts } from "../intercepts.js";
import type { VmxCapabilities } from "./capabilities.js";
import { EntryChecks } from "./checks/checks.js";
import type { RuleFailure } from "./checks/rule.js";
import type { EntryEnvironment } from "./checks/view.js";
import type { VmExit, VmxUnit } from "./contract.js";
import { VmError } from "./errors.js";
import { observedExit, type VmxObserver } from "./observer.js";
import { RootOperation } from "./root-operation.js";
import { Vmcs } from "./vmcs.js";

/** The processor around the unit. */
export interface InterceptingContext extends CpuContext {
  intercepts: Intercepts | undefined;
}

/** What the MMU does for INVEPT, INVVPID and VMFUNC. Operands have been checked. */
export interface VmxTranslations {
  /** @param type 1: one EPTP, 2: all */
  invalidateEpt(type: number, eptp: bigint): void;
  /** @param type 0: one address, 1: one VPID, 2: all, 3: one VPID without global translations */
  invalidateVpid(type: number, vpid: number, linear: bigint): void;
  /** The EPTP of the running guest changed. */
  switchEptp(eptp: bigint): void;
}

export interface VmxTransitions {
  /** Loads the guest's state after all checks passed. False: loading its MSRs failed, and the host goes on. */
  enterGuest(vmcs: Vmcs): boolean;
  /** A VM entry fails after the checks of the host: a VM exit that loads the host state. */
  failEntry(vmcs: Vmcs, reason: number, qualification: bigint): void;
  exitGuest(vmcs: Vmcs, exit: VmExit): void;
}

export interface VmxParts {
  readonly processor: InterceptingContext;
  readonly capabilities: VmxCapabilities;
  readonly physical: PhysicalMap;
  /** Where in the machine's memory generated code finds {@link VmxCapabilities.layout}; without it, it asks for each VMREAD and VMWRITE. */
  readonly layoutAt?: number | undefined;
  readonly translations: VmxTranslations;
  readonly transitions: VmxTransitions;
  /** A VM entry was refused, and why. */
  readonly onRuleFailed?: (failure: RuleFailure) => void;
}

/** Pointers in hexadecimal. */
export interface VmxUnitState {
  readonly version: number;
  readonly vmxon: string | undefined;
  readonly current: string | undefined;
  readonly nonRoot: boolean;
}

const VERSION = 1;
/** VMCSs that are remembered. */
const MOST_REGIONS = 8;

export class VmxOperation implements VmxUnit {
  /** Physical address that VMXON was given; undefined outside VMX operation. */
  vmxonPointer: bigint | undefined;
  private currentVmcs: Vmcs | undefined;
  private inNonRoot = false;
  /** Why the last VM entry was refused. */
  lastFailure: RuleFailure | undefined;
  /** Told of VM entries and VM exits, if somebody wants to know. */
  observer: VmxObserver | undefined;
  /** The checks of VM entry, and what of the processor takes part in them. */
  readonly checks = new EntryChecks();
  readonly environment: EntryEnvironment;
  /** The regions that were met last: what is remembered of a VMCS belongs to these objects. */
  private readonly regions: Vmcs[] = [];
  /** For VMX root operation: the fixed bits of CR0 and CR4. */
  readonly rootIntercepts: Intercepts;

  constructor(readonly parts: VmxParts) {
    this.rootIntercepts = new RootOperation(parts.capabilities);
    const { capabilities, physical, layoutAt } = parts;
    const { state } = parts.processor;
    if (layoutAt !== undefined) new Uint16Array(state.memory).set(capabilities.layout(), layoutAt >>> 1);
    this.environment = {
      capabilities,
      physical,
      memory: state.view,
      get longModeActive() {
        return state.longModeActive;
      },
    };
  }

  get current(): Vmcs | undefined {
    return this.currentVmcs;
  }
  set current(vmcs: Vmcs | undefined) {
    this.currentVmcs = vmcs;
    this.noteCurrent();
  }

  /** Set by VM entries, cleared by VM exits. */
  get nonRoot(): boolean {
    return this.inNonRoot;
  }
  set nonRoot(on: boolean) {
    this.inNonRoot = on;
    this.noteCurrent();
  }

  /** Tells generated code which VMCS it may read and write. */
  private noteCurrent(): void {
    const { currentVmcs } = this;
    const { layoutAt, processor } = this.parts;
    if (layoutAt === undefined) return;
    processor.state.setU32(VMCS_LAYOUT, layoutAt);
    processor.state.setU32(CURRENT_VMCS, currentVmcs === undefined || this.inNonRoot ? 0 : currentVmcs.host);
  }

  get operation(): boolean {
    return this.vmxonPointer !== undefined;
  }

  get capabilities(): VmxCapabilities {
    return this.parts.capabilities;
  }

  exit(exit: VmExit): void {
    if (this.current === undefined) throw new Error("VM exit without a current VMCS");
    this.parts.transitions.exitGuest(this.current, exit);
    if (this.observer !== undefined) {
      this.observer.onExit(observedExit(this.current, this.parts.processor.state));
    }
  }

  /** VMXON. */
  enterOperation(pointer: bigint): void {
    this.vmxonPointer = pointer;
    this.current = undefined;
    this.parts.processor.intercepts = this.rootIntercepts;
  }

  /** VMXOFF, and RESET. */
  leaveOperation(): void {
    this.vmxonPointer = undefined;
    this.current = undefined;
    this.nonRoot = false;
    this.parts.processor.intercepts = undefined;
  }

  /** The region at an address, which may have been checked or not. */
  regionAt(pointer: bigint): Vmcs | undefined {
    const { processor, physical } = this.parts;
    if (!this.isRegionAddress(pointer)) return undefined;
    const host = physical.hostAddress(Number(pointer), true);
    const known = this.regions.find((region) => region.host === host && region.pointer === pointer);
    if (known !== undefined) return known;
    const region = Vmcs.at(processor.state.view, physical, pointer);
    if (region === undefined) return undefined;
    this.regions.unshift(region);
    if (this.regions.length > MOST_REGIONS) this.regions.pop();
    return region;
  }

  /** 4 KiB aligned, and no wider than physical addresses are. */
  isRegionAddress(pointer: bigint): boolean {
    return (pointer & 0xfffn) === 0n && pointer >> BigInt(this.capabilities.physicalBits) === 0n;
  }

  refused(failure: RuleFailure): void {
    this.lastFailure = failure;
    this.parts.onRuleFailed?.(failure);
  }

  /** VMLAUNCH or VMRESUME ended in VMfail. @param error VM-instruction error; none without a usable VMCS */
  entryFailed(launch: boolean, error?: VmError): void {
    if (this.observer === undefined) return;
    const checked = error === VmError.entryInvalidControls || error === VmError.entryInvalidHostState;
    this.observer.onEntryFailure({
      vmcs: this.current?.pointer,
      launch,
      rip: this.parts.processor.state.rip,
      error,
      reason: undefined,
      qualification: 0n,
      failure: checked ? this.lastFailure : undefined,
    });
  }

  save(): VmxUnitState {
    return {
      version: VERSION,
      vmxon: this.vmxonPointer?.toString(16),
      current: this.current?.pointer.toString(16),
      nonRoot: this.nonRoot,
    };
  }

  /** The intercepts of a guest that ran are for whoever resumes it to put in place. */
  restore(saved: VmxUnitState): void {
    if (saved.version !== VERSION) {
      throw new Error(
        `The saved state of VMX has version ${saved.version}, but this vt86 reads version ${VERSION}: take the snapshot again with this vt86.`,
      );
    }
    this.leaveOperation();
    if (saved.vmxon === undefined) return;
    this.enterOperation(BigInt(`0x${saved.vmxon}`));
    if (saved.current !== undefined) this.current = this.regionAt(BigInt(`0x${saved.current}`));
    this.nonRoot = saved.nonRoot && this.current !== undefined;
  }
}
