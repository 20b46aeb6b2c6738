/**
 * Identity page tables for loaders that enter a guest in 64-bit mode.
 *
 * Intel SDM volume 3, 4.5 (4-level paging): virtual = physical for the first 4 GiB, in pages of 2 MiB.
 */

import { type BootMemory, StructWriter } from "./guest-memory.js";
import { PAGE_TABLES } from "./layout.js";

const PAGE = 4096;
const PRESENT_WRITABLE = 0x3;
const PAGE_SIZE_2M = 0x80;
const GIBIBYTES = 4;

/** Writes the tables and returns the physical address of the PML4, for CR3. */
export function writeIdentityPageTables(memory: BootMemory): number {
  const pdpt = PAGE_TABLES + PAGE;
  const directories = pdpt + PAGE;
  const tables = new StructWriter().u64(pdpt | PRESENT_WRITABLE).align(PAGE);
  for (let i = 0; i < GIBIBYTES; i++) tables.u64((directories + i * PAGE) | PRESENT_WRITABLE);
  tables.align(PAGE);
  for (let i = 0; i < GIBIBYTES * 512; i++) tables.u64(i * 0x200000 + (PAGE_SIZE_2M | PRESENT_WRITABLE));
  memory.write(PAGE_TABLES, tables.finish());
  return PAGE_TABLES;
}
