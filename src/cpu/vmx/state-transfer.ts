/**
 * Registers that VM entries and VM exits copy between the processor's state and a VMCS as they are: word by word, as
 * both lie in the machine's memory.
 */
import { Register } from "../../isa/emit.js";
import * as S from "../../isa/state.js";
import type { CpuState } from "../cpu-state.js";
import { VmcsField as F, segmentField } from "./fields.js";
import { fieldOffset, type Vmcs } from "./vmcs.js";

const SEGMENTS = 8;
const GUEST_SELECTORS = fieldOffset(F.GUEST_ES_SELECTOR);

/** Where a register lies in the state, and its field; of 64 bits in both, or of 32 in both. */
type Pair = readonly [state: number, field: number];

const segmentRegisters = (state: number, size: number, first: number): Pair[] =>
  Array.from({ length: SEGMENTS }, (_, index) => [state + index * size, segmentField(first, index)]);

/** Words that are copied one to one. */
export class Transfer {
  private readonly stateIndices: Int32Array;
  private readonly fieldIndices: Int32Array;

  constructor(wide: readonly Pair[], narrow: readonly Pair[]) {
    const words = [
      ...wide.flatMap(([state, field]) => [
        [state, fieldOffset(field)] as const,
        [state + 4, fieldOffset(field) + 4] as const,
      ]),
      ...narrow.map(([state, field]) => [state, fieldOffset(field)] as const),
    ];
    this.stateIndices = Int32Array.from(words, ([state]) => state >> 2);
    this.fieldIndices = Int32Array.from(words, ([, field]) => field >> 2);
  }

  load({ words, base }: CpuState, { first }: Vmcs): void {
    const { stateIndices, fieldIndices } = this;
    const state = base >> 2;
    for (let i = 0; i < stateIndices.length; i++) {
      words[state + stateIndices[i]!] = words[first + fieldIndices[i]!]!;
    }
  }

  save({ words, base }: CpuState, { first }: Vmcs): void {
    const { stateIndices, fieldIndices } = this;
    const state = base >> 2;
    for (let i = 0; i < stateIndices.length; i++) {
      words[first + fieldIndices[i]!] = words[state + stateIndices[i]!]!;
    }
  }
}

export const GUEST_REGISTERS = new Transfer(
  [
    [S.CR3, F.GUEST_CR3],
    [S.SYSENTER_ESP, F.GUEST_SYSENTER_ESP],
    [S.SYSENTER_EIP, F.GUEST_SYSENTER_EIP],
    [S.GDTR_BASE, F.GUEST_GDTR_BASE],
    [S.IDTR_BASE, F.GUEST_IDTR_BASE],
    [S.RIP, F.GUEST_RIP],
    [S.GPR + Register.RSP * 8, F.GUEST_RSP],
    ...segmentRegisters(S.SEGMENT_BASE, 8, F.GUEST_ES_BASE),
  ],
  [
    [S.SYSENTER_CS, F.GUEST_SYSENTER_CS],
    [S.GDTR_LIMIT, F.GUEST_GDTR_LIMIT],
    [S.IDTR_LIMIT, F.GUEST_IDTR_LIMIT],
    ...segmentRegisters(S.SEGMENT_LIMIT, 4, F.GUEST_ES_LIMIT),
    ...segmentRegisters(S.SEGMENT_RIGHTS, 4, F.GUEST_ES_ACCESS_RIGHTS),
  ],
);

export const HOST_REGISTERS = new Transfer(
  [
    [S.CR3, F.HOST_CR3],
    [S.SYSENTER_ESP, F.HOST_SYSENTER_ESP],
    [S.SYSENTER_EIP, F.HOST_SYSENTER_EIP],
    [S.GDTR_BASE, F.HOST_GDTR_BASE],
    [S.IDTR_BASE, F.HOST_IDTR_BASE],
    [S.RIP, F.HOST_RIP],
    [S.GPR + Register.RSP * 8, F.HOST_RSP],
  ],
  [[S.SYSENTER_CS, F.HOST_SYSENTER_CS]],
);

/** Selectors have 16 bits in a VMCS, so that two are in a word. */
export function loadSelectors({ words, base }: CpuState, { first }: Vmcs): void {
  const state = (base + S.SEGMENT_SELECTOR) >> 2;
  const fields = first + (GUEST_SELECTORS >> 2);
  for (let i = 0; i < SEGMENTS; i += 2) {
    const two = words[fields + (i >> 1)]!;
    words[state + i] = two & 0xffff;
    words[state + i + 1] = two >>> 16;
  }
}

export function saveSelectors({ words, base }: CpuState, { first }: Vmcs): void {
  const state = (base + S.SEGMENT_SELECTOR) >> 2;
  const fields = first + (GUEST_SELECTORS >> 2);
  for (let i = 0; i < SEGMENTS; i += 2) {
    words[fields + (i >> 1)] = (words[state + i]! & 0xffff) | (words[state + i + 1]! << 16);
  }
}
