/** Task state segments, 16 and 32 bits (SDM vol. 3, 8.2.1 and 8.6), as data. */
import type { CpuContext } from "./context.js";
import { linearAdd } from "./descriptor-table.js";

/** What a task switch saves and loads. */
export interface TaskState {
  readonly cr3: number;
  readonly eip: number;
  readonly eflags: number;
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  readonly registers: readonly number[];
  /** ES CS SS DS FS GS. */
  readonly segments: readonly number[];
  readonly ldt: number;
  /** The debug trap flag. */
  readonly trap: boolean;
}

export interface TssLayout {
  /** Bytes of a register. */
  readonly width: 2 | 4;
  /** A smaller limit is #TS. */
  readonly minimumLimit: number;
  /** The part that a task switch writes. */
  readonly dynamicStart: number;
  readonly dynamicLength: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: number;
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
  /** Offsets of what only the 32-bit TSS has. */
  readonly cr3?: number;
  readonly trap?: number;
}

export const TSS32: TssLayout = {
  width: 4,
  minimumLimit: 0x67,
  dynamicStart: 0x20,
  dynamicLength: 0x40,
  cr3: 0x1c,
  ip: 0x20,
  flags: 0x24,
  registers: 0x28,
  segments: 0x48,
  segmentCount: 6,
  ldt: 0x60,
  trap: 0x64,
};

export const TSS16: TssLayout = {
  width: 2,
  minimumLimit: 0x2b,
  dynamicStart: 0x0e,
  dynamicLength: 0x1c,
  ip: 0x0e,
  flags: 0x10,
  registers: 0x12,
  segments: 0x22,
  segmentCount: 4,
  ldt: 0x2a,
};

export function readTss(context: CpuContext, layout: TssLayout, base: bigint): TaskState {
  const bytes = context.memory.readBytes(base, layout.minimumLimit + 1, "system");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number) => view.getUint16(offset, true);
  const value = (offset: number) => (layout.width === 4 ? view.getUint32(offset, true) : word(offset));
  const list = (start: number, count: number, get: (offset: number) => number) =>
    Array.from({ length: count }, (_, i) => get(start + i * layout.width));
  return {
    cr3: layout.cr3 === undefined ? 0 : value(layout.cr3),
    eip: value(layout.ip),
    eflags: value(layout.flags),
    registers: list(layout.registers, 8, value),
    // A 16-bit TSS has no FS and GS: they become null.
    segments: [...list(layout.segments, layout.segmentCount, word), 0, 0].slice(0, 6),
    ldt: word(layout.ldt),
    trap: layout.trap !== undefined && (word(layout.trap) & 1) !== 0,
  };
}

/** Saves the dynamic part: CR3, LDT and the stacks of inner levels are never written. */
export function writeTss(context: CpuContext, layout: TssLayout, base: bigint, task: TaskState): void {
  const bytes = new Uint8Array(layout.dynamicLength);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: number) => {
    const at = offset - layout.dynamicStart;
    if (layout.width === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value & 0xffff, true);
  };
  put(layout.ip, task.eip);
  put(layout.flags, task.eflags);
  for (let i = 0; i < 8; i++) put(layout.registers + i * layout.width, task.registers[i]!);
  for (let i = 0; i < layout.segmentCount; i++) put(layout.segments + i * layout.width, task.segments[i]!);
  context.memory.writeBytes(linearAdd(context, base, layout.dynamicStart), bytes, "system");
}
