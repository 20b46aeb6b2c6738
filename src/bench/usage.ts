/**
 * What `npm run bench -- --help` prints, and the names of the benchmark's parts.
 */
export const parts = ["boot", "kernels", "vmx", "nested", "workload", "soak"] as const;
export type Part = (typeof parts)[number];

export const usage = `Usage: npm run bench -- [options]

Without --only: the boot and the kernels. What is measured only when asked for:

  --only boot, --only kernels
                          one of the two
  --only vmx              virtual machines in the machine: VM exits, and a loop in the inner guest
  --only nested           the kernels in a Linux under QEMU with KVM in vt86, against the same in vt86 itself
  --only workload         Python's own tests, openssl, gzip and xz in a Debian guest
  --only soak             one machine at varied work for --minutes; fails (status 1) where it gets 10 % larger or slower

  --kernels LIST          only these kernels, with commas: sieve,sha256
  --rounds N              rounds (default: 3 of the boot, 1 of the others)
  --scale PERCENT         amount of work (default: 50 of the kernels, 100 of the nested ones, 50 of the soak's
                          measured piece, 100 of the workload)
  --reference-scale PERCENT
                          amount of work for the rates of the reference (default 50); its checksums come from
                          another run with --scale
  --bits 64|32            the 64-bit guest (default) or the 32-bit one
  --peer qemu|v86         what to compare with: QEMU's TCG (default) or, for 32 bits, the npm package v86
  --node PATH             another Node to run vt86 (and v86) with
  --engine NAME           what executes in vt86: interpreter, translator, auto (as in vt86 run)
  --minutes N             how long the soak lasts (default 60)
  --timeout SECONDS       longest time for one machine (default 600; nested 1200, workload 3600)
  --json FILE             writes all figures to FILE
  --help                  this text`;
