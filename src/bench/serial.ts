/**
 * What the benchmark's guest says on its serial port, line by line.
 *
 * `@P name` set-up of a kernel done, `@B` its timed part begins, `@E` ends, `@R name scale units seconds rate
 * checksum` its result by the guest's own clock (or `@R name scale FAILED`). `@S name` opens a section of the
 * results that follow, `@N text` is a note on the next one. Around them are the kernel's messages, `INIT START` and `VTBENCH DONE`. A marker may stand behind other text: the guest's kernel
 * writes to the same port.
 */

export type SerialEvent =
  | { readonly kind: "linux" | "init" | "begin" | "end" | "done" }
  | { readonly kind: "prepared" | "section"; readonly name: string }
  | { readonly kind: "note"; readonly text: string }
  | {
      readonly kind: "result";
      readonly name: string;
      readonly scale: number;
      readonly units: number;
      readonly checksum: string;
    }
  | { readonly kind: "failed"; readonly name: string };

/** The event that a line is, or undefined for any other text. */
export function parseLine(line: string): SerialEvent | undefined {
  const marker = /@([PBERSN])(?: (.*))?$/.exec(line.trimEnd());
  if (marker) {
    const [, letter, rest = ""] = marker;
    if (letter === "P") return { kind: "prepared", name: rest.trim() };
    if (letter === "S") return { kind: "section", name: rest.trim() };
    if (letter === "N") return { kind: "note", text: rest };
    if (letter === "R") return parseResult(rest);
    if (rest === "") return { kind: letter === "B" ? "begin" : "end" };
  }
  if (line.includes("VTBENCH DONE")) return { kind: "done" };
  if (line.includes("INIT START")) return { kind: "init" };
  if (line.includes("Linux version")) return { kind: "linux" };
  return undefined;
}

function parseResult(text: string): SerialEvent {
  const [name = "?", scale, units, , , checksum] = text.trim().split(/\s+/);
  const counted = Number(units);
  if (checksum === undefined || !/^[0-9a-f]{16}$/.test(checksum) || !Number.isFinite(counted)) {
    return { kind: "failed", name };
  }
  return { kind: "result", name, scale: Number(scale), units: counted, checksum };
}

/** Cuts arriving bytes into lines. */
export class Lines {
  private rest = "";
  private readonly decoder = new TextDecoder("latin1");

  *push(bytes: Uint8Array): Iterable<string> {
    this.rest += this.decoder.decode(bytes, { stream: true });
    for (let end = this.rest.indexOf("\n"); end >= 0; end = this.rest.indexOf("\n")) {
      const line = this.rest.slice(0, end).replaceAll("\r", "");
      this.rest = this.rest.slice(end + 1);
      yield line;
    }
  }
}

/** Instructions and seconds from what `vt86 run --stats engine` prints at its end. */
export function parseStatistics(text: string): { instructions: number; seconds: number } | undefined {
  const match = /instructions (\d+) in ([\d.]+) s/.exec(text);
  return match ? { instructions: Number(match[1]), seconds: Number(match[2]) } : undefined;
}
