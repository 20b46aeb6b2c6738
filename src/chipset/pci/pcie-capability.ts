/**
 * The PCI Express capability (PCI Express 3.0, 7.8), version 2.
 */
import type { ConfigSpace } from "./config-space.js";

const CAPABILITY_ID = 0x10;
const LENGTH = 0x3c;
const VERSION = 2;

/** Device/port types (7.8.2). */
export const PcieType = { endpoint: 0, rootPort: 4, integratedEndpoint: 9, eventCollector: 10 } as const;
export type PcieType = (typeof PcieType)[keyof typeof PcieType];

export interface PcieOptions {
  readonly type: PcieType;
  /** Function level reset; `onReset` is called when software starts one. */
  readonly onFunctionReset?: () => void;
  /** Root ports: slot number; makes a slot that is always occupied. */
  readonly slot?: number;
}

const DEVICE_CAPABILITIES_ROLE_BASED = 1 << 15;
const DEVICE_CAPABILITIES_FLR = 1 << 28;
const DEVICE_CONTROL_FLR = 1 << 15;
const SLOT_IMPLEMENTED = 1 << 8;
const PRESENCE_DETECTED = 1 << 6;
/** 2.5 GT/s, x1. */
const LINK_SPEED_WIDTH = 1 | (1 << 4);
/** Data link layer link active, and the speed and width negotiated. */
const LINK_STATUS_ACTIVE = (1 << 13) | LINK_SPEED_WIDTH;

/** Adds the capability; returns its offset. */
export function addPcieCapability(config: ConfigSpace, options: PcieOptions): number {
  const offset = config.capability(CAPABILITY_ID, LENGTH);
  const hasSlot = options.slot !== undefined;
  // Root complex integrated endpoints have no link registers (7.8).
  const hasLink = options.type === PcieType.endpoint || options.type === PcieType.rootPort;
  const flr = options.onFunctionReset ? DEVICE_CAPABILITIES_FLR : 0;

  config.define(offset + 0x02, 2, VERSION | (options.type << 4) | (hasSlot ? SLOT_IMPLEMENTED : 0));
  config.define(offset + 0x04, 4, DEVICE_CAPABILITIES_ROLE_BASED | flr);
  // Device control: everything but the reset bit is storage. 512-byte read requests, relaxed ordering, no snoop.
  config.define(offset + 0x08, 2, 0x2810, 0x7fff);
  config.define(offset + 0x0a, 2, 0, 0, 0x000f);
  if (hasLink) {
    config.define(offset + 0x0c, 4, LINK_SPEED_WIDTH);
    config.define(offset + 0x10, 2, 0, 0x01cb);
    config.define(offset + 0x12, 2, LINK_STATUS_ACTIVE);
  }
  if (hasSlot) {
    config.define(offset + 0x14, 4, ((options.slot ?? 0) << 19) >>> 0);
    config.define(offset + 0x18, 2, 0, 0x1fff);
    config.define(offset + 0x1a, 2, PRESENCE_DETECTED, 0, 0x011f);
  }
  if (options.type === PcieType.rootPort) config.define(offset + 0x1c, 2, 0, 0x001f);
  config.define(offset + 0x28, 2, 0, 0x001f);
  if (hasLink) config.define(offset + 0x30, 2, 1, 0x000f);

  const onFunctionReset = options.onFunctionReset;
  if (onFunctionReset) {
    config.define(offset + 0x08, 2, 0x2810, 0x7fff | DEVICE_CONTROL_FLR);
    config.onWrite(offset + 0x08, 2, () => {
      const control = config.get(offset + 0x08, 2);
      if (!(control & DEVICE_CONTROL_FLR)) return;
      config.set(offset + 0x08, 2, control & ~DEVICE_CONTROL_FLR);
      onFunctionReset();
    });
  }
  return offset;
}
