/** The registers of the processor for people, and what it is doing. */
import type { Machine } from "../machine/machine.js";

const digits = (value: bigint | number, count: number): string => value.toString(16).padStart(count, "0");

/** In VMX: root or non-root operation, and the VMCS. */
export function operationOf(machine: Machine): string {
  const { cpu } = machine.parts;
  // Absent where the CPU has no VMX.
  const vmx: typeof cpu.vmx | undefined = cpu.vmx;
  if (vmx === undefined) return "the CPU has no VMX";
  if (!vmx.operation) return "outside VMX operation";
  const vmcs =
    vmx.current === undefined ? "no current VMCS" : `current VMCS ${vmx.current.pointer.toString(16)}h`;
  return `VMX ${vmx.nonRoot ? "non-root operation (a guest runs)" : "root operation"}, ${vmcs}`;
}

export function registerLines(machine: Machine): string[] {
  const { gpr, rip, rflags, cr0, cr2, cr3, cr4, efer, segments } = machine.registers();
  const names = Object.entries(gpr).map(
    ([name, value]) => `${name.toUpperCase().padEnd(3)} ${digits(value, 16)}`,
  );
  const lines: string[] = [];
  for (let i = 0; i < names.length; i += 4) lines.push(names.slice(i, i + 4).join("  "));
  const { state } = machine.parts.cpu;
  const halted = machine.parts.cpu.halted ? ", halted" : "";
  lines.push(`RIP ${digits(rip, 16)}  RFLAGS ${digits(rflags, 8)}  CPL ${state.cpl}${halted}`);
  lines.push(
    `CR0 ${digits(cr0, 8)}  CR2 ${digits(cr2, 16)}  CR3 ${digits(cr3, 16)}  CR4 ${digits(cr4, 8)}  EFER ${digits(efer, 4)}`,
  );
  for (const [name, { selector, base, limit, rights }] of Object.entries(segments)) {
    const shown = `base ${digits(base, 16)}  limit ${digits(limit, 8)}  rights ${digits(rights, 5)}`;
    lines.push(`${name.toUpperCase().padEnd(4)} ${digits(selector, 4)}  ${shown}`);
  }
  lines.push(operationOf(machine));
  return lines;
}
