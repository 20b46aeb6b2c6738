/** Checks on the guest's segment registers and descriptor-table registers at VM entry (SDM vol. 3, 27.3.1.2-27.3.1.3). */
import { Rights, SegmentIndex } from "../../cpu-state.js";
import { VmcsField as F, segmentField, type VmcsFieldName } from "../fields.js";
import { type Rule, type RuleGroup, section } from "./rule.js";
import type { EntryView } from "./view.js";

const rule = section("27.3.1.2");
const table = section("27.3.1.3");

const CODE_AND_DATA = ["CS", "SS", "DS", "ES", "FS", "GS"] as const;
const DATA = ["DS", "ES", "FS", "GS"] as const;
type Name = (typeof CODE_AND_DATA)[number] | "LDTR" | "TR";

const TI = 4;
const RPL = 3;
const RESERVED_LOW = 0xf00;
const RESERVED_HIGH = 0xfffe_0000;
const V86_RIGHTS = 0xf3;
const V86_LIMIT = 0xffff;
/** Types of segments. */
const Type = {
  ldt: 2,
  busyTss16: 3,
  busyTss: 11,
  writableData: 3,
  expandDownData: 7,
  lastNonConforming: 11,
} as const;

const selectorOf = (name: Name) => `GUEST_${name}_SELECTOR` as const satisfies VmcsFieldName;
const baseOf = (name: Name) => `GUEST_${name}_BASE` as const satisfies VmcsFieldName;
const limitOf = (name: Name) => `GUEST_${name}_LIMIT` as const satisfies VmcsFieldName;
const rightsOf = (name: Name) => `GUEST_${name}_ACCESS_RIGHTS` as const satisfies VmcsFieldName;

// By number, not by name: these run at every VM entry.
const selectorAt = (name: Name): number => segmentField(F.GUEST_ES_SELECTOR, SegmentIndex[name]);
const baseAt = (name: Name): number => segmentField(F.GUEST_ES_BASE, SegmentIndex[name]);
const limitAt = (name: Name): number => segmentField(F.GUEST_ES_LIMIT, SegmentIndex[name]);

const rights = (v: EntryView, name: Name): number =>
  v.low(segmentField(F.GUEST_ES_ACCESS_RIGHTS, SegmentIndex[name]));
const typeOf = (v: EntryView, name: Name): number => rights(v, name) & Rights.type;
const dplOf = (v: EntryView, name: Name): number => (rights(v, name) >>> Rights.dplShift) & 3;
const rplOf = (v: EntryView, name: Name): number => v.low(selectorAt(name)) & RPL;
const usable = (v: EntryView, name: Name): boolean => (rights(v, name) & Rights.unusable) === 0;

const SELECTORS: readonly RuleGroup[] = [
  {
    rules: [
      rule("guest TR: TI", "it is 0", ["GUEST_TR_SELECTOR"], (v) => (v.low(F.GUEST_TR_SELECTOR) & TI) === 0),
      rule(
        "guest LDTR: TI",
        "it is 0 if LDTR is usable",
        ["GUEST_LDTR_SELECTOR", "GUEST_LDTR_ACCESS_RIGHTS"],
        (v) => !usable(v, "LDTR") || (v.low(F.GUEST_LDTR_SELECTOR) & TI) === 0,
      ),
    ],
  },
  {
    when: (v) => !v.v86 && !v.unrestricted,
    rules: [
      rule(
        "guest SS: RPL",
        "it is that of CS",
        ["GUEST_SS_SELECTOR", "GUEST_CS_SELECTOR"],
        (v) => rplOf(v, "SS") === rplOf(v, "CS"),
      ),
    ],
  },
];

const V86: RuleGroup = {
  when: (v) => v.v86,
  rules: CODE_AND_DATA.flatMap((name) => [
    rule(
      `guest ${name}: base in virtual-8086 mode`,
      "it is the selector times 16",
      [selectorOf(name), baseOf(name)],
      (v) => v.low(baseAt(name)) === v.low(selectorAt(name)) * 16 && v.is32Bit(baseAt(name)),
    ),
    rule(
      `guest ${name}: limit in virtual-8086 mode`,
      "it is FFFFh",
      [limitOf(name)],
      (v) => v.low(limitAt(name)) === V86_LIMIT,
    ),
    rule(
      `guest ${name}: access rights in virtual-8086 mode`,
      "they are F3h",
      [rightsOf(name)],
      (v) => rights(v, name) === V86_RIGHTS,
    ),
  ]),
};

const canonicalBase = (name: Name, text: string, holds?: (v: EntryView) => boolean): Rule =>
  rule(`guest ${name}: base`, text, [baseOf(name)], holds ?? ((v) => v.canonical(baseAt(name))));

const BASES: RuleGroup = {
  rules: [
    ...(["TR", "FS", "GS"] as const).map((name) => canonicalBase(name, "the address is canonical")),
    canonicalBase(
      "LDTR",
      "the address is canonical if LDTR is usable",
      (v) => !usable(v, "LDTR") || v.canonical(F.GUEST_LDTR_BASE),
    ),
    canonicalBase("CS", "bits 63:32 are 0", (v) => v.is32Bit(F.GUEST_CS_BASE)),
    ...(["SS", "DS", "ES"] as const).map((name) =>
      canonicalBase(
        name,
        "bits 63:32 are 0 if the segment is usable",
        (v) => !usable(v, name) || v.is32Bit(baseAt(name)),
      ),
    ),
  ],
};

/** Limit and granularity agree: a limit below 1 MiB that has no FFFh at its end counts bytes, and one above pages. */
function granularityFits(v: EntryView, name: Name): boolean {
  const limit = v.low(limitAt(name));
  const pages = (rights(v, name) & Rights.G) !== 0;
  return pages ? (limit & 0xfff) === 0xfff : limit <= 0xf_ffff;
}

/** What holds of every segment that is present. */
function commonRules(name: Name, system: boolean, may: (v: EntryView) => boolean): readonly Rule[] {
  const field = rightsOf(name);
  return [
    rule(
      `guest ${name}: S`,
      system ? "it is 0" : "it is 1",
      [field],
      (v) => !may(v) || ((rights(v, name) & Rights.S) === 0) === system,
    ),
    rule(`guest ${name}: P`, "it is 1", [field], (v) => !may(v) || (rights(v, name) & Rights.P) !== 0),
    rule(
      `guest ${name}: reserved access rights`,
      "bits 11:8 and 31:17 are 0",
      [field],
      (v) => !may(v) || (rights(v, name) & (RESERVED_LOW | RESERVED_HIGH)) === 0,
    ),
    rule(
      `guest ${name}: granularity`,
      "G is 0 if a bit of limit 11:0 is 0, and 1 if a bit of limit 31:20 is 1",
      [field, limitOf(name)],
      (v) => !may(v) || granularityFits(v, name),
    ),
  ];
}

const CS_RULES: readonly Rule[] = [
  rule(
    "guest CS: type",
    "it is 9, 11, 13 or 15, or 3 in an unrestricted guest",
    ["GUEST_CS_ACCESS_RIGHTS", "SECONDARY_CONTROLS"],
    (v) => (rights(v, "CS") & 9) === 9 || (v.unrestricted && typeOf(v, "CS") === Type.writableData),
  ),
  rule(
    "guest CS: DPL",
    "type 3: 0; types 9 and 11: that of SS; types 13 and 15: at most that of SS",
    ["GUEST_CS_ACCESS_RIGHTS", "GUEST_SS_ACCESS_RIGHTS"],
    (v) => {
      const type = typeOf(v, "CS");
      if (type === Type.writableData) return dplOf(v, "CS") === 0;
      return type <= Type.lastNonConforming
        ? dplOf(v, "CS") === dplOf(v, "SS")
        : dplOf(v, "CS") <= dplOf(v, "SS");
    },
  ),
  ...commonRules("CS", false, () => true),
  rule(
    "guest CS: L and D/B",
    "D/B is 0 where L is 1 in IA-32e mode",
    ["GUEST_CS_ACCESS_RIGHTS", "ENTRY_CONTROLS"],
    (v) => !v.ia32e || (rights(v, "CS") & Rights.L) === 0 || (rights(v, "CS") & Rights.DB) === 0,
  ),
];

const SS_RULES: readonly Rule[] = [
  rule("guest SS: type", "it is 3 or 7 if SS is usable", ["GUEST_SS_ACCESS_RIGHTS"], (v) => {
    const type = typeOf(v, "SS");
    return !usable(v, "SS") || type === Type.writableData || type === Type.expandDownData;
  }),
  rule(
    "guest SS: DPL and RPL",
    "they are equal, unless the guest is unrestricted",
    ["GUEST_SS_ACCESS_RIGHTS", "GUEST_SS_SELECTOR"],
    (v) => v.unrestricted || dplOf(v, "SS") === rplOf(v, "SS"),
  ),
  rule(
    "guest SS: DPL in real-address mode",
    "it is 0 if the type of CS is 3 or CR0.PE is 0",
    ["GUEST_SS_ACCESS_RIGHTS", "GUEST_CS_ACCESS_RIGHTS", "GUEST_CR0"],
    (v) => (typeOf(v, "CS") !== Type.writableData && v.protectedMode) || dplOf(v, "SS") === 0,
  ),
  ...commonRules("SS", false, (v) => usable(v, "SS")),
];

const DATA_RULES: readonly Rule[] = DATA.flatMap((name) => [
  rule(
    `guest ${name}: type`,
    "if the segment is usable, it was accessed, and code is readable",
    [rightsOf(name)],
    (v) => !usable(v, name) || ((rights(v, name) & 1) !== 0 && (rights(v, name) & 0xa) !== 8),
  ),
  rule(
    `guest ${name}: DPL`,
    "it is at least RPL if the segment is usable and no conforming code, unless the guest is unrestricted",
    [rightsOf(name), selectorOf(name)],
    (v) =>
      v.unrestricted ||
      !usable(v, name) ||
      typeOf(v, name) > Type.lastNonConforming ||
      dplOf(v, name) >= rplOf(v, name),
  ),
  ...commonRules(name, false, (v) => usable(v, name)),
]);

const SYSTEM_RULES: readonly Rule[] = [
  rule(
    "guest TR: type",
    "it is 11, or 3 (16-bit) outside IA-32e mode",
    ["GUEST_TR_ACCESS_RIGHTS", "ENTRY_CONTROLS"],
    (v) => typeOf(v, "TR") === Type.busyTss || (!v.ia32e && typeOf(v, "TR") === Type.busyTss16),
  ),
  ...commonRules("TR", true, () => true),
  rule("guest TR: unusable", "it is usable", ["GUEST_TR_ACCESS_RIGHTS"], (v) => usable(v, "TR")),
  rule(
    "guest LDTR: type",
    "it is 2 if LDTR is usable",
    ["GUEST_LDTR_ACCESS_RIGHTS"],
    (v) => !usable(v, "LDTR") || typeOf(v, "LDTR") === Type.ldt,
  ),
  ...commonRules("LDTR", true, (v) => usable(v, "LDTR")),
];

const TABLES: RuleGroup = {
  rules: (["GDTR", "IDTR"] as const).flatMap((name) => {
    const base: VmcsFieldName = `GUEST_${name}_BASE`;
    const limit: VmcsFieldName = `GUEST_${name}_LIMIT`;
    return [
      table(`guest ${name}: base`, "the address is canonical", [base], (v) => v.canonical(F[base])),
      table(`guest ${name}: limit`, "bits 31:16 are 0", [limit], (v) => v.within(F[limit], 0xffff)),
    ];
  }),
};

export const GUEST_SEGMENT_RULES: readonly RuleGroup[] = [
  ...SELECTORS,
  V86,
  BASES,
  { when: (v) => !v.v86, rules: [...CS_RULES, ...SS_RULES, ...DATA_RULES] },
  { rules: SYSTEM_RULES },
  TABLES,
];
