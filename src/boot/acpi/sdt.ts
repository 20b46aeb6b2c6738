/**
 * The header and the checksum that ACPI tables share.
 *
 * ACPI 6.5, 5.2.6 (system description table header) and 5.2.3.2 (generic address structure).
 */

import { StructWriter } from "../guest-memory.js";

export const OEM_ID = "VT86";
const OEM_TABLE_ID = "VT86PC";
const OEM_REVISION = 1;
const CREATOR_ID = "VT86";
const CREATOR_REVISION = 1;

export const SDT_HEADER_LENGTH = 36;

/** The byte that makes the sum of all bytes 0. */
export function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** A complete table: header, `body` behind it, checksum. */
export function sdt(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const table = new StructWriter()
    .ascii(signature, 4)
    .u32(SDT_HEADER_LENGTH + body.length)
    .u8(revision)
    .u8(0)
    .ascii(OEM_ID, 6)
    .ascii(OEM_TABLE_ID, 8)
    .u32(OEM_REVISION)
    .ascii(CREATOR_ID, 4)
    .u32(CREATOR_REVISION)
    .bytes(body)
    .finish();
  table[9] = checksum(table);
  return table;
}

export const SPACE_MEMORY = 0;
export const SPACE_IO = 1;

const ACCESS_SIZE = new Map([
  [8, 1],
  [16, 2],
  [32, 3],
]);

/** Generic address structure of a register of `bits` bits (access as wide as the register, where that exists). */
export function genericAddress(space: number, bits: number, address: number): Uint8Array {
  return new StructWriter()
    .u8(space)
    .u8(bits)
    .u8(0)
    .u8(ACCESS_SIZE.get(bits) ?? 0)
    .u64(address)
    .finish();
}

/** The structure that says "no such register". */
export const NO_REGISTER = new Uint8Array(12);
