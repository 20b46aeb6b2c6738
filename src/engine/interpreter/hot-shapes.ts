/**
 * The shapes that get their handler inside the interpreter's loop, most frequent first in the boot of a
 * 64-bit Linux kernel (measured with `--stats engine`).
 */
export const hotShapes: readonly string[] = [
  "mov gpr64,gpr64",
  "mov gpr64,mem64",
  "mov gpr32,mem32",
  "mov mem64,gpr64",
  "mov gpr32,gpr32",
  "add gpr64,imm64",
  "cmp gpr64,gpr64",
  "cmp gpr32,imm32",
  "test gpr64,gpr64",
  "test gpr32,gpr32",
  "je rel64 long",
  "jne rel64 long",
];
