/**
 * The stack: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE (SDM vol. 2).
 *
 * Several accesses are made before the stack pointer moves, so that a fault leaves the registers as they were.
 */
import type { I64 } from "../../wasm/value.js";
import { define, Register, Vector } from "../emit.js";
import { Flag } from "../flags.js";
import { helper } from "../helper.js";
import { CR4, FLAG_OTHERS } from "../state.js";
import { readSelector } from "./integer.js";
import { popFlagsSimply } from "./pop-flags.js";
import { popToSegment } from "./segment-load.js";
import { stackAddress, stackOffset, stackPointer, writeStackSized } from "./stack-address.js";

const { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI } = Register;

/** From here on the instruction runs alone, so that it is never begun twice. */
const runAlone = helper("runAlone");

const options = { long: true, operandSize: true } as const;

define("push", (x) => x.push(x.operands[0]!.kind === "seg" ? readSelector(x, 0) : x.read(0)), options);

define(
  "pop",
  (x) => {
    const bytes = x.operandSize / 8;
    const { kind } = x.operands[0]!;
    if (kind === "seg") {
      popToSegment(x);
      return;
    }
    const value = x.peek();
    if (kind === "mem") {
      // An address with RSP as its base uses the value after the pop.
      const before = x.let(stackPointer(x));
      x.dropStack(bytes);
      const offset = x.effectiveAddress();
      x.writeRegister(RSP, 64, before);
      x.store(x.operandSize, x.segmentAddress(undefined, offset, "write", bytes), value);
      x.dropStack(bytes);
      return;
    }
    x.dropStack(bytes);
    x.write(0, value);
  },
  { ...options, addressSize: true },
);

/** In the order in which they are pushed. */
const ALL_REGISTERS = [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI];

define(
  "pusha",
  (x) => {
    const bytes = x.operandSize / 8;
    for (const [i, register] of ALL_REGISTERS.entries()) {
      const offset = stackPointer(x).sub((i + 1) * bytes);
      x.store(x.operandSize, stackAddress(x, offset, "write"), x.readRegister(register, x.operandSize));
    }
    x.dropStack(-8 * bytes);
  },
  options,
);

define(
  "popa",
  (x) => {
    const bytes = x.operandSize / 8;
    const popped = [...ALL_REGISTERS].reverse();
    const values = popped.map((_, i) => x.peek(x.operandSize, i * bytes));
    for (const [i, register] of popped.entries()) {
      if (register !== RSP) x.writeRegister(register, x.operandSize, values[i]!);
    }
    x.dropStack(8 * bytes);
  },
  options,
);

/** Virtual-8086 mode extensions. */
const CR4_VME = 1;

define(
  "pushf",
  (x) => {
    const others = x.stateI32(FLAG_OTHERS);
    const image = x.f.local("i32");
    x.f.set(image, x.flags.all().or(others.and(~(Flag.VM | Flag.RF))));
    if (!x.long) {
      const restricted = others.and(Flag.VM).ne(0).and(others.and(Flag.IOPL).ne(Flag.IOPL));
      x.f.if(restricted, () => {
        if (x.operandSize !== 16) x.fault(Vector.GP, 0);
        else {
          x.f.if(x.stateI64(CR4).toI32().and(CR4_VME).eqz(), () => x.fault(Vector.GP, 0));
          // The virtual interrupt flag appears as IF, and IOPL as 3.
          const virtual = others.and(Flag.VIF).shrU(10);
          x.f.set(image, image.value.and(~Flag.IF).or(Flag.IOPL).or(virtual));
        }
      });
    }
    x.push(image.value.toI64U());
  },
  options,
);

define("popf", popFlagsSimply, { ...options, endsBlock: true });

define(
  "enter",
  (x) => {
    const { f, operandSize } = x;
    const bytes = operandSize / 8;
    const allocated = x.read(0);
    // It reads between its writes, so a second attempt could find what the first one wrote.
    f.if(x.read(1).toI32().and(31), () => x.run(runAlone));
    const top = f.local("i64");
    f.set(top, stackPointer(x));
    const push = (value: I64) => {
      f.set(top, top.value.sub(bytes));
      x.store(operandSize, stackAddress(x, top.value, "write"), value);
    };
    push(x.let(x.readRegister(RBP, operandSize)));
    const frame = f.local("i64");
    f.set(frame, top.value);
    const level = f.local("i32");
    f.set(level, x.read(1).toI32().and(31));
    f.if(level.value, () => {
      const link = f.local("i64");
      f.set(link, x.readRegister(RBP, 64));
      f.block((done) =>
        f.loop((again) => {
          f.set(level, level.value.sub(1));
          f.brIf(done, level.value.eqz());
          f.set(link, link.value.sub(bytes));
          push(x.load(operandSize, stackAddress(x, link.value, "read")));
          f.br(again);
        }),
      );
      push(frame.value);
    });
    // The manual asks for the fault that a write at the final stack pointer would cause.
    const final = x.let(top.value.sub(allocated));
    x.hostUpdate(stackAddress(x, final, "write"), bytes, () => {});
    // As wide as it is pushed.
    x.writeRegister(RBP, operandSize, frame.value);
    writeStackSized(x, RSP, final);
  },
  options,
);

define(
  "leave",
  (x) => {
    const frame = stackOffset(x, x.readRegister(RBP, 64));
    const value = x.load(x.operandSize, stackAddress(x, frame, "read"));
    writeStackSized(x, RSP, frame.add(x.operandSize / 8));
    x.writeRegister(RBP, x.operandSize, value);
  },
  options,
);
