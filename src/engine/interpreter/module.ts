/**
 * Generates tier 0: one WebAssembly module with the interpreter's loop and a handler for every shape.
 *
 * The hot handlers lie inside the loop, behind a binary tree of `if`s (an indirect jump mispredicts on code
 * with a large footprint; measured, design decision 2). The others are functions in a table.
 */
import { definitionOf, type Shape } from "../../isa/emit.js";
import { emitFlagFunction, type FlagFunction } from "../../isa/flag-functions.js";
import { allHelpers, Control, type Helper } from "../../isa/helper.js";
import { emitLibrary } from "../../isa/library.js";
import {
  ATTENTION,
  BOUNCE,
  BUDGET,
  IP_DELTA,
  JUMP_CACHE,
  LEFT,
  MODE_TAG,
  NEXT_RIP,
  PENDING,
  PENDING_ERROR,
  Pending,
  RIP,
  TRANSFER_DEPTH,
} from "../../isa/state.js";
import { type Callee, type FunctionBuilder, type Label, load } from "../../wasm/function.js";
import { ModuleBuilder } from "../../wasm/module.js";
import { I32, type ValueType } from "../../wasm/value.js";
import { emitCheckSegment, emitOperandAddress } from "./address-functions.js";
import { InterpreterEmit } from "./emit.js";
import type { Exits } from "./exits.js";
import { emitLeave, emitLeaveByBranch } from "./leave.js";
import { RECORD_SIZE, Record } from "./record.js";
import {
  engineImports,
  flagExports,
  flagSignature,
  type Runtime,
  ripMask,
  runtimeExports,
} from "./runtime.js";
import { Handler } from "./shapes.js";
import { callTranslated, emitTransfer, jumpEntry, SAMPLE_SHIFT } from "./transfer.js";

/** What `run` returns. */
export const RunExit = {
  /** The budget does not cover the next block. */
  budget: 4,
  /** A lookup failed: an exception is pending. */
  fault: Control.fault,
  /** An instruction asked to leave. */
  leave: Control.leave,
  /** What is larger is a record. */
  last: 15,
} as const;

/** Instructions that the interpreter executes from one sample to the next. */
export const SAMPLE_INTERVAL = 1 << SAMPLE_SHIFT;

const I32x2: readonly ValueType[] = ["i32", "i32"];

export interface BuildOptions {
  /** Where to count executions: 8 bytes for each handler, at this address of the memory. For finding the hot shapes. */
  readonly countAt?: number;
}

/**
 * @param hotCount how many of the shapes, from the first, are handled inside the loop
 */
export function buildInterpreter(
  shapes: readonly Shape[],
  hotCount: number,
  options: BuildOptions = {},
): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder();
  m.importTable(Handler.first + shapes.length);
  const imports = {
    resolve: m.import("engine", "resolve", engineImports.resolve.params, engineImports.resolve.results),
    commit: m.import("engine", "commit", engineImports.commit.params, engineImports.commit.results),
    segmentSlow: m.import("engine", "segmentSlow", ["i32", "i32", "i32", "i32"], ["i32"]),
    lookup: m.import("engine", "lookup", ["i32"], ["i32"]),
    link: m.import("engine", "link", I32x2, ["i32"]),
    revive: m.import("engine", "revive", I32x2, ["i32"]),
    sample: m.import("engine", "sample", I32x2, []),
    hop: m.import("engine", "hop", ["i32", "i32", "i32"], []),
    visit: m.import("engine", "visit", ["i32", "i32", "i32"], []),
  };
  const helpers = new Map<Helper, Callee>();
  for (const helper of allHelpers()) {
    const results = helper.result ? [helper.result] : [];
    helpers.set(helper, m.import("helper", helper.name, ["i32", "i32", ...helper.params], results));
  }

  const flagFunction = (which: FlagFunction) => {
    const callee = m.function(flagSignature.params, flagSignature.results, (f) => emitFlagFunction(f, which));
    m.export(flagExports[which], callee);
    return callee;
  };
  const exported = (name: keyof typeof runtimeExports, body: (f: FunctionBuilder) => void) => {
    const { params, results } = runtimeExports[name];
    const callee = m.function(params, results, body);
    m.export(name, callee);
    return callee;
  };
  const resolve = m.function(["i32", "i32", "i64", "i32"], ["i32"], (f) => {
    const [cpu, record, address, access] = [
      f.param("i32", 0),
      f.param("i32", 1),
      f.param("i64", 2),
      f.param("i32", 3),
    ];
    const halves = [address.toI32(), address.shrU(32).toI32()];
    f.return(f.call("i32", imports.resolve, cpu, record, ...halves, access));
  });
  const checkSegment = exported("checkSegment", (f) => emitCheckSegment(f, imports.segmentSlow));
  const handlerType = m.type(I32x2, ["i32"]);
  const sync = exported("sync", emitSync);
  const leave = exported("leave", (f) => emitLeave(f, sync));
  const transfer = exported("transfer", (f) => emitTransfer(f, imports, handlerType));
  exported("leaveByBranch", (f) => emitLeaveByBranch(f, leave, transfer));
  const runtime: Runtime = {
    flags: { carry: flagFunction("carry"), overflow: flagFunction("overflow"), all: flagFunction("all") },
    resolve,
    commit: imports.commit,
    checkSegment,
    operandAddress: m.function(["i32", "i32", "i64", "i32"], ["i64"], (f) =>
      emitOperandAddress(f, checkSegment),
    ),
    sync,
    helper: (helper) => helpers.get(helper)!,
    library: emitLibrary(m),
    bounce: BOUNCE,
  };

  const cold: Callee[] = [];
  for (const shape of shapes) {
    const definition = definitionOf(shape.mnemonic)!;
    cold.push(
      m.function(I32x2, ["i32"], (f) => {
        const status = (value: number) => () => f.return(I32.const(value));
        const exits: Exits = {
          next: status(Control.next),
          jump: status(Control.jump),
          leave: status(Control.leave),
          fault: status(Control.fault),
          control: (value) => f.return(value),
        };
        definition.emit(new InterpreterEmit(shape, f, f.param("i32", 0), f.param("i32", 1), runtime, exits));
        f.return(I32.const(Control.next));
      }),
    );
  }
  const special = (fault: number, error?: number) =>
    m.function(I32x2, ["i32"], (f) => {
      f.store(f.param("i32", 0), I32.const(fault), PENDING);
      if (error !== undefined) f.store(f.param("i32", 0), I32.const(error), PENDING_ERROR);
      f.return(I32.const(Control.fault));
    });
  const invalid = special(6);
  const tooLong = special(13, 0);
  const notAvailable = special(7);
  const stop = special(Pending.stop);
  m.elementsAt(0, [invalid, invalid, invalid, invalid, tooLong, notAvailable, stop, invalid, ...cold]);

  const run = m.function(I32x2, ["i32"], (f) =>
    emitRun(f, shapes.slice(0, hotCount), runtime, imports, handlerType, options),
  );
  m.export("run", run);
  return m.build();
}

/** (cpu, record): RIP, NEXT_RIP and LEFT from the record. RIP is kept to 32 bits outside 64-bit mode by IP_DELTA's own width. */
function emitSync(f: FunctionBuilder): void {
  const cpu = f.param("i32", 0);
  const record = f.param("i32", 1);
  const delta = f.let(load.i64(cpu, IP_DELTA));
  const mask = f.let(ripMask(cpu));
  f.store(cpu, delta.add(load.i64_16u(record, Record.start)).and(mask), RIP);
  f.store(cpu, delta.add(load.i64_16u(record, Record.next)).and(mask), NEXT_RIP);
  f.store(cpu, load.i32_16u(record, Record.left), LEFT);
}

/** (cpu, record) -> RunExit. With record 0 it starts at the state's RIP. */
function emitRun(
  f: FunctionBuilder,
  hot: readonly Shape[],
  runtime: Runtime,
  imports: { lookup: Callee; link: Callee; revive: Callee; sample: Callee; hop: Callee; visit: Callee },
  handlerType: number,
  options: BuildOptions,
): void {
  const cpu = f.param("i32", 0);
  const record = f.local("i32");
  const handler = f.local("i32");
  // The slot of the translated function that was left last, if nothing was interpreted since.
  const from = f.local("i32");
  f.set(record, f.param("i32", 1));
  f.store(cpu, I32.const(0), TRANSFER_DEPTH);
  const addBudget = (amount: I32) => f.store(cpu, load.i32(cpu, BUDGET).add(amount), BUDGET);
  const left = () => load.i32_16u(record.value, Record.left);

  f.loop((lookup) => {
    f.if(record.value.eqz(), () => {
      f.if(load.i32(cpu, BUDGET).leS(0).or(load.i32(cpu, ATTENTION)), () =>
        f.return(I32.const(RunExit.budget)),
      );
      const rip = f.let(load.i64(cpu, RIP));
      const entry = jumpEntry(f, load.i32(cpu, JUMP_CACHE), rip);
      f.if(
        load.i64(entry).eq(rip.xor(load.i64(cpu, MODE_TAG))),
        () => f.set(record, load.i32(entry, 8)),
        () => {
          f.set(record, f.call("i32", imports.lookup, cpu));
          f.if(record.value.eqz(), () => f.return(I32.const(RunExit.fault)));
        },
      );
    });
    f.store(cpu, load.i64(cpu, RIP).sub(load.i64_16u(record.value, Record.start)), IP_DELTA);
    f.loop((enter) => {
      const before = f.let(load.i32(cpu, BUDGET));
      const after = f.let(before.sub(left()));
      f.if(after.ltS(0), () => {
        f.run(runtime.sync, cpu, record.value);
        f.return(I32.const(RunExit.budget));
      });
      f.if(load.i32_16u(record.value, Record.handler).eq(Handler.region), () => {
        const slot = f.let(load.i32(record.value, Record.immediate));
        f.set(record, callTranslated(f, imports, handlerType, cpu, record.value, slot, from.value, before));
        f.set(from, slot);
        // Either the state's RIP says where to go on, or a record does.
        f.brIf(lookup, record.value.eqz());
        f.if(record.value.eq(Control.jump), () => {
          // Whatever is there does not belong together with that function.
          f.set(from, I32.const(0));
          f.set(record, I32.const(0));
          f.br(lookup);
        });
        f.if(record.value.leU(RunExit.last), () => f.return(record.value));
        f.set(from, I32.const(0));
        f.br(enter);
      });
      f.set(from, I32.const(0));
      f.if(before.xor(after).shrU(SAMPLE_SHIFT), () => f.run(imports.sample, cpu, record.value));
      f.store(cpu, after, BUDGET);
      f.loop((dispatch) => {
        f.set(handler, load.i32_16u(record.value, Record.handler));
        if (options.countAt !== undefined) {
          const counter = f.let(handler.value.shl(3));
          f.store(counter, load.i64(counter, options.countAt).add(1), options.countAt);
        }
        const next = () => {
          f.set(record, record.value.add(RECORD_SIZE));
          f.br(dispatch);
        };
        const jump = () => {
          addBudget(left().sub(1));
          f.set(record, I32.const(0));
          f.br(lookup);
        };
        const leave = () => {
          addBudget(left().sub(1));
          f.return(I32.const(RunExit.leave));
        };
        const fault = () => {
          f.run(runtime.sync, cpu, record.value);
          addBudget(left());
          f.return(I32.const(RunExit.fault));
        };
        const control = (status: I32) => {
          f.if(status.eqz(), next);
          f.if(status.eq(Control.jump), jump);
          f.if(status.eq(Control.leave), leave);
          fault();
        };
        const enterLinked = (target: I32) => {
          addBudget(left().sub(1));
          f.set(record, target);
          f.br(enter);
        };
        const linked = () => {
          const target = f.local("i32");
          f.set(target, load.i32(record.value, Record.immediate));
          f.if(target.value.eqz(), () => {
            f.set(target, f.call("i32", imports.link, cpu, record.value));
            // Not found: RIP is at the target now, and the lookup there raises the fault.
            f.if(target.value.eqz(), jump);
          });
          enterLinked(target.value);
        };
        const exits: Exits = { next, jump, leave, fault, control, linked };
        const leaf = (number: number) => {
          const shape = hot[number - Handler.first];
          if (!shape) return emitSpecial(number);
          f.scope(() => {
            const emit = new InterpreterEmit(shape, f, cpu, record.value, runtime, exits);
            definitionOf(shape.mnemonic)!.emit(emit);
            next();
          });
        };
        const emitSpecial = (number: number) => {
          if (number === Handler.end) {
            f.run(runtime.sync, cpu, record.value);
            f.store(cpu, I32.const(0), LEFT);
            // Nothing is left at the end of a block, but a block that was overwritten ends where it is.
            addBudget(left());
            f.set(record, I32.const(0));
            f.br(lookup);
          } else if (number === Handler.forward) {
            addBudget(left());
            f.set(record, load.i32(record.value, Record.immediate));
            f.br(enter);
          } else if (number === Handler.dead) {
            // The new block may lie in the place of this one, and be longer or shorter.
            const paid = f.let(left());
            const target = f.let(f.call("i32", imports.revive, cpu, record.value));
            f.if(target.eqz(), fault);
            addBudget(paid);
            f.set(record, target);
            f.br(enter);
          } else callCold();
        };
        const callCold = () => {
          const status = f.callIndirect("i32", handlerType, handler.value, cpu, record.value);
          control(status);
        };
        const tree = (low: number, high: number, label: Label) => {
          if (low === high) {
            leaf(low);
            return;
          }
          const middle = (low + high) >> 1;
          f.if(
            handler.value.leU(middle),
            () => tree(low, middle, label),
            () => tree(middle + 1, high, label),
          );
        };
        const lastHot = Handler.first + hot.length - 1;
        f.if(
          handler.value.gtU(lastHot),
          () => callCold(),
          () => tree(0, lastHot, dispatch),
        );
      });
    });
  });
  f.unreachable();
}
