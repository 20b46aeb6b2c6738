/** The modes in which programs start, as data. */
import type { CodeSize } from "../../isa/instruction.js";

export interface ModeDescription {
  readonly code: CodeSize;
  readonly protected: boolean;
  /** Format of the page tables. */
  readonly paging: "none" | "32-bit" | "pae" | "4-level";
  readonly long: boolean;
  readonly virtual86: boolean;
  readonly cpl: 0 | 3;
  /** Size of the gates in the IDT, outside IA-32e mode. */
  readonly gates: 16 | 32;
}

const mode = (
  code: CodeSize,
  cpl: 0 | 3,
  paging: ModeDescription["paging"],
  rest: Partial<ModeDescription> = {},
): ModeDescription => ({
  code,
  cpl,
  paging,
  protected: true,
  long: false,
  virtual86: false,
  gates: 32,
  ...rest,
});

const LONG = { long: true } as const;

export const Mode = {
  real: mode(16, 0, "none", { protected: false }),
  bigReal: mode(16, 0, "none", { protected: false }),
  protected16: mode(16, 0, "none", { gates: 16 }),
  protected16User: mode(16, 3, "none"),
  protected32: mode(32, 0, "none"),
  protected32User: mode(32, 3, "none"),
  paged32: mode(32, 0, "32-bit"),
  paged32User: mode(32, 3, "32-bit"),
  pae: mode(32, 0, "pae"),
  paeUser: mode(32, 3, "pae"),
  pae16: mode(16, 0, "pae"),
  virtual86: mode(16, 3, "none", { virtual86: true }),
  virtual86Paged: mode(16, 3, "32-bit", { virtual86: true }),
  compatibility: mode(32, 0, "4-level", LONG),
  compatibilityUser: mode(32, 3, "4-level", LONG),
  compatibility16: mode(16, 3, "4-level", LONG),
  long: mode(64, 0, "4-level", LONG),
  longUser: mode(64, 3, "4-level", LONG),
} as const;

export type ModeName = keyof typeof Mode;
export const modeNames = Object.keys(Mode) as readonly ModeName[];
