/**
 * The elements of INS and OUTS (SDM vol. 2). The semantic function has the loop: it checks the segment, calls
 * this for one element and then moves the registers, so a fault resumes at the element that faulted.
 */
import { Register } from "../isa/emit.js";
import type { CpuContext } from "./context.js";
import { leaves, PORT_TICKS, type PortSize, requirePort } from "./port-access.js";

/** How the instruction accesses: one word of the helpers' parameters. */
export const StringAccess = {
  /** Bits 0-3: bytes of an element. */
  size: 0xf,
  rep: 0x10,
  /** Address size in bits. */
  addressShift: 8,
} as const;

const portOf = (context: CpuContext): number => context.state.gpr32(Register.RDX) & 0xffff;

/** The check of privilege, which comes before those of the memory operand. */
export function checkPortString(context: CpuContext, access: number): void {
  requirePort(context, portOf(context), (access & StringAccess.size) as PortSize);
}

/** Whether a VM exit takes the place of the element. */
function intercepted(
  context: CpuContext,
  port: number,
  access: number,
  write: boolean,
  linear: bigint,
): boolean {
  const exit = context.intercepts?.port({
    port,
    size: (access & StringAccess.size) as PortSize,
    write,
    immediate: false,
    string: {
      rep: (access & StringAccess.rep) !== 0,
      addressSize: (access >> StringAccess.addressShift) as 16 | 32 | 64,
      linear,
    },
  });
  return leaves(context, exit);
}

/** INS: one element from the port in DX to memory. */
export function portStringIn(context: CpuContext, operand: bigint, access: number): void {
  const { memory } = context;
  const linear = BigInt.asUintN(64, operand);
  const port = portOf(context);
  const size = (access & StringAccess.size) as PortSize;
  if (intercepted(context, port, access, false, linear)) return;
  // Reading a port has effects, so the memory must be known to be writable before.
  memory.probeWrite(linear, size);
  context.debug.dataBreakpoint(linear, size, true);
  context.debug.portBreakpoint(port, size);
  memory.write(linear, size, BigInt(context.ports.read(port, size)));
  context.wait(PORT_TICKS);
}

/** OUTS: one element from memory to the port in DX. */
export function portStringOut(context: CpuContext, operand: bigint, access: number): void {
  const linear = BigInt.asUintN(64, operand);
  const port = portOf(context);
  const size = (access & StringAccess.size) as PortSize;
  if (intercepted(context, port, access, true, linear)) return;
  const value = context.memory.read(linear, size);
  context.debug.dataBreakpoint(linear, size, false);
  context.debug.portBreakpoint(port, size);
  context.ports.write(port, size, Number(value));
  context.wait(PORT_TICKS);
}
