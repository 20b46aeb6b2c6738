/**
 * The kernels of the benchmark in the order in which the guest runs them, with what they count.
 */
export const kernelUnits: Readonly<Record<string, string>> = {
  sieve: "numbers",
  sha256: "bytes",
  dmix: "iterations",
  crc32: "bytes",
  divmul64: "divisions",
  chase: "hops",
  copy_l1: "bytes",
  copy_sse2: "bytes",
  set_sse2: "bytes",
  rep_movs: "bytes",
  rep_stos: "bytes",
  qsort: "n log2 n",
  nbody: "steps",
  matmul: "flops",
  mandel: "iterations",
  x87: "iterations",
  dispatch: "bytecodes",
  icall: "calls",
  smc: "rewrites",
  syscall: "calls",
  clock: "calls",
  pgfault: "faults",
  mprotect: "toggles",
  signal: "signals",
  forkexec: "processes",
  pipe: "round trips",
  fileio: "bytes",
  filemeta: "files",
};

export const kernelNames: readonly string[] = Object.keys(kernelUnits);
