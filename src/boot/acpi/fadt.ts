/**
 * FADT and FACS: the fixed hardware of the ICH9 power-management block.
 *
 * ACPI 6.5, 5.2.9 (FADT, here at revision 5) and 5.2.10 (FACS).
 */

import { StructWriter } from "../guest-memory.js";
import type { AcpiConfig } from "./config.js";
import { genericAddress, NO_REGISTER, SPACE_IO, sdt } from "./sdt.js";

const SCI_INTERRUPT = 9;
const SMI_COMMAND = 0xb2;
const ACPI_ENABLE = 0x02;
const ACPI_DISABLE = 0x03;
const PM1A_EVENT = 0x600;
const PM1A_CONTROL = 0x604;
const PM_TIMER = 0x608;
const GPE0 = 0x620;
const GPE0_LENGTH = 16;
const RESET_CONTROL = 0xcf9;
/** Full reset with a power cycle. */
const RESET_VALUE = 0x0f;
/** CMOS register that holds the century. */
const CENTURY = 0x32;

const PROFILE_DESKTOP = 1;
/** Latencies that say "no C2, no C3". */
const NO_C2 = 101;
const NO_C3 = 1001;

/** IA-PC boot architecture flags. */
const BOOT_LEGACY_DEVICES = 1 << 0;
const BOOT_8042 = 1 << 1;
const BOOT_VGA_NOT_PRESENT = 1 << 2;

/** Fixed feature flags. TMR_VAL_EXT (bit 8) stays clear: the PM timer has 24 bits. */
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
const NO_FIXED_SLEEP_BUTTON = 1 << 5;
const RESET_REG_SUP = 1 << 10;

export function fadt(config: AcpiConfig, facsAddress: number, dsdtAddress: number): Uint8Array {
  const bootFlags =
    BOOT_LEGACY_DEVICES | (config.i8042 ? BOOT_8042 : 0) | (config.vga ? 0 : BOOT_VGA_NOT_PRESENT);
  const body = new StructWriter()
    .u32(facsAddress)
    .u32(dsdtAddress)
    .u8(0)
    .u8(PROFILE_DESKTOP)
    .u16(SCI_INTERRUPT)
    .u32(SMI_COMMAND)
    .u8(ACPI_ENABLE)
    .u8(ACPI_DISABLE)
    .u8(0) // S4BIOS_REQ
    .u8(0) // PSTATE_CNT
    .u32(PM1A_EVENT)
    .u32(0) // PM1b event
    .u32(PM1A_CONTROL)
    .u32(0) // PM1b control
    .u32(0) // PM2 control
    .u32(PM_TIMER)
    .u32(GPE0)
    .u32(0) // GPE1
    .u8(4) // length of PM1 event
    .u8(2) // length of PM1 control
    .u8(0)
    .u8(4) // length of PM timer
    .u8(GPE0_LENGTH)
    .u8(0)
    .u8(0) // GPE1_BASE
    .u8(0) // CST_CNT
    .u16(NO_C2)
    .u16(NO_C3)
    .u16(0) // FLUSH_SIZE
    .u16(0) // FLUSH_STRIDE
    .u8(0) // DUTY_OFFSET
    .u8(0) // DUTY_WIDTH
    .u8(0) // DAY_ALRM
    .u8(0) // MON_ALRM
    .u8(CENTURY)
    .u16(bootFlags)
    .u8(0)
    .u32(WBINVD | PROC_C1 | NO_FIXED_SLEEP_BUTTON | RESET_REG_SUP)
    .bytes(genericAddress(SPACE_IO, 8, RESET_CONTROL))
    .u8(RESET_VALUE)
    .u16(0) // ARM_BOOT_ARCH
    .u8(0) // minor revision
    .u64(0) // X_FIRMWARE_CTRL: the 32-bit field is used
    .u64(dsdtAddress)
    .bytes(genericAddress(SPACE_IO, 32, PM1A_EVENT))
    .bytes(NO_REGISTER)
    .bytes(genericAddress(SPACE_IO, 16, PM1A_CONTROL))
    .bytes(NO_REGISTER)
    .bytes(NO_REGISTER)
    .bytes(genericAddress(SPACE_IO, 32, PM_TIMER))
    .bytes(genericAddress(SPACE_IO, GPE0_LENGTH * 8, GPE0))
    .bytes(NO_REGISTER)
    .bytes(NO_REGISTER) // SLEEP_CONTROL_REG
    .bytes(NO_REGISTER); // SLEEP_STATUS_REG
  return sdt("FACP", 5, body.finish());
}

/** The table that the OS writes to; it has no checksum and wants a 64-byte boundary. */
export function facs(): Uint8Array {
  const length = 64;
  const version = 1;
  return new StructWriter().ascii("FACS").u32(length).zeros(24).u8(version).zeros(31).finish();
}
