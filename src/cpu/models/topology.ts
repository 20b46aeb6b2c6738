/**
 * How the machine's processors are grouped, and what that makes of APIC ids: thread number in the lowest bits,
 * core number above, package number above that (SDM vol. 3, 9.9.1).
 */
export interface CpuTopology {
  readonly threadsPerCore: number;
  readonly coresPerPackage: number;
  readonly packages: number;
}

/** One package of single-threaded cores. */
export const flatTopology = (cpus: number): CpuTopology => ({
  threadsPerCore: 1,
  coresPerPackage: cpus,
  packages: 1,
});

/** Bits that can number `count` things. */
export const bitsFor = (count: number): number => 32 - Math.clz32(count - 1);

/** Bits of the APIC id below the core number, and below the package number. */
export function apicIdShifts(topology: CpuTopology): { readonly core: number; readonly package: number } {
  const core = bitsFor(topology.threadsPerCore);
  return { core, package: core + bitsFor(topology.coresPerPackage) };
}

/** APIC id of the machine's processor number `cpu`. */
export function apicIdOf(topology: CpuTopology, cpu: number): number {
  const { threadsPerCore, coresPerPackage } = topology;
  const shifts = apicIdShifts(topology);
  const core = Math.floor(cpu / threadsPerCore);
  return (
    (cpu % threadsPerCore) |
    ((core % coresPerPackage) << shifts.core) |
    (Math.floor(core / coresPerPackage) << shifts.package)
  );
}
