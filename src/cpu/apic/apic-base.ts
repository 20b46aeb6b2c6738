/**
 * IA32_APIC_BASE (Intel SDM vol. 3, 11.4.4 "Local APIC status and location") and the modes it selects with
 * their legal transitions (11.12.5 "x2APIC state transitions", figure 11-27).
 */
import { Fault } from "../fault.js";
import { APIC_DEFAULT_BASE } from "./registers.js";

const BSP = 1n << 8n;
const EXTD = 1n << 10n;
const ENABLE = 1n << 11n;
const GENERAL_PROTECTION = 13;

export type ApicMode = "disabled" | "xapic" | "x2apic";

export class ApicBase {
  private value = 0n;
  private current: ApicMode = "xapic";
  private readonly writable: bigint;
  /** Physical address of the register page. */
  address = APIC_DEFAULT_BASE;

  constructor(
    private readonly bootstrap: boolean,
    physicalAddressBits: number,
    x2apicSupported: boolean,
  ) {
    const pages = (1n << BigInt(physicalAddressBits)) - 0x1000n;
    this.writable = pages | BSP | ENABLE | (x2apicSupported ? EXTD : 0n);
    this.reset();
  }

  get mode(): ApicMode {
    return this.current;
  }

  read(): bigint {
    return this.value;
  }

  /** Takes a new value, or throws #GP for reserved bits and for what figure 11-27 has no arrow for. */
  write(value: bigint): void {
    const mode = modeOf(value);
    const from = this.current;
    if (
      (value & ~this.writable) !== 0n ||
      mode === undefined ||
      (from === "x2apic" && mode === "xapic") ||
      (from === "disabled" && mode === "x2apic")
    ) {
      throw new Fault(GENERAL_PROTECTION);
    }
    this.set(value, mode);
  }

  private set(value: bigint, mode: ApicMode): void {
    this.value = value;
    this.current = mode;
    this.address = Number(value & ~0xfffn);
  }

  reset(): void {
    this.set(BigInt(APIC_DEFAULT_BASE) | ENABLE | (this.bootstrap ? BSP : 0n), "xapic");
  }

  /** Takes a saved value over, whatever the mode was. */
  restore(value: bigint): void {
    this.set(value, modeOf(value) ?? "disabled");
  }
}

/** The mode that EN and EXTD select; `undefined` for EXTD without EN. */
function modeOf(value: bigint): ApicMode | undefined {
  if (value & ENABLE) return value & EXTD ? "x2apic" : "xapic";
  return value & EXTD ? undefined : "disabled";
}
