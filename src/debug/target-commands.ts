/**
 * `monitor` commands that change what a debugger's own requests mean: whose memory it reads, and where the breakpoints
 * that it sets count.
 */
import { nearestName } from "../host/nearest-name.js";
import type { BreakpointScope } from "../machine/debug-control.js";
import type { MonitorCommand } from "./extension.js";
import { MEMORY_VIEWS, type MemoryView } from "./gdb/target.js";
import { parseNumber } from "./monitor.js";

/** What the commands change. */
export interface TargetSettings {
  memoryView: MemoryView;
  /** Of breakpoints that are set from now on. */
  breakIn: BreakpointScope;
  /** Limits the breakpoints at one address, those that are there and those that come. */
  limitBreakpoint(address: bigint, scope: BreakpointScope): void;
  /** The views lead somewhere at the moment. */
  hasView(view: MemoryView): boolean;
}

const VIEWS: Readonly<Record<MemoryView, string>> = {
  current: "memory as what runs sees it: linear addresses",
  l1: "memory as the hypervisor sees it: its linear addresses, also while its guest runs",
  l2: "memory as the guest of the current VMCS sees it: its linear addresses, also while its hypervisor runs",
  "l2-physical": "the guest-physical memory of the current VMCS, through its EPT",
  physical: "machine-physical memory",
};

const SCOPES: Readonly<Record<BreakpointScope, string>> = {
  any: "in whatever runs",
  l1: "outside of VMX non-root operation only (l1)",
  l2: "in VMX non-root operation only (l2)",
};
const scopes = Object.keys(SCOPES) as BreakpointScope[];

function choose<T extends string>(word: string, known: readonly T[]): T | string {
  const found = known.find((name) => name === word.toLowerCase());
  if (found !== undefined) return found;
  const near = nearestName(word, known);
  return `"${word}" is none of ${known.join(", ")}${near ? `; did you mean '${near}'?` : "."}`;
}

const isOneOf = <T extends string>(word: string, known: readonly T[]): word is T =>
  (known as readonly string[]).includes(word);

function memoryView(settings: TargetSettings, word: string | undefined): string {
  if (word !== undefined) {
    const view = choose(word, MEMORY_VIEWS);
    if (!isOneOf(view, MEMORY_VIEWS)) return view;
    settings.memoryView = view;
  }
  const { memoryView: view } = settings;
  const none = settings.hasView(view) ? "" : "; nothing can be read while there is no current VMCS";
  return `${view}: ${VIEWS[view]}${none}`;
}

function breakIn(settings: TargetSettings, [word, address, ...more]: readonly string[]): string {
  if (word === undefined) return `breakpoints that are set from now on stop ${SCOPES[settings.breakIn]}`;
  const scope = choose(word, scopes);
  if (!isOneOf(scope, scopes)) return scope;
  if (more.length > 0) return "Usage: break-in l1|l2|any [ADDRESS]";
  if (address === undefined) {
    settings.breakIn = scope;
    return `breakpoints that are set from now on stop ${SCOPES[scope]}`;
  }
  const place = parseNumber(address.replace(/^\*/, ""));
  if (place === undefined) return `"${address}" is no address: write 0x1000, 1000h or 4096.`;
  settings.limitBreakpoint(place, scope);
  return `breakpoints at ${place.toString(16)}h stop ${SCOPES[scope]}`;
}

export const targetCommands = (settings: TargetSettings): readonly MonitorCommand[] => [
  {
    name: "memory-view",
    parameters: `[${MEMORY_VIEWS.join("|")}]`,
    help: "whose memory GDB reads and writes",
    run: ([word]) => [memoryView(settings, word)],
  },
  {
    name: "break-in",
    parameters: `[${scopes.join("|")} [ADDRESS]]`,
    help: "where breakpoints stop: those set from now on, or those at ADDRESS",
    run: (words) => [breakIn(settings, words)],
  },
];
