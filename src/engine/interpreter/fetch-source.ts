/** Where the bytes of the instruction at RIP come from: pages of linear memory, translated when they are asked for. */
import { NOT_RAM } from "../../memory/physical.js";
import type { EngineCpu } from "../engine.js";
import type { CodeSource } from "./code-cache.js";

export class FetchSource implements CodeSource {
  hostPage = 0;
  limit = 0xffffffff;
  /** The linear address, as two halves. */
  private low = 0;
  private high = 0;
  private long = false;

  constructor(private readonly cpu: EngineCpu) {}

  /** Goes to a linear address; throws the fault of the fetch. */
  set(low: number, high: number, long: boolean, limit: number): void {
    this.low = low;
    this.high = high;
    this.long = long;
    this.limit = limit;
    this.hostPage = this.page(low, high);
  }

  nextPage(): number {
    return this.page(this.nextLow, this.nextHigh);
  }

  private get nextLow(): number {
    return ((this.low & ~0xfff) + 4096) | 0;
  }
  private get nextHigh(): number {
    return this.long && this.nextLow === 0 ? (this.high + 1) | 0 : this.high;
  }

  /** The block at the state's RIP, which is that linear address, enters the jump cache. */
  noteJump(crosses: boolean): void {
    const { mmu } = this.cpu;
    mmu.noteJump(this.low, this.high);
    if (crosses) mmu.noteJump(this.nextLow, this.nextHigh);
  }

  /** Host address of the page of code at a linear address. */
  private page(low: number, high: number): number {
    const { cpu } = this;
    const physical = cpu.mmu.translateFetch(low, high);
    const host = cpu.physical.hostAddress(physical, false);
    return host === NOT_RAM ? cpu.emptyPage : host - (host & 0xfff);
  }
}
