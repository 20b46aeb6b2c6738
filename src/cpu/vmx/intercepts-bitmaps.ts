/** I/O and MSR bitmaps (SDM vol. 3, 25.6.4, 25.6.9 and 26.1.3). */
import type { PortAccess } from "../intercepts.js";
import { VmExit } from "./contract.js";
import { PrimaryControl } from "./controls.js";
import type { GuestControls } from "./entry-controls.js";
import type { PhysicalMemory, VmxProcessor } from "./entry-processor.js";
import { stringReport } from "./exit-instruction.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";

/** Exit qualification of I/O instructions (table 28-5). */
const IO_IN = 8;
const IO_STRING = 0x10;
const IO_REP = 0x20;
const IO_IMMEDIATE = 0x40;
const IO_PORT_SHIFT = 16n;

const PORTS = 0x1_0000;
const PORTS_PER_BITMAP = 0x8000;

/** MSRs that each quarter of the MSR bitmaps covers, and where the second half of them begins. */
const MSRS = 0x2000;
const HIGH_MSRS = 0xc000_0000;
const QUARTER = 0x400;

function bit(memory: PhysicalMemory, bitmap: number, index: number): boolean {
  return ((memory.read32(bitmap + (index >>> 5) * 4) >>> (index & 31)) & 1) !== 0;
}

/** Whether an access to ports causes a VM exit. One that wraps around does if bitmaps are used. */
export function portExits(
  memory: PhysicalMemory,
  controls: GuestControls,
  { port, size }: PortAccess,
): boolean {
  if ((controls.primary & PrimaryControl.useIoBitmaps) === 0)
    return (controls.primary & PrimaryControl.unconditionalIoExiting) !== 0;
  if (port + size > PORTS) return true;
  const [a, b] = controls.ioBitmaps;
  for (let at = port; at < port + size; at++) {
    if (bit(memory, at < PORTS_PER_BITMAP ? a : b, at % PORTS_PER_BITMAP)) return true;
  }
  return false;
}

export function portExit(processor: VmxProcessor, access: PortAccess): VmExit {
  const { port, size, write, immediate, string } = access;
  const flags =
    (size - 1) |
    (write ? 0 : IO_IN) |
    (string ? IO_STRING : 0) |
    (string?.rep ? IO_REP : 0) |
    (immediate ? IO_IMMEDIATE : 0);
  const qualification = BigInt(flags) | (BigInt(port) << IO_PORT_SHIFT);
  if (!string) return new VmExit(ExitReason.ioInstruction, qualification);
  return new VmExit(ExitReason.ioInstruction, qualification, [
    [VmcsField.GUEST_LINEAR_ADDRESS, string.linear],
    [VmcsField.EXIT_INSTRUCTION_INFO, BigInt(stringReport(processor, string.addressSize, write))],
  ]);
}

/** Whether RDMSR or WRMSR causes a VM exit: always without bitmaps, and for MSRs that they do not cover. */
export function msrExits(
  memory: PhysicalMemory,
  controls: GuestControls,
  index: number,
  write: boolean,
): boolean {
  if ((controls.primary & PrimaryControl.useMsrBitmaps) === 0) return true;
  const high = index >= HIGH_MSRS;
  const offset = high ? index - HIGH_MSRS : index;
  if (offset >= MSRS) return true;
  return bit(memory, controls.msrBitmaps + (high ? QUARTER : 0) + (write ? 2 * QUARTER : 0), offset);
}
