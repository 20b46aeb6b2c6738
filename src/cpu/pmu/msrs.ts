/** The MSRs of performance monitoring (SDM vol. 3, 20.2.2; vol. 4, table 2-2). */
import type { CpuModel } from "../models/model.js";
import { IGNORED, type MsrRow } from "../msr/row.js";
import {
  COUNTER_BITS,
  FIXED_COUNTERS,
  Fixed,
  GENERAL_COUNTERS,
  GLOBAL_MASK,
  PmuMsr,
  Select,
} from "./layout.js";
import type { Pmu } from "./pmu.js";

/** OvfBuffer and CondChgd may be cleared, too. */
const OVERFLOW_BITS = GLOBAL_MASK | (3n << 62n);
const COUNTER_MASK = (1n << BigInt(COUNTER_BITS)) - 1n;
/** Skylake. */
const LATER_BRANCHES = 78;

/**
 * The stack of last branches: kernels that see a processor with counters take it for granted and clear it (SDM vol. 4,
 * tables 2-15 and 2-39). No branch is recorded, so it stays empty.
 */
const hasInfo = ({ model }: CpuModel): boolean => model >= LATER_BRANCHES;
const depth = 16;
const LAST_BRANCHES: readonly MsrRow[] = [
  { name: "MSR_LBR_SELECT", index: 0x1c8, writable: 0x3ffn },
  { name: "MSR_LASTBRANCH_TOS", index: 0x1c9, access: "ro" },
  { name: "MSR_LASTBRANCH_#_FROM_IP", index: 0x680, count: depth, ...IGNORED },
  { name: "MSR_LASTBRANCH_#_TO_IP", index: 0x6c0, count: depth, ...IGNORED },
  { name: "MSR_LASTBRANCH_#_FROM_IP", index: 0x690, count: depth, when: hasInfo, ...IGNORED },
  { name: "MSR_LASTBRANCH_#_TO_IP", index: 0x6d0, count: depth, when: hasInfo, ...IGNORED },
  { name: "MSR_LBR_INFO_#", index: 0xdc0, count: 2 * depth, when: hasInfo, ...IGNORED },
];

const without = (mask: bigint) => (value: bigint) => (value & ~mask) === 0n;

/** Values are those of `pmu`: the MSR file stores none of them. */
export function pmuMsrs(pmu: Pmu): readonly MsrRow[] {
  const rows: readonly MsrRow[] = [
    {
      name: "IA32_PMC#",
      index: PmuMsr.PMC0,
      count: GENERAL_COUNTERS,
      read: (_, index) => pmu.readGeneral(index - PmuMsr.PMC0),
      write: (value, _, index) => pmu.writeGeneral(index - PmuMsr.PMC0, value),
    },
    {
      name: "IA32_PERFEVTSEL#",
      index: PmuMsr.PERFEVTSEL0,
      count: GENERAL_COUNTERS,
      legal: without(Select.writable),
      read: (_, index) => pmu.readSelect(index - PmuMsr.PERFEVTSEL0),
      write: (value, _, index) => pmu.writeSelect(index - PmuMsr.PERFEVTSEL0, value),
    },
    {
      name: "IA32_FIXED_CTR#",
      index: PmuMsr.FIXED_CTR0,
      count: FIXED_COUNTERS,
      legal: without(COUNTER_MASK),
      read: (_, index) => pmu.readFixed(index - PmuMsr.FIXED_CTR0),
      write: (value, _, index) => pmu.writeFixed(index - PmuMsr.FIXED_CTR0, value),
    },
    {
      name: "IA32_FIXED_CTR_CTRL",
      index: PmuMsr.FIXED_CTR_CTRL,
      legal: without(Fixed.writable),
      read: () => pmu.readFixedControl(),
      write: (value) => pmu.writeFixedControl(value),
    },
    {
      name: "IA32_PERF_GLOBAL_STATUS",
      index: PmuMsr.PERF_GLOBAL_STATUS,
      access: "ro",
      read: () => pmu.readStatus(),
    },
    {
      name: "IA32_PERF_GLOBAL_CTRL",
      index: PmuMsr.PERF_GLOBAL_CTRL,
      legal: without(GLOBAL_MASK),
      read: () => pmu.readGlobalControl(),
      write: (value) => pmu.writeGlobalControl(value),
    },
    {
      name: "IA32_PERF_GLOBAL_OVF_CTRL",
      index: PmuMsr.PERF_GLOBAL_OVF_CTRL,
      legal: without(OVERFLOW_BITS),
      read: () => 0n,
      write: (value) => pmu.clearStatus(value),
    },
  ];
  return [...rows, ...LAST_BRANCHES].map((row) => ({ ...row, vendor: "intel", needs: ["pmu"] }));
}
