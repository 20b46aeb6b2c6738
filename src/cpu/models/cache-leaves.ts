/**
 * CPUID leaves that describe caches: 04H (Intel) and 8000_001DH (AMD) one cache at a time, 8000_0005H and
 * 8000_0006H in AMD's older form (APM vol. 3, E.4.4 and E.4.5).
 */
import type { CpuidResult } from "../context.js";
import type { Cache, CpuModel } from "./model.js";
import { apicIdShifts, type CpuTopology } from "./topology.js";

const TYPE = { data: 1, instruction: 2, unified: 3 } as const;

/** @param cores leaf 04H also tells how many core ids a package has */
export function deterministicCache(
  caches: readonly Cache[],
  index: number,
  topology: CpuTopology,
  cores: boolean,
): CpuidResult {
  const cache = caches[index];
  if (cache === undefined) return { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const shifts = apicIdShifts(topology);
  const sharing = (1 << (cache.shared === "package" ? shifts.package : shifts.core)) - 1;
  const coreIds = cores ? (1 << (shifts.package - shifts.core)) - 1 : 0;
  const sets = (cache.kilobytes * 1024) / (cache.ways * cache.line);
  return {
    // Bit 8: self-initializing.
    eax:
      TYPE[cache.type] |
      (cache.level << 5) |
      0x100 |
      (Math.min(sharing, 0xfff) << 14) |
      (Math.min(coreIds, 0x3f) << 26),
    ebx: (cache.line - 1) | ((cache.ways - 1) << 22),
    ecx: sets - 1,
    edx: cache.inclusive === true ? 2 : 0,
  };
}

/** Four-bit code of an associativity in 8000_0006H. */
function associativity(ways: number): number {
  const codes: Readonly<Record<number, number>> = {
    1: 1,
    2: 2,
    4: 4,
    8: 6,
    16: 8,
    32: 10,
    48: 11,
    64: 12,
    96: 13,
    128: 14,
  };
  const fitting = Object.keys(codes)
    .map(Number)
    .filter((known) => known <= ways);
  return codes[Math.max(...fitting)]!;
}

const find = (model: CpuModel, level: number, type: Cache["type"]): Cache | undefined =>
  model.caches.find((cache) => cache.level === level && cache.type === type);

/** 8000_0005H; reserved (zero) on Intel. */
export function level1Leaf(model: CpuModel): CpuidResult {
  if (model.vendor === "intel") return { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const describe = (cache: Cache | undefined): number =>
    cache === undefined ? 0 : (cache.kilobytes << 24) | (cache.ways << 16) | (1 << 8) | cache.line;
  const [eax = 0, ebx = 0] = model.tlbs ?? [];
  return { eax, ebx, ecx: describe(find(model, 1, "data")), edx: describe(find(model, 1, "instruction")) };
}

/** 8000_0006H; on Intel only ECX says something. */
export function level2Leaf(model: CpuModel): CpuidResult {
  const level2 = find(model, 2, "unified");
  const level3 = find(model, 3, "unified");
  const amd = model.vendor === "amd";
  const tag = amd ? 1 << 8 : 0;
  const [, , eax = 0, ebx = 0] = model.tlbs ?? [];
  return {
    eax,
    ebx,
    ecx:
      level2 === undefined
        ? 0
        : (level2.kilobytes << 16) | (associativity(level2.ways) << 12) | tag | level2.line,
    edx:
      level3 === undefined || !amd
        ? 0
        : (Math.floor(level3.kilobytes / 512) << 18) | (associativity(level3.ways) << 12) | tag | level3.line,
  };
}
