/**
 * `--trace translate`: a line for each region that is translated or dropped, and for each hot block that is not
 * translated, once for each reason.
 */
import type { DropReason, Emission, Refusal, TranslationObserver } from "../engine/translator/observer.js";
import type { Region } from "../engine/translator/region.js";
import { regionSize } from "./region-text.js";
import { hex, seconds } from "./text.js";

/** A place in the machine's memory that holds code. */
export interface Place {
  /** Host page (address >>> 12), and offset in it. */
  readonly page: number;
  readonly start: number;
}

/** The machine, as much of it as a line tells. */
export interface Traced {
  /** Guest time in nanoseconds. */
  readonly time: number;
  /** Guest-physical address of a place; undefined where there is no RAM. */
  physical(place: Place): number | undefined;
}

export class TranslationTrace implements TranslationObserver {
  /** RIP of the hot block of each region. */
  private readonly places = new WeakMap<Region, bigint>();
  private readonly said = new Set<string>();

  constructor(
    private readonly machine: Traced,
    private readonly write: (text: string) => void,
  ) {}

  emitted(region: Region, { rip, body, milliseconds }: Emission): void {
    this.places.set(region, rip);
    this.line(
      "translate",
      `RIP ${hex(rip)}: ${regionSize(region)}${region.registers === "locals" ? ", registers in locals," : ""} into ${body.length} bytes for slot ${region.slot}, took ${milliseconds.toFixed(2)} ms`,
    );
  }

  dropped(region: Region, why: DropReason): void {
    const rip = this.places.get(region);
    this.line("drop", `slot ${region.slot}${rip === undefined ? "" : `, RIP ${hex(rip)}`}: ${why}`);
  }

  refused(place: Place, why: Refusal): void {
    const key = `${place.page}:${place.start}:${why}`;
    if (this.said.has(key)) return;
    this.said.add(key);
    const address = this.machine.physical(place);
    this.line(
      "refuse",
      `the block at ${address === undefined ? "no RAM" : `physical ${hex(address)}`}: ${why}`,
    );
  }

  private line(label: string, text: string): void {
    this.write(`${seconds(this.machine.time)} ${label.padEnd(9)} ${text}\n`);
  }
}
