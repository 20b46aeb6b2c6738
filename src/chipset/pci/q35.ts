/**
 * The Q35's own functions: host bridge 8086:29C0 at 00:00.0 (Intel 3 Series data sheet, "DRAM controller
 * registers") and ICH9 LPC bridge 8086:2918 at 00:1f.0 (ICH9 data sheet, chapter 13).
 *
 * Both come up as firmware leaves them, with the ECAM at B0000000h and PMBASE at 600h enabled, because a
 * directly booted kernel has no firmware; SeaBIOS and OVMF program the same values again.
 */
import { ConfigSpace, type ConfigSpaceState } from "./config-space.js";
import type { PciFunction } from "./function.js";
import type { PirqRouter } from "./pirq.js";
import { ECAM_BASE } from "./root.js";

/** Device and function numbers on bus 0. */
export const HOST_BRIDGE_DEVICE = 0;
export const LPC_DEVICE = 31;

const PCIEXBAR = 0x60;
const PAM0 = 0x90;
const SMRAM = 0x9d;
const ESMRAMC = 0x9e;

const PMBASE = 0x40;
const ACPI_CNTL = 0x44;
const PIRQ_A = 0x60;
const PIRQ_E = 0x68;
const RCBA = 0xf0;
/** 8259 inputs that firmware routes PIRQA … D and E … H to, as SeaBIOS does. */
const FIRMWARE_ROUTES = [10, 10, 11, 11] as const;

/** How a range of C0000h … FFFFFh reaches memory: where an access is not to RAM it goes to the ROM below. */
export interface PamSegment {
  readonly start: number;
  readonly length: number;
  readonly readRam: boolean;
  readonly writeRam: boolean;
}

export interface HostBridgeEvents {
  /** The ECAM window is decoded at `base`, or nowhere; its length is `size` bytes. */
  readonly onEcam?: (base: number | undefined, size: number) => void;
  /** A PAM register changed; all 13 segments are given. */
  readonly onPam?: (segments: readonly PamSegment[]) => void;
}

export class HostBridge implements PciFunction {
  readonly config = new ConfigSpace({ vendor: 0x8086, device: 0x29c0, classCode: 0x060000, revision: 2 });

  constructor(events: HostBridgeEvents = {}) {
    const { config } = this;
    // Enable, length and base (bits 27:26 count for the shorter windows only).
    config.define(PCIEXBAR, 4, (ECAM_BASE | 1) >>> 0, 0xfc000007);
    config.define(PCIEXBAR + 4, 4, 0, 0x0000000f);
    for (let index = 0; index < 7; index++) config.define(PAM0 + index, 1, 0, index === 0 ? 0x30 : 0x33);
    config.define(SMRAM, 1, 0x02, 0x58);
    config.define(ESMRAMC, 1, 0x38, 0x87);
    config.onDecode(PCIEXBAR, 8, () => events.onEcam?.(this.ecamBase, this.ecamSize));
    config.onDecode(PAM0, 7, () => events.onPam?.(this.pamSegments));
  }

  private get ecamSize(): number {
    return 0x10000000 >>> ((this.config.get(PCIEXBAR, 1) >> 1) & 3);
  }

  /** Where the ECAM is decoded, or `undefined`. */
  get ecamBase(): number | undefined {
    const low = this.config.get(PCIEXBAR, 4);
    if (!(low & 1)) return undefined;
    const base = (low & 0xfc000000) >>> 0;
    return base - (base % this.ecamSize) + this.config.get(PCIEXBAR + 4, 4) * 2 ** 32;
  }

  /** The programmable attribute map: F0000h in 64 KiB, C0000h … EFFFFh in 16 KiB segments. */
  get pamSegments(): readonly PamSegment[] {
    const segment = (start: number, length: number, attributes: number): PamSegment => ({
      start,
      length,
      readRam: (attributes & 1) !== 0,
      writeRam: (attributes & 2) !== 0,
    });
    const segments = [segment(0xf0000, 0x10000, this.config.get(PAM0, 1) >> 4)];
    for (let index = 0; index < 12; index++) {
      const register = this.config.get(PAM0 + 1 + (index >> 1), 1);
      segments.push(segment(0xc0000 + index * 0x4000, 0x4000, index & 1 ? register >> 4 : register));
    }
    return segments;
  }

  reset(): void {
    this.config.reset();
  }

  save(): ConfigSpaceState {
    return this.config.save();
  }

  restore(state: ConfigSpaceState): void {
    this.config.restore(state);
  }
}

export interface LpcEvents {
  /** The ACPI block is decoded at `base`, or nowhere. */
  readonly onPmBase?: (base: number | undefined) => void;
  /** The root complex register block (16 KiB) is decoded at `base`, or nowhere. */
  readonly onRootComplex?: (base: number | undefined) => void;
}

export class LpcBridge implements PciFunction {
  readonly config = new ConfigSpace({
    vendor: 0x8086,
    device: 0x2918,
    classCode: 0x060100,
    revision: 2,
    multifunction: true,
  });

  constructor(pirqs: PirqRouter, events: LpcEvents = {}) {
    const { config } = this;
    config.define(PMBASE, 4, 0x601, 0x0000ff80);
    config.define(ACPI_CNTL, 1, 0x80, 0x87);
    for (let pirq = 0; pirq < 8; pirq++) {
      const offset = pirq < 4 ? PIRQ_A + pirq : PIRQ_E + pirq - 4;
      config.define(offset, 1, FIRMWARE_ROUTES[pirq & 3]!, 0x8f);
      config.onWrite(offset, 1, () => pirqs.route(pirq, config.get(offset, 1)));
      pirqs.route(pirq, config.get(offset, 1));
    }
    config.define(RCBA, 4, 0, 0xffffc001);
    config.onDecode(PMBASE, 5, () => events.onPmBase?.(this.pmBase));
    config.onDecode(RCBA, 4, () => events.onRootComplex?.(this.rootComplexBase));
  }

  /** Where the ACPI block is decoded, or `undefined`. */
  get pmBase(): number | undefined {
    const base = this.config.get(PMBASE, 2) & 0xff80;
    return this.config.get(ACPI_CNTL, 1) & 0x80 && base !== 0 ? base : undefined;
  }

  get rootComplexBase(): number | undefined {
    const value = this.config.get(RCBA, 4);
    return value & 1 ? (value & 0xffffc000) >>> 0 : undefined;
  }

  reset(): void {
    this.config.reset();
  }

  save(): ConfigSpaceState {
    return this.config.save();
  }

  restore(state: ConfigSpaceState): void {
    this.config.restore(state);
  }
}
