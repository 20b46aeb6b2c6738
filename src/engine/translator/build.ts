/**
 * Emits regions: one function each, several in a module.
 *
 * The blocks lie behind each other; a way forward is a branch out of nested blocks, a way back goes through the
 * table of entries at the head of a loop.
 */
import { codeSizeOf, Mode } from "../../cpu/mode.js";
import type { Shape } from "../../isa/emit.js";
import type { FlagFunctions } from "../../isa/flag-emit.js";
import type { Helper } from "../../isa/helper.js";
import { type LibraryFunction, librarySignature } from "../../isa/library.js";
import { BOUNCE } from "../../isa/state.js";
import { ByteWriter } from "../../wasm/bytes.js";
import { buildBody, type Callee, FunctionBuilder, type Label, type Signature } from "../../wasm/function.js";
import { ModuleBuilder } from "../../wasm/module.js";
import { I32, I64 } from "../../wasm/value.js";
import { RECORD_SIZE } from "../interpreter/record.js";
import { flagExports, flagSignature, type RegionRuntime, runtimeExports } from "../interpreter/runtime.js";
import { shapeOf } from "../interpreter/shapes.js";
import { TranslatorEmit, type Ways } from "./emit.js";
import type { LocalEmit, Place } from "./emit-operands.js";
import { FlagProbe, type FlagUse, unreadFlags } from "./flag-use.js";
import { LocalFlags } from "./local-flags.js";
import { LocalsCode } from "./locals-code.js";
import { Meaning } from "./meaning.js";
import type { Edge, Region, RegionBlock, RegionInstruction } from "./region.js";
import type { RegionCode } from "./region-code.js";
import { StateCode } from "./state-code.js";

/** The type of a translated function: that of a handler. */
const SIGNATURE: Signature = { params: ["i32", "i32"], results: ["i32"] };

/** The functions that translated code calls, imported when they are first used. */
class Imports implements RegionRuntime {
  readonly bounce = BOUNCE;
  readonly flags: FlagFunctions;
  private readonly known = {
    runtime: new Map<string, Callee>(),
    helper: new Map<string, Callee>(),
    trace: new Map<string, Callee>(),
  };

  constructor(private readonly m: ModuleBuilder) {
    const flag = (name: string) => this.import("runtime", name, flagSignature);
    this.flags = {
      get carry() {
        return flag(flagExports.carry);
      },
      get overflow() {
        return flag(flagExports.overflow);
      },
      get all() {
        return flag(flagExports.all);
      },
    };
  }
  private import(
    module: "runtime" | "helper" | "trace",
    name: string,
    { params, results }: Signature,
  ): Callee {
    const known = this.known[module];
    let callee = known.get(name);
    if (!callee) {
      callee = this.m.import(module, name, params, results);
      known.set(name, callee);
    }
    return callee;
  }
  get resolve(): Callee {
    throw new Error("translated code leaves where the TLB maps nothing");
  }
  get commit(): Callee {
    throw new Error("translated code has no bounce buffer");
  }
  get checkSegment(): Callee {
    return this.import("runtime", "checkSegment", runtimeExports.checkSegment);
  }
  get operandAddress(): Callee {
    throw new Error("translated code knows its operands");
  }
  /** (slot): the function was entered. */
  get entered(): Callee {
    return this.import("trace", "entered", { params: ["i32"], results: [] });
  }
  get sync(): Callee {
    return this.import("runtime", "sync", runtimeExports.sync);
  }
  get leave(): Callee {
    return this.import("runtime", "leave", runtimeExports.leave);
  }
  get transfer(): Callee {
    return this.import("runtime", "transfer", runtimeExports.transfer);
  }
  get leaveByBranch(): Callee {
    return this.import("runtime", "leaveByBranch", runtimeExports.leaveByBranch);
  }
  helper({ name, params, result }: Helper): Callee {
    return this.import("helper", name, {
      params: ["i32", "i32", ...params],
      results: result ? [result] : [],
    });
  }
  library(callee: LibraryFunction): Callee {
    return this.import("runtime", callee.name, librarySignature(callee));
  }
}

/** Several regions on their way into one module. */
export class Batch {
  private readonly m = new ModuleBuilder();
  private readonly imports = new Imports(this.m);
  private readonly bodies: { region: Region; body: Uint8Array }[] = [];

  /**
   * @param entriesOffset where words about diverted records lie (CodeCache.entriesOffset)
   * @param stateBase address of the CPU's state
   * @param traced functions tell when they are entered
   */
  constructor(
    private readonly entriesOffset: number,
    private readonly stateBase: number,
    private readonly traced: boolean,
  ) {}

  get regions(): readonly Region[] {
    return this.bodies.map(({ region }) => region);
  }

  /** Emits a region's function. */
  add(region: Region): void {
    const body = buildBody(SIGNATURE, (f) => {
      const beginning = new RegionBuilder(region, f, this.imports, this.entriesOffset, this.stateBase).emit();
      return () => {
        if (this.traced) f.run(this.imports.entered, I32.const(region.slot));
        beginning();
      };
    });
    this.bodies.push({ region, body });
  }

  /** The body of a region that was added. */
  bodyOf(region: Region): Uint8Array {
    return this.bodies.find((known) => known.region === region)!.body;
  }

  /** The module; it exports the function of region i as `r<i>`. */
  build(): Uint8Array<ArrayBuffer> {
    for (const [i, { body }] of this.bodies.entries()) this.m.export(`r${i}`, this.m.add(SIGNATURE, body));
    return this.m.build();
  }
}

class RegionBuilder {
  private readonly code: RegionCode;
  private readonly flags: LocalFlags;
  private readonly labels: Label[] = [];
  private dispatch!: Label;
  private self: Label | undefined;
  private readonly number;
  private readonly long: boolean;
  private readonly flat: boolean;

  constructor(
    private readonly region: Region,
    private readonly f: FunctionBuilder,
    private readonly runtime: RegionRuntime,
    private readonly entriesOffset: number,
    stateBase: number,
  ) {
    this.long = codeSizeOf(region.mode) === 64;
    this.code =
      region.registers === "state"
        ? new StateCode(f, I32.const(stateBase), runtime, this.long, region.slot)
        : new LocalsCode(f, runtime, this.long);
    this.flags = new LocalFlags(this.code, runtime.flags);
    this.number = f.lasting("i32");
    this.flat = (region.mode & Mode.FLAT) !== 0;
  }

  /** Emits the function but for its beginning, and returns what emits that. */
  emit(): () => void {
    const { f, region } = this;
    const beginning = this.code.frame(() =>
      f.loop((dispatch) => {
        this.dispatch = dispatch;
        this.nest(region.blocks.length - 1);
        f.unreachable();
      }),
    );
    return () => {
      beginning();
      f.set(this.number, f.param("i32", 1));
    };
  }

  /** Block `i` behind all those before it. */
  private nest(i: number): void {
    const { f, labels } = this;
    if (i < 0) {
      f.brTable(this.number.value, labels.slice(0, -1), labels.at(-1)!);
      return;
    }
    f.block((label) => {
      labels[i] = label;
      this.nest(i - 1);
    });
    this.emitBlock(i);
  }

  private emitBlock(i: number): void {
    const { f, code } = this;
    const source = this.region.blocks[i]!;
    const loops = source.instructions.some(({ taken }) => taken?.to === i && !taken.crosses);
    const body = () => {
      code.begin();
      this.flags.forget();
      this.emitInstructions(i, source);
      if (!code.ended) this.goOn(i, source);
    };
    if (!loops) {
      body();
      return;
    }
    f.loop((self) => {
      this.self = self;
      body();
    });
    this.self = undefined;
    f.unreachable();
  }

  private emitInstructions(i: number, source: RegionBlock): void {
    const { code, f } = this;
    const { instructions, block, shared } = source;
    const first = block.copy;
    const count = instructions.length + shared;
    code.pay(count, first);
    const unread = unreadFlags(
      instructions.map((described) => Meaning.of(described).flagUse(described, () => this.probe(described))),
    );
    for (const [k, instruction] of instructions.entries()) {
      const record = first + k * RECORD_SIZE;
      const meaning = Meaning.of(instruction).emit;
      if (!meaning) {
        source.translated = k;
        code.interpret(record);
        return;
      }
      const place = this.place(instruction, record, count - k);
      const shape = shapeOf(instruction.instruction, codeSizeOf(this.region.mode));
      this.flags.unread = unread[k]!;
      source.translated = k;
      f.scope(() => {
        const ways = this.ways(i, instruction);
        const emit = new TranslatorEmit(
          shape,
          instruction.instruction,
          place,
          code,
          this.flags,
          this.runtime,
          ways,
        );
        meaning(emit);
      });
      if (code.ended) break;
    }
    if (!code.interpreted) source.translated = instructions.length;
  }

  private place({ start, next }: RegionInstruction, record: number, left: number): Place {
    return { record, start, next, left, flat: this.flat };
  }

  private ways(i: number, { taken, next, instruction }: RegionInstruction): Ways {
    return {
      slot: this.region.slot,
      entriesOffset: this.entriesOffset,
      back: this.back(i),
      taken: (rest) => {
        if (!taken) return false;
        return this.follow(i, taken, next + instruction.immediate, rest);
      },
      entry: (number) => {
        this.f.set(this.number, number);
        this.f.br(this.dispatch);
      },
    };
  }

  private back(i: number): (() => void) | undefined {
    const { back } = this.region.blocks[i]!;
    return back && !back.crosses ? () => this.goTo(i, back.to) : undefined;
  }

  /**
   * Goes to another block; false: it may be other code now, go on.
   * @param offset page offset of the target, relative to this page
   * @param rest instructions of this block that are not executed
   */
  private follow(from: number, { to, crosses }: Edge, offset: number, rest: number): boolean {
    const { f, code } = this;
    if (!crosses) {
      code.giveBack(rest);
      this.goTo(from, to);
      return true;
    }
    const target = this.region.blocks[to]!.block;
    const rip = f.let(code.delta.add(I64.const(offset)));
    const cut = this.long ? rip : f.let(rip.and(0xffffffffn));
    code.lookUp(cut, (record) => {
      f.if(record.eq(target.record), () => {
        code.moveTo(cut, target.start);
        code.giveBack(rest);
        this.goTo(from, to);
      });
    });
    return false;
  }

  private goTo(from: number, to: number): void {
    const { f } = this;
    if (to === from && this.self) f.br(this.self);
    else if (to > from) f.br(this.labels[to]!);
    else {
      f.set(this.number, I32.const(to));
      f.br(this.dispatch);
    }
  }

  /** Falls off the end of a block. */
  private goOn(i: number, { next, instructions, shared }: RegionBlock): void {
    const { f, code } = this;
    const offset = instructions.at(-1)!.next;
    f.scope(() => {
      if (next && this.follow(i, next, offset, shared)) return;
      const rip = code.delta.add(I64.const(offset));
      code.leaveTo(this.long ? rip : rip.and(0xffffffffn), shared);
    });
  }

  /** What an instruction does with flags, found out by emitting it into nowhere. */
  private probe(described: RegionInstruction): FlagUse {
    const { instruction } = described;
    const meaning = Meaning.of(described).emit;
    if (!meaning) return { reads: true, replaces: false, sets: false, readsOwn: false };
    const f = new FunctionBuilder(new ByteWriter(), SIGNATURE);
    const code = new StateCode(f, I32.const(0), this.runtime, this.long, 0);
    let probe: FlagProbe | undefined;
    const shape: Shape = shapeOf(instruction, codeSizeOf(this.region.mode));
    code.frame(() => {
      code.begin();
      probe = new FlagProbe(code, this.runtime.flags);
      const ways: Ways = {
        slot: 0,
        entriesOffset: 0,
        back: undefined,
        taken: () => false,
        entry: () => f.unreachable(),
      };
      const place = this.place(described, 0, 1);
      const emit: LocalEmit = new TranslatorEmit(shape, instruction, place, code, probe, this.runtime, ways);
      meaning(emit);
    });
    const { reads, replaces, sets, readsOwn } = probe!;
    return { reads: reads || code.exits > 0, replaces, sets, readsOwn };
  }
}
