/**
 * What is added to virtual time to get the time-stamp counter: the processor's own offset, and in VMX non-root operation
 * that of the VMCS (SDM vol. 3, 26.3). The sum lies in the state, for generated code.
 */
import { TSC_OFFSET } from "../../isa/state.js";
import type { CpuState } from "../cpu-state.js";
import { carry, highHalf, join, lowHalf } from "../halves.js";
import type { GuestControls } from "./entry-controls.js";

export class TscOffset {
  /** The processor's own, while a guest runs: its halves. */
  private low = 0;
  private high = 0;

  constructor(
    private readonly state: CpuState,
    private readonly guest: { readonly active: boolean; readonly tscOffset: bigint },
  ) {}

  /** The processor's own: TSC minus ticks (IA32_TSC_ADJUST, WRMSR). */
  get own(): bigint {
    return BigInt.asIntN(64, this.guest.active ? join(this.low, this.high) : this.state.u64(TSC_OFFSET));
  }
  set own(value: bigint) {
    this.low = lowHalf(value);
    this.high = highHalf(value);
    this.state.setU64(TSC_OFFSET, BigInt.asUintN(64, value + this.guest.tscOffset));
  }

  /** VM entry. */
  begin({ tscOffsetLow, tscOffsetHigh }: GuestControls): void {
    const { state } = this;
    this.low = state.i32(TSC_OFFSET);
    this.high = state.i32(TSC_OFFSET + 4);
    const high = this.high + tscOffsetHigh + carry(this.low, tscOffsetLow >>> 0);
    state.setHalves(TSC_OFFSET, this.low + tscOffsetLow, high);
  }

  /** VM exit. */
  end(): void {
    this.state.setHalves(TSC_OFFSET, this.low, this.high);
  }
}
