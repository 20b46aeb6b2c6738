/**
 * What leaves for the hypervisor in VMX non-root operation, and how instructions behave there (SDM vol. 3, 26.1-26.3).
 * Each method is called where the manual gives the VM exit its priority; see cpu/intercepts.ts.
 */
import { Vector } from "../../isa/emit.js";
import { Intercepting } from "../../isa/state.js";
import { type CpuEvent, EventKind } from "../event.js";
import { Fault } from "../fault.js";
import type { InterceptedInstruction, Intercepts, PortAccess } from "../intercepts.js";
import { VmExit } from "./contract.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import { exceptionExit } from "./exit-event.js";
import {
  invpcidReport,
  type OperandReport,
  randomReport,
  systemSegmentReport,
  tableRegisterReport,
} from "./exit-instruction.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import { msrExits, portExit, portExits } from "./intercepts-bitmaps.js";
import { ControlRegisterIntercepts, debugRegisterExit } from "./intercepts-registers.js";

const TASK_SOURCE_SHIFT = 30n;

/** Numbers of the instructions in VM-exit instruction information. */
const TABLE_IDENTITY = { sgdt: 0, sidt: 1, lgdt: 2, lidt: 3 } as const;
const SEGMENT_IDENTITY = { sldt: 0, str: 1, lldt: 2, ltr: 3 } as const;

const undefinedOpcode = (): Fault => new Fault(Vector.UD);

export class GuestIntercepts implements Intercepts {
  /** Which instructions generated code must not execute inline: bits of {@link Intercepting}. */
  readonly inline: number;
  private readonly controlRegisters: ControlRegisterIntercepts;
  /** PAUSE-loop exiting: ticks of the first PAUSE of the loop, and of the last one. */
  private firstPause = 0;
  private lastPause = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly processor: VmxProcessor,
    private readonly controls: GuestControls,
  ) {
    this.controlRegisters = new ControlRegisterIntercepts(processor, controls);
    const has = (control: Parameters<GuestControls["hasSecondary"]>[0]) => controls.hasSecondary(control);
    const scaled = controls.tscMultiplier !== undefined;
    this.inline =
      (controls.hasPrimary("rdtscExiting") || scaled || !has("enableRdtscp") ? Intercepting.timeStamp : 0) |
      (controls.hasPrimary("pauseExiting") || has("pauseLoopExiting") ? Intercepting.pause : 0) |
      (has("rdrandExiting") || has("rdseedExiting") ? Intercepting.random : 0) |
      (has("enableXsaves") ? 0 : Intercepting.xsaves);
  }

  /** VM entry: what has happened so far does not concern the guest. */
  renew(): void {
    this.firstPause = 0;
    this.lastPause = Number.NEGATIVE_INFINITY;
  }

  instruction(which: InterceptedInstruction, operand = 0n): void {
    const { controls, processor } = this;
    switch (which) {
      case "cpuid":
        throw new VmExit(ExitReason.cpuid);
      case "invd":
        throw new VmExit(ExitReason.invd);
      case "xsetbv":
        throw new VmExit(ExitReason.xsetbv);
      case "hlt":
        if (controls.hasPrimary("hltExiting")) throw new VmExit(ExitReason.hlt);
        return;
      case "invlpg":
        if (controls.hasPrimary("invlpgExiting")) throw new VmExit(ExitReason.invlpg, operand);
        return;
      case "invpcid":
        if (!controls.hasSecondary("enableInvpcid")) throw undefinedOpcode();
        if (controls.hasPrimary("invlpgExiting")) {
          throw this.operandExit(ExitReason.invpcid, invpcidReport(processor));
        }
        return;
      case "rdpmc":
        if (controls.hasPrimary("rdpmcExiting")) throw new VmExit(ExitReason.rdpmc);
        return;
      case "rdtsc":
        if (controls.hasPrimary("rdtscExiting")) throw new VmExit(ExitReason.rdtsc);
        return;
      case "rdtscp":
        if (!controls.hasSecondary("enableRdtscp")) throw undefinedOpcode();
        if (controls.hasPrimary("rdtscExiting")) throw new VmExit(ExitReason.rdtscp);
        return;
      case "rdpid":
        if (!controls.hasSecondary("enableRdtscp")) throw undefinedOpcode();
        return;
      case "xsaves":
        if (!controls.hasSecondary("enableXsaves")) throw undefinedOpcode();
        return;
      case "mwait":
        if (controls.hasPrimary("mwaitExiting")) throw new VmExit(ExitReason.mwait);
        return;
      case "monitor":
        if (controls.hasPrimary("monitorExiting")) throw new VmExit(ExitReason.monitor);
        return;
      case "pause":
        this.pause();
        return;
      case "rdrand":
        if (controls.hasSecondary("rdrandExiting")) throw this.randomExit(ExitReason.rdrand);
        return;
      case "rdseed":
        if (controls.hasSecondary("rdseedExiting")) throw this.randomExit(ExitReason.rdseed);
        return;
      case "wbinvd":
      case "wbnoinvd":
        if (controls.hasSecondary("wbinvdExiting")) throw new VmExit(ExitReason.wbinvd);
        return;
      case "sgdt":
      case "sidt":
      case "lgdt":
      case "lidt":
        if (controls.hasSecondary("descriptorTableExiting")) {
          const report = tableRegisterReport(processor, TABLE_IDENTITY[which]);
          throw this.operandExit(ExitReason.gdtrOrIdtrAccess, report);
        }
        return;
      case "sldt":
      case "str":
      case "lldt":
      case "ltr":
        if (controls.hasSecondary("descriptorTableExiting")) {
          const report = systemSegmentReport(processor, SEGMENT_IDENTITY[which]);
          throw this.operandExit(ExitReason.ldtrOrTrAccess, report);
        }
        return;
      case "iret":
        processor.guest.noteIret(processor.now());
        return;
      default:
      // INT n, POPF, PUSHF and SMSW are SVM's; SMSW reads CR0 through its mask.
    }
  }

  private operandExit(reason: number, { information, displacement }: OperandReport): VmExit {
    return new VmExit(reason, displacement, [[VmcsField.EXIT_INSTRUCTION_INFO, BigInt(information)]]);
  }

  private randomExit(reason: number): VmExit {
    const information = BigInt(randomReport(this.processor));
    return new VmExit(reason, 0n, [[VmcsField.EXIT_INSTRUCTION_INFO, information]]);
  }

  /** PAUSE exiting, or at privilege 0 PAUSE-loop exiting (26.1.3). */
  private pause(): void {
    const { controls, processor } = this;
    if (controls.hasPrimary("pauseExiting")) throw new VmExit(ExitReason.pause);
    if (!controls.hasSecondary("pauseLoopExiting") || processor.state.cpl !== 0) return;
    const now = processor.now();
    const gap = now - this.lastPause;
    this.lastPause = now;
    if (gap > controls.vmcs.low(VmcsField.PLE_GAP)) this.firstPause = now;
    else if (now - this.firstPause > controls.vmcs.low(VmcsField.PLE_WINDOW)) {
      throw new VmExit(ExitReason.pause);
    }
  }

  readControlRegister(register: 0 | 3 | 4 | 8, value: bigint): bigint {
    return this.controlRegisters.read(register, value);
  }

  writeControlRegister(register: 0 | 3 | 4 | 8, value: bigint, by: "mov" | "lmsw" | "clts"): bigint {
    return this.controlRegisters.write(register, value, by);
  }

  debugRegister(register: number, write: boolean): void {
    if (this.controls.hasPrimary("movDrExiting")) throw debugRegisterExit(this.processor, register, write);
  }

  port(access: PortAccess): VmExit | undefined {
    const { processor, controls } = this;
    const exits = portExits(processor.physicalMemory, controls, access);
    return exits ? portExit(processor, access) : undefined;
  }

  msr(index: number, write: boolean): void {
    const { processor, controls } = this;
    if (msrExits(processor.physicalMemory, controls, index, write)) {
      throw new VmExit(write ? ExitReason.wrmsr : ExitReason.rdmsr);
    }
  }

  exception(event: CpuEvent): void {
    if (event.kind === EventKind.nmi || event.kind === EventKind.softwareInterrupt) return;
    const { controls } = this;
    let wanted = ((controls.exceptionBitmap >>> event.vector) & 1) !== 0;
    if (event.vector === Vector.PF) {
      const matches = ((event.error ?? 0) & controls.pageFaultMask) >>> 0 === controls.pageFaultMatch;
      if (!matches) wanted = !wanted;
    }
    if (wanted) throw exceptionExit(this.processor.state, event);
  }

  taskSwitch(selector: number, source: 0 | 1 | 2 | 3): void {
    throw new VmExit(ExitReason.taskSwitch, BigInt(selector) | (BigInt(source) << TASK_SOURCE_SHIFT));
  }
}
