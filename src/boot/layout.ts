/**
 * Where the loaders put things below 1 MiB, and the fixed addresses of the platform that guests are told of.
 *
 * Pages 1 to 5 stay free: guests use them for the start-up code of further processors.
 */

export { HPET_BASE } from "../chipset/hpet.js";
export { ECAM_BASE } from "../chipset/pci/root.js";

export const GDT_ADDRESS = 0x6000;
/** Linux `boot_params`. */
export const ZERO_PAGE = 0x7000;
/** Six pages: one PML4, one PDPT, four page directories. */
export const PAGE_TABLES = 0x9000;
/** Boot information of PVH and multiboot, setup_data and command line of Linux; free up to the end of low RAM. */
export const BOOT_INFO = 0x10000;

/** End of usable RAM below 1 MiB; the extended BIOS data area follows. */
export const LOW_RAM_END = 0x9fc00;
/** ACPI tables; the RSDP comes first, where guests look for it. */
export const ACPI_TABLES = 0xe0000;
/** SMBIOS entry point and structures. */
export const SMBIOS_TABLES = 0xf0000;
/** Code of the BIOS services that say "unsupported". */
export const BIOS_STUBS = 0xfe000;
export const ONE_MIB = 0x100000;

/**
 * Highest PCI bus that firmware tells of: there is no bridge, hence no other bus. Linux looks for host bridges on all
 * buses up to it, 32 devices each, which for 255 of them is a tenth of a second.
 */
export const LAST_BUS = 0;
/** Length of the PCI Express configuration space (ECAM) of all 256 buses, which begins at `ECAM_BASE`. */
export const ECAM_LENGTH = 0x10000000;
export const IOAPIC_BASE = 0xfec00000;
export const LAPIC_BASE = 0xfee00000;
export const FOUR_GIB = 0x100000000;
