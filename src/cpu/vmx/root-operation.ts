/** What VMX root operation changes for ordinary instructions: MOV to CR0 and CR4 keep the fixed bits (SDM vol. 3, 24.8). */
import { Vector } from "../../isa/emit.js";
import { Fault } from "../fault.js";
import type { Intercepts } from "../intercepts.js";
import type { VmxCapabilities } from "./capabilities.js";
import { isCr0Allowed, isCr4Allowed } from "./fixed-bits.js";

export class RootOperation implements Intercepts {
  constructor(private readonly capabilities: VmxCapabilities) {}

  writeControlRegister(register: 0 | 3 | 4 | 8, value: bigint): bigint {
    const low = Number(value & 0xffff_ffffn);
    const allowed =
      register === 0 ? isCr0Allowed(low) : register === 4 ? isCr4Allowed(low, this.capabilities) : true;
    if (!allowed) throw new Fault(Vector.GP, 0);
    return value;
  }
  readControlRegister(_register: 0 | 3 | 4 | 8, value: bigint): bigint {
    return value;
  }
  instruction(): void {}
  debugRegister(): void {}
  port(): undefined {}
  msr(): void {}
  exception(): void {}
  taskSwitch(): void {}
}
