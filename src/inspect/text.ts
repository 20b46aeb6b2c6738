/** How numbers and tables look in everything that the inspector prints. */
import { indices, MSR_TABLE } from "../cpu/msr/msr-file.js";
import { VmxMsr } from "../cpu/vmx/capabilities.js";

/** As the manuals write it: `1fh`. */
export const hex = (value: bigint | number): string => `${value.toString(16)}h`;

/** Seconds with nine digits: virtual time counts nanoseconds. */
export function seconds(nanoseconds: number): string {
  const whole = Math.floor(nanoseconds / 1e9);
  return `${whole}.${String(Math.floor(nanoseconds - whole * 1e9)).padStart(9, "0")}`;
}

/** Lines of a table: columns as wide as their widest cell, numbers on the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => String(row[i] ?? "").length)),
  );
  const right = widths.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  return rows.map((row) =>
    row
      .map((cell, i) => (right[i] ? String(cell).padStart(widths[i]!) : String(cell).padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

let msrNames: Map<number, string> | undefined;

/** The manual's name of an MSR, where vt86 knows it. Intel's names win. */
export function msrName(index: number): string | undefined {
  if (msrNames === undefined) {
    msrNames = new Map();
    const rows = [...MSR_TABLE].sort((a, b) => Number(a.vendor === "amd") - Number(b.vendor === "amd"));
    for (const row of rows) {
      let number = 0;
      for (const each of indices(row)) {
        const name = row.name.replace("#", String(number++));
        if (!msrNames.has(each)) msrNames.set(each, name);
      }
    }
    for (const [name, each] of Object.entries(VmxMsr)) msrNames.set(each, `IA32_VMX_${name}`);
  }
  return msrNames.get(index);
}
