/** Names of registers in the order of their numbers (SDM vol. 2, table 2-2 and 3-1). */

export const gprNames = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;

/** In the order of the state block. */
export const segmentNames = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;
