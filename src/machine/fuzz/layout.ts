/**
 * The world in which the programs of the fuzzer run: descriptor tables, task state segments, page tables and
 * handlers for every mode, as images that are copied to guest memory before each program.
 */
import { Mode, type ModeName } from "./modes.js";

export const At = {
  ivt: 0,
  gdt: 0x1000,
  ldt: 0x1800,
  idt: 0x2000,
  tss: 0x3000,
  otherTss: 0x3400,
  smallTss: 0x3800,
  data: 0x4000,
  userStack: 0x6ff0,
  stack: 0x7ff0,
  code: 0x8000,
  handlers: 0xa000,
  pml4: 0x10000,
  pdpt: 0x11000,
  directory: 0x12000,
  tables: 0x13000,
  directory32: 0x15000,
  table32: 0x16000,
  deviceDirectory: 0x17000,
  paePointers: 0x19000,
  end: 0x1a000,
} as const;

/** Selectors of the GDT; ring 3 included where it applies. */
export const Selector = {
  code32: 0x08,
  data32: 0x10,
  code16: 0x18,
  data16: 0x20,
  code64: 0x28,
  userCode32: 0x33,
  userData32: 0x3b,
  userCode64: 0x43,
  userCode16: 0x4b,
  userData16: 0x53,
  tss: 0x58,
  ldt: 0x68,
  otherTss: 0x78,
  smallTss: 0x88,
  taskGate: 0x90,
  callGate: 0x98,
  conforming: 0xa8,
  expandDown: 0xb0,
} as const;

export const GDT_LIMIT = 0x17f;

const descriptor = (base: number, limit: number, type: number, flags: number): bigint =>
  BigInt(limit & 0xffff) |
  (BigInt(base & 0xffffff) << 16n) |
  (BigInt(type) << 40n) |
  (BigInt(((limit >>> 16) & 15) | (flags << 4)) << 48n) |
  (BigInt(base >>> 24) << 56n);

const gate = (selector: number, offset: number, type: number): bigint =>
  BigInt(offset & 0xffff) |
  (BigInt(selector) << 16n) |
  (BigInt(type) << 40n) |
  (BigInt(offset >>> 16) << 48n);

/** Interrupt handlers, by code size: one that returns after the instruction, one that also drops the error code. */
const HANDLERS = {
  real: [0x55, 0x89, 0xe5, 0xff, 0x46, 0x02, 0x5d, 0xcf],
  16: { plain: [0x67, 0xff, 0x04, 0x24, 0xcf], error: [0x83, 0xc4, 0x02, 0x67, 0xff, 0x04, 0x24, 0xcf] },
  32: { plain: [0xff, 0x04, 0x24, 0xcf], error: [0x83, 0xc4, 0x04, 0xff, 0x04, 0x24, 0xcf] },
  64: {
    plain: [0x48, 0xff, 0x04, 0x24, 0x48, 0xcf],
    error: [0x48, 0x83, 0xc4, 0x08, 0x48, 0xff, 0x04, 0x24, 0x48, 0xcf],
  },
} as const;
const ERROR_HANDLER = At.handlers + 0x40;
const PUSHES_ERROR = new Set([8, 10, 11, 12, 13, 14, 17, 21]);

/** The image of one mode: guest memory from address 0 to {@link At.end}. */
export function imageOf(name: ModeName): Uint8Array {
  const mode = Mode[name];
  const bytes = new Uint8Array(At.end);
  const view = new DataView(bytes.buffer);
  // Whoever runs out of the program halts, or faults.
  bytes.fill(0xf4, At.code, At.pml4);
  const put = (at: number, value: bigint) => view.setBigUint64(at, value, true);

  for (let vector = 0; vector < 256; vector++) view.setUint32(vector * 4, At.handlers + 0x80, true);
  bytes.set(HANDLERS.real, At.handlers + 0x80);
  const handlerSize = mode.long ? 64 : mode.gates;
  bytes.set(HANDLERS[handlerSize].plain, At.handlers);
  bytes.set(HANDLERS[handlerSize].error, ERROR_HANDLER);

  const table = (selector: number, value: bigint) => put(At.gdt + (selector & ~7), value);
  table(Selector.code32, descriptor(0, 0xfffff, 0x9b, 0xc));
  table(Selector.data32, descriptor(0, 0xfffff, 0x93, 0xc));
  table(Selector.code16, descriptor(0, 0xffff, 0x9b, 0));
  table(Selector.data16, descriptor(0, 0xffff, 0x93, 0));
  table(Selector.code64, descriptor(0, 0xfffff, 0x9b, 0xa));
  table(Selector.userCode32, descriptor(0, 0xfffff, 0xfb, 0xc));
  table(Selector.userData32, descriptor(0, 0xfffff, 0xf3, 0xc));
  table(Selector.userCode64, descriptor(0, 0xfffff, 0xfb, 0xa));
  table(Selector.userCode16, descriptor(0, 0xffff, 0xfb, 0));
  table(Selector.userData16, descriptor(0, 0xffff, 0xf3, 0));
  table(Selector.tss, descriptor(At.tss, 0x3ff, 0x8b, 0));
  table(Selector.ldt, descriptor(At.ldt, 0x7f, 0x82, 0));
  table(Selector.otherTss, descriptor(At.otherTss, 0x3ff, mode.long ? 0x89 : 0xe9, 0));
  table(Selector.smallTss, descriptor(At.smallTss, 0x2b, 0xe1, 0));
  table(Selector.taskGate, gate(Selector.otherTss, 0, 0xe5));
  table(Selector.callGate, gate(mode.long ? Selector.code64 : Selector.code32, At.handlers, 0xec));
  table(Selector.conforming, descriptor(0, 0xfffff, 0x9f, mode.long ? 0xa : 0xc));
  table(Selector.expandDown, descriptor(0, 0x4fff, 0x97, 0x4));
  for (let i = 0; i < 16; i++) put(At.ldt + i * 8, descriptor(i << 16, 0xffff, 0xf2 | (i & 1 ? 9 : 1), 4));

  for (let vector = 0; vector < 256; vector++) {
    const offset = PUSHES_ERROR.has(vector) ? ERROR_HANDLER : At.handlers;
    if (mode.long) put(At.idt + vector * 16, gate(Selector.code64, offset, 0xee));
    else if (mode.gates === 32)
      put(At.idt + vector * 8, gate(Selector.code32, offset, vector & 1 ? 0xef : 0xee));
    else put(At.idt + vector * 8, gate(Selector.code16, offset, 0xe6));
  }
  writeTaskStates(view, mode.long, mode.paging === "pae" ? At.paePointers : At.directory32);
  writePageTables(view);
  return bytes;
}

function writeTaskStates(view: DataView, long: boolean, cr3: number): void {
  if (long) {
    for (let i = 0; i < 3; i++) view.setBigUint64(At.tss + 4 + i * 8, BigInt(At.stack - i * 0x200), true);
    for (let i = 0; i < 7; i++) view.setBigUint64(At.tss + 0x24 + i * 8, BigInt(At.stack - 0x400), true);
    view.setUint16(At.tss + 0x66, 0x68, true);
    return;
  }
  for (const at of [At.tss, At.otherTss]) {
    view.setUint32(at + 4, At.stack - 0x100, true);
    view.setUint32(at + 8, Selector.data32, true);
    view.setUint32(at + 0x1c, cr3, true);
    view.setUint32(at + 0x20, At.code, true);
    view.setUint32(at + 0x24, 0x202, true);
    view.setUint32(at + 0x38, At.stack - 0x300, true);
    for (let i = 0; i < 6; i++)
      view.setUint32(at + 0x48 + i * 4, i === 1 ? Selector.code32 : Selector.data32, true);
    view.setUint16(at + 0x66, 0x68, true);
  }
  view.setUint16(At.smallTss + 14, At.code, true);
  view.setUint16(At.smallTss + 26, At.stack, true);
  for (const [i, selector] of [
    Selector.data16,
    Selector.code16,
    Selector.data16,
    Selector.data16,
  ].entries()) {
    view.setUint16(At.smallTss + 34 + i * 2, selector, true);
  }
}

/** Rights of all entries; accessed and dirty already, so that few walks write. */
const PRESENT = 0x67;
const LARGE = 0xe7;

/** Identity for 4 MiB of RAM and the devices below 4 GiB, once for each format; the tables map themselves at the end. */
function writePageTables(view: DataView): void {
  const wide = (table: number, index: number, value: number) =>
    view.setUint32(table + index * 8, value >>> 0, true);
  wide(At.pml4, 0, At.pdpt | PRESENT);
  wide(At.pml4, 256, At.pdpt | PRESENT);
  wide(At.pml4, 511, At.pml4 | PRESENT);
  // In a PDPTE of PAE paging the bits for rights are reserved.
  for (const [table, rights] of [
    [At.pdpt, PRESENT],
    [At.paePointers, 1],
  ] as const) {
    wide(table, 0, At.directory | rights);
    wide(table, 2, At.deviceDirectory | rights);
    wide(table, 3, (At.deviceDirectory + 0x1000) | rights);
  }
  for (let i = 0; i < 2; i++) wide(At.directory, i, (At.tables + i * 0x1000) | PRESENT);
  for (let i = 0; i < 1024; i++) wide(At.tables, i, (i << 12) | PRESENT);
  wide(At.directory, 2, LARGE);
  wide(At.directory, 511, At.directory | PRESENT);
  for (let i = 0; i < 512; i++) {
    wide(At.deviceDirectory, i, (0x80000000 + i * 0x200000) | LARGE);
    wide(At.deviceDirectory + 0x1000, i, (0xc0000000 + i * 0x200000) | LARGE);
  }
  for (let i = 0; i < 1024; i++) {
    view.setUint32(At.table32 + i * 4, (i << 12) | PRESENT, true);
    view.setUint32(At.directory32 + i * 4, ((i << 22) | LARGE) >>> 0, true);
  }
  view.setUint32(At.directory32, At.table32 | PRESENT, true);
  view.setUint32(At.directory32 + 1023 * 4, At.directory32 | PRESENT, true);
}
