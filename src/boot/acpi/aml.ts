/**
 * An assembler for ACPI Machine Language: each function returns the bytes of one term.
 *
 * ACPI 6.5, chapter 20 (AML specification); resource templates are in `resources.ts`. Terms nest by
 * passing the bytes of the inner ones: `device("COM1", name("_HID", eisaId("PNP0501")))`.
 */

import { concat } from "../guest-memory.js";

export type Aml = Uint8Array;

function ascii(text: string): Aml {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function bytes(...values: readonly number[]): Aml {
  return Uint8Array.from(values);
}

/**
 * NameString (20.2.2): `^` and `\` prefixes, segments of up to four characters separated by dots, padded
 * with underscores.
 */
export function path(text: string): Aml {
  const [, prefix = "", rest = ""] = /^(\\|\^*)(.*)$/.exec(text) ?? [];
  const segments = rest === "" ? [] : rest.split(".");
  for (const segment of segments) {
    if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment)) throw new RangeError(`bad AML name ${text}`);
  }
  const names = segments.map((segment) => ascii(segment.padEnd(4, "_")));
  const count = names.length;
  const head =
    count === 0 ? bytes(0x00) : count === 1 ? bytes() : count === 2 ? bytes(0x2e) : bytes(0x2f, count);
  return concat(ascii(prefix), head, ...names);
}

/** An integer in its shortest encoding: ZeroOp, OneOp, or a byte, word, dword or qword constant (20.2.3). */
export function integer(value: number | bigint): Aml {
  const wide = BigInt(value);
  if (wide < 0n || wide > 0xffffffffffffffffn) throw new RangeError(`bad AML integer ${value}`);
  if (wide === 0n) return bytes(0x00);
  if (wide === 1n) return bytes(0x01);
  const [op, size] =
    wide <= 0xffn ? [0x0a, 1] : wide <= 0xffffn ? [0x0b, 2] : wide <= 0xffffffffn ? [0x0c, 4] : [0x0e, 8];
  const out = [op];
  for (let i = 0; i < size; i++) out.push(Number((wide >> BigInt(8 * i)) & 0xffn));
  return Uint8Array.from(out);
}

export function string(text: string): Aml {
  return concat(bytes(0x0d), ascii(text), bytes(0));
}

/** PkgLength (20.2.4), which counts itself. */
function packageLength(contentLength: number): Aml {
  if (contentLength + 1 <= 0x3f) return bytes(contentLength + 1);
  for (let extra = 1; extra <= 3; extra++) {
    const total = contentLength + 1 + extra;
    if (total >= 1 << (4 + 8 * extra)) continue;
    const out = [(extra << 6) | (total & 0xf)];
    for (let i = 0; i < extra; i++) out.push((total >>> (4 + 8 * i)) & 0xff);
    return Uint8Array.from(out);
  }
  throw new RangeError("AML package too long");
}

/** An opcode, a PkgLength and the content that it counts. */
function counted(opcode: readonly number[], ...content: readonly Aml[]): Aml {
  const body = concat(...content);
  return concat(bytes(...opcode), packageLength(body.length), body);
}

// Objects and namespace (20.2.5.1, 20.2.5.2)

export function name(objectName: string, value: Aml): Aml {
  return concat(bytes(0x08), path(objectName), value);
}

export function scope(location: string, ...terms: readonly Aml[]): Aml {
  return counted([0x10], path(location), ...terms);
}

export function device(deviceName: string, ...terms: readonly Aml[]): Aml {
  return counted([0x5b, 0x82], path(deviceName), ...terms);
}

/** A method that is serialized, as it must be when it creates names or fields. */
export function method(methodName: string, argumentCount: number, ...terms: readonly Aml[]): Aml {
  const serialized = 0x08;
  return counted([0x14], path(methodName), bytes(argumentCount | serialized), ...terms);
}

export const REGION_SYSTEM_IO = 1;
export const REGION_PCI_CONFIG = 2;

export function operationRegion(regionName: string, space: number, offset: number, length: number): Aml {
  return concat(bytes(0x5b, 0x80), path(regionName), bytes(space), integer(offset), integer(length));
}

/** Fields of a region with byte access, each `[name, bits]`; a name of "" skips the bits. */
export function byteField(regionName: string, fields: readonly (readonly [string, number])[]): Aml {
  const byteAccess = 0x01;
  const list = fields.map(([fieldName, bits]) =>
    // A field's bit count is encoded like a PkgLength, but does not count itself.
    concat(fieldName === "" ? bytes(0x00) : path(fieldName), fieldWidth(bits)),
  );
  return counted([0x5b, 0x81], path(regionName), bytes(byteAccess), ...list);
}

function fieldWidth(bits: number): Aml {
  return bits <= 0x3f ? bytes(bits) : bytes(0x40 | (bits & 0xf), bits >>> 4);
}

// Data (20.2.3)

export function pack(...elements: readonly Aml[]): Aml {
  return counted([0x12], bytes(elements.length), ...elements);
}

export function buffer(data: Uint8Array): Aml {
  return counted([0x11], integer(data.length), data);
}

/** EISAID: three letters in 5 bits each and four hexadecimal digits, as a big-endian dword (19.6.36). */
export function eisaId(id: string): Aml {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id)) throw new RangeError(`bad EISA id ${id}`);
  const letter = (i: number): number => id.charCodeAt(i) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return bytes(0x0c, vendor >>> 8, vendor & 0xff, product >>> 8, product & 0xff);
}

/** ToUUID: the first three groups are little-endian (19.6.142). */
export function uuid(text: string): Aml {
  const hex = text.replaceAll("-", "");
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return buffer(Uint8Array.from(order, (i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)));
}

// Statements and expressions (20.2.5.3, 20.2.5.4, 20.2.6)

export function arg(index: number): Aml {
  return bytes(0x68 + index);
}

export function local(index: number): Aml {
  return bytes(0x60 + index);
}

export function store(value: Aml, target: Aml): Aml {
  return concat(bytes(0x70), value, target);
}

const NO_TARGET = bytes(0x00);

export function and(left: Aml, right: Aml, target: Aml = NO_TARGET): Aml {
  return concat(bytes(0x7b), left, right, target);
}

export function or(left: Aml, right: Aml, target: Aml = NO_TARGET): Aml {
  return concat(bytes(0x7d), left, right, target);
}

export function equal(left: Aml, right: Aml): Aml {
  return concat(bytes(0x93), left, right);
}

export function when(condition: Aml, ...then: readonly Aml[]): Aml {
  return counted([0xa0], condition, ...then);
}

export function otherwise(...terms: readonly Aml[]): Aml {
  return counted([0xa1], ...terms);
}

export function returns(value: Aml): Aml {
  return concat(bytes(0xa4), value);
}

/** CreateDWordField: names the 32 bits at byte `index` of a buffer. */
export function createDwordField(source: Aml, index: number, fieldName: string): Aml {
  return concat(bytes(0x8a), source, integer(index), path(fieldName));
}
