/**
 * Walks explained step by step, for the inspector. The real walker runs, on structures that can't be written, and
 * tells of each entry: an explanation can't disagree with what the machine does.
 */
import { NOT_RAM, type PhysicalMap } from "../../memory/physical.js";
import { Entry, EptEntry, FORMAT_EPT_MODE_BASED, PageFaultCode, type PagingFormat } from "./formats.js";
import type { LinearTranslator } from "./translator.js";
import { PageWalk, type PagingRules, type StructureMemory, WalkFault } from "./walk.js";

/** What is asked: how an address would be translated for a kind of access (a supervisor's read by default). */
export interface WalkQuestion {
  /** A linear address, or for a guest with EPT a guest-physical one. */
  readonly address: bigint;
  readonly kind: "linear" | "guest-physical";
  readonly access?: "read" | "write" | "fetch";
  readonly user?: boolean;
}

export type WalkOutcome =
  | "table"
  | "page"
  | "not present"
  /** A reserved bit is set; in an EPT entry, an EPT misconfiguration. */
  | "reserved"
  | "no right"
  /** The entry can't be read: its own address has no translation. */
  | "unreachable";

export interface WalkStep {
  /** The manual's name of the entry: PML4E, EPT PDE … */
  readonly level: string;
  /** Physical address of the entry, for a guest's structures a guest-physical one. */
  readonly entryAddress: bigint;
  /** Absent when the entry can't be read. */
  readonly entry?: bigint;
  /** Names of the bits that are 1. */
  readonly bits: readonly string[];
  readonly outcome: WalkOutcome;
  /** How EPT translates the entry's address. */
  readonly through?: WalkExplanation;
}

export interface WalkExplanation {
  /** The manual's name of the paging mode, or "no paging". */
  readonly format: string;
  readonly address: bigint;
  readonly steps: readonly WalkStep[];
  readonly outcome: "mapped" | "page fault" | "EPT violation" | "EPT misconfiguration" | "not canonical";
  /** Where the address leads, when it is mapped. For a linear address of a guest with EPT: its guest-physical address. */
  readonly to?: bigint;
  /** In bytes. */
  readonly pageSize?: number;
  /** Page-fault error code. */
  readonly error?: number;
  /** How EPT translates {@link to}. */
  readonly then?: WalkExplanation;
}

const outcomes: Record<WalkFault, WalkOutcome> = {
  [WalkFault.none]: "page",
  [WalkFault.notPresent]: "not present",
  [WalkFault.reserved]: "reserved",
  [WalkFault.rights]: "no right",
};

const entryValue = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** Bits of an entry that have names and are 1. */
function namesIn(format: PagingFormat, entry: bigint): string[] {
  return format.namedBits.filter(({ bit }) => ((entry >> BigInt(bit)) & 1n) !== 0n).map(({ name }) => name);
}

/** Memory types of EPT entries that map pages, by number (SDM vol. 3, 29.3.7). */
const MEMORY_TYPES: readonly (string | undefined)[] = ["UC", "WC", undefined, undefined, "WT", "WP", "WB"];

function memoryTypeIn(format: PagingFormat, low: number, isLeaf: boolean): string[] {
  if (!isLeaf || format.rights !== "read-write-execute") return [];
  const type = (low >>> EptEntry.memoryTypeShift) & 7;
  return [`memory type ${MEMORY_TYPES[type] ?? type}`];
}

/** An entry could not be reached. */
class Unreachable {
  constructor(
    readonly address: number,
    readonly through: WalkExplanation,
  ) {}
}

/** Structures that are only read, directly or through the second level. */
class ReadOnlyStructures implements StructureMemory {
  high = 0;
  /** How the last entry's address was translated. */
  through: WalkExplanation | undefined;

  constructor(
    private readonly physical: PhysicalMap,
    private readonly memory: DataView,
    private readonly translate: ((address: number) => WalkExplanation) | undefined,
  ) {}

  load(address: number, bytes: 4 | 8): number {
    this.through = this.translate?.(address);
    if (this.through !== undefined && this.through.to === undefined)
      throw new Unreachable(address, this.through);
    const host = this.physical.hostAddress(
      this.through === undefined ? address : Number(this.through.to),
      false,
    );
    // Reading a device could change it: it is taken for empty bus.
    this.high = bytes === 4 ? 0 : host === NOT_RAM ? -1 : this.memory.getInt32(host + 4, true);
    return host === NOT_RAM ? -1 : this.memory.getInt32(host, true);
  }

  store(): void {}
}

export class WalkExplainer {
  constructor(
    private readonly translator: LinearTranslator,
    private readonly physical: PhysicalMap,
    private readonly memory: DataView,
  ) {}

  explain(question: WalkQuestion): WalkExplanation {
    const { address, kind, access = "read", user = false } = question;
    const need = access === "write" ? EptEntry.W : access === "fetch" ? EptEntry.X : EptEntry.R;
    if (kind === "guest-physical") return this.explainSecond(Number(address), need);
    const high = Number(BigInt.asIntN(32, address >> 32n));
    const low = Number(BigInt.asIntN(32, address));
    const { translator } = this;
    const { format } = translator;
    const name = format?.name ?? "no paging";
    if (!translator.canonical(high)) return { format: name, address, steps: [], outcome: "not canonical" };
    if (format === undefined) {
      return this.continued(
        { format: name, address, steps: [], outcome: "mapped", to: BigInt(low >>> 0) },
        need,
      );
    }
    const { second } = translator;
    const structureNeed = second?.accessedDirty ? EptEntry.R | EptEntry.W : EptEntry.R;
    const through = second && ((at: number) => this.explainSecond(at, structureNeed));
    const structures = new ReadOnlyStructures(this.physical, this.memory, through);
    const walker = new PageWalk(structures);
    walker.write = access === "write";
    walker.fetch = access === "fetch";
    walker.user = user;
    walker.ac = translator.walker.ac;
    const root = translator.rootFor(low);
    const error = (walker.write ? PageFaultCode.W : 0) | (user ? PageFaultCode.U : 0);
    if (root < 0) return { format: name, address, steps: [], outcome: "page fault", error };
    const found = this.walk(walker, structures, format, translator.rules, root, low, high);
    if (!found.mapped) {
      const blocked = found.blocked;
      if (blocked !== undefined) return { format: name, address, steps: found.steps, outcome: blocked };
      return { format: name, address, steps: found.steps, outcome: "page fault", error: walker.error };
    }
    const explanation: WalkExplanation = {
      format: name,
      address,
      steps: found.steps,
      outcome: "mapped",
      to: BigInt(walker.page + (low & 0xfff)),
      pageSize: 2 ** walker.pageShift,
    };
    const userPage = (walker.allLow & Entry.US) !== 0;
    const userFetch = access === "fetch" && userPage && second?.format === FORMAT_EPT_MODE_BASED;
    return this.continued(explanation, userFetch ? EptEntry.XU : need);
  }

  /** Adds the second level, if there is one. */
  private continued(first: WalkExplanation, need: number): WalkExplanation {
    if (this.translator.second === undefined) return first;
    const then = this.explainSecond(Number(first.to), need);
    return { ...first, then, outcome: then.outcome };
  }

  private explainSecond(address: number, need: number): WalkExplanation {
    const { second } = this.translator;
    const at = BigInt(address);
    if (second === undefined) return { format: "no EPT", address: at, steps: [], outcome: "mapped", to: at };
    const { format, rules, root } = second;
    const structures = new ReadOnlyStructures(this.physical, this.memory, undefined);
    const walker = new PageWalk(structures);
    walker.need = need;
    const low = address | 0;
    const found = this.walk(walker, structures, format, rules, root, low, (address / 0x1_0000_0000) | 0);
    if (!found.mapped) {
      const outcome = walker.fault === WalkFault.reserved ? "EPT misconfiguration" : "EPT violation";
      return { format: format.name, address: at, steps: found.steps, outcome };
    }
    const to = BigInt(walker.page + (low & 0xfff));
    const pageSize = 2 ** walker.pageShift;
    return { format: format.name, address: at, steps: found.steps, outcome: "mapped", to, pageSize };
  }

  private walk(
    walker: PageWalk,
    structures: ReadOnlyStructures,
    format: PagingFormat,
    rules: PagingRules,
    root: number,
    low: number,
    high: number,
  ): { mapped: boolean; steps: WalkStep[]; blocked?: WalkExplanation["outcome"] } {
    const steps: WalkStep[] = [];
    walker.observer = (depth, address, entryLow, entryHigh, isLeaf, fault) => {
      const entry = entryValue(entryLow, entryHigh);
      steps.push({
        level: format.levels[depth]!.name,
        entryAddress: BigInt(address),
        entry,
        bits: [...namesIn(format, entry), ...memoryTypeIn(format, entryLow, isLeaf)],
        outcome: fault === WalkFault.none && !isLeaf ? "table" : outcomes[fault],
        ...(structures.through && { through: structures.through }),
      });
    };
    try {
      return { mapped: walker.find(format, rules, root, low, high), steps };
    } catch (thrown) {
      if (!(thrown instanceof Unreachable)) throw thrown;
      const { address, through } = thrown;
      const level = format.levels[steps.length]!.name;
      steps.push({ level, entryAddress: BigInt(address), bits: [], outcome: "unreachable", through });
      return { mapped: false, steps, blocked: through.outcome };
    }
  }
}
