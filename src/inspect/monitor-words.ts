/** What people may type at the monitor, and after `vt86 explain`: commands, topics, and what comes after them. */
import type { WalkQuestion } from "../cpu/paging/explain.js";
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";

/** The commands; the last ones are other spellings. */
export const MONITOR_WORDS = ["info", "explain", "x", "xp", "help", "quit", "vt86", "?", "q"] as const;

/** What `info` and `explain` know, and what each takes. */
const TOPICS = {
  registers: "nothing",
  vmcs: "words",
  ept: "address",
  walk: "address",
  "guest-walk": "address",
  "host-walk": "address",
  exits: "count",
  exit: "count",
  entry: "nothing",
} as const;
export type TopicName = keyof typeof TOPICS;
export const topicNames = Object.keys(TOPICS) as TopicName[];

/** A number as people type it: hexadecimal, with or without 0x or h. */
export function parseAddress(text: string | undefined): bigint {
  const digits = /^(?:0x)?([0-9a-f]{1,16})h?$/i.exec((text ?? "").replaceAll("_", ""))?.[1];
  if (digits === undefined) {
    throw new UsageError(
      text ? `"${text}" is no hexadecimal address.` : "An address in hexadecimal is missing.",
    );
  }
  return BigInt(`0x${digits}`);
}

const ACCESS = { r: "read", w: "write", x: "fetch" } as const;
function parseAccess(text = "r"): "read" | "write" | "fetch" {
  const found = ACCESS[text as keyof typeof ACCESS] as "read" | "write" | "fetch" | undefined;
  if (found === undefined) throw new UsageError(`"${text}" is no kind of access: r, w or x.`);
  return found;
}

export function parseCount(text: string | undefined, fallback: number): number {
  const count = text === undefined ? fallback : Number(text);
  if (!(Number.isInteger(count) && count > 0)) throw new UsageError(`"${text}" is no number above 0.`);
  return count;
}

/** An address and a kind of access as they are typed. */
export const question = (kind: WalkQuestion["kind"], address?: string, access?: string): WalkQuestion => ({
  kind,
  address: parseAddress(address),
  access: parseAccess(access),
});

export function unknownTopic(name: string): string {
  const near = nearestName(name, topicNames);
  return `Nothing is known about '${name}'${near ? `; did you mean '${near}'?` : "; see help."}`;
}

/** @throws UsageError for what `explain` could not answer of any machine */
export function checkTopic([name = "", first, second]: readonly string[]): void {
  const topic = topicNames.find((known) => known === name);
  if (topic === undefined) throw new UsageError(unknownTopic(name));
  const takes = TOPICS[topic];
  if (takes === "address") question("linear", first, second);
  else if (takes === "count") parseCount(first, 1);
}
