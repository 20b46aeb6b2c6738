/**
 * Near branches: Jcc, JMP, CALL, RET, LOOP LOOPE LOOPNE, JCXZ JECXZ JRCXZ (SDM vol. 2). Far ones through memory
 * or with the pointer in the instruction are handed to the processor.
 */
import { I32, type I64 } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { conditions } from "../flag-emit.js";
import { helper } from "../helper.js";
import { stackAddress, stackPointer } from "./stack-address.js";

const { RCX } = Register;

/** JMP far. (selector, offset) */
const farJump = helper("farJump", ["i32", "i64"], "i32");
/** CALL far. (selector, offset, operand size in bits) */
const farCall = helper("farCall", ["i32", "i64", "i32"], "i32");

const options = { long: true, operandSize: true } as const;
const always = { ...options, endsBlock: true } as const;

for (const condition of conditions) {
  define(`j${condition}`, (x) => x.jumpRelative(x.flags.condition(condition)), options);
}

define(
  "jmp",
  (x) => {
    if (x.operands[0]!.kind === "rel") x.jumpRelative();
    else x.jump(x.read(0));
  },
  always,
);

/** Where the relative operand leads; faults if there can be no code. */
const relativeTarget = (x: Emit): I64 => x.branchTarget(x.nextRip().add(x.readSigned(0)));

define(
  "call",
  (x) => {
    const target = x.operands[0]!.kind === "rel" ? undefined : x.read(0);
    const bytes = x.operandSize / 8;
    // A target where there can be no code faults after an inaccessible stack does, but before anything changes.
    x.hostWrite(stackAddress(x, stackPointer(x).sub(bytes), "write"), bytes, (host) => {
      if (target) x.branchTarget(target);
      else relativeTarget(x);
      x.f.storeInt(x.operandSize, host, x.nextRip());
    });
    x.dropStack(-bytes);
    if (target) x.jump(target);
    else x.jumpRelative();
  },
  always,
);

define(
  "ret",
  (x) => {
    const target = x.branchTarget(x.peek());
    const bytes = x.operandSize / 8;
    x.dropStack(x.operands.length > 0 ? x.read(0).add(bytes) : bytes);
    x.jump(target);
  },
  always,
);

/** The counter is CX, ECX or RCX by the address size. */
function loop(mnemonic: string, condition?: (x: Emit) => I32): void {
  define(
    mnemonic,
    (x) => {
      const size = x.addressSize;
      const count = x.let(x.readRegister(RCX, size).sub(1));
      const more = size === 64 ? count : size === 32 ? count.and(0xffffffffn) : count.and(0xffff);
      const taken = x.let(condition ? more.ne(0).and(condition(x)) : more.ne(0));
      // The counter changes only if the jump does not fault.
      x.f.if(taken, () => relativeTarget(x));
      x.writeRegister(RCX, size, count);
      x.jumpRelative(taken);
    },
    { ...options, addressSize: true },
  );
}
loop("loop");
loop("loope", (x) => x.flags.condition("e"));
loop("loopne", (x) => x.flags.condition("ne"));

define("jcxz", (x) => x.jumpRelative(x.let(x.readRegister(RCX, x.addressSize).eqz())), {
  ...options,
  addressSize: true,
});

/** The far pointer in the instruction or in memory: the selector lies above the offset. */
function farTarget(x: Emit): { selector: I32; offset: I64 } {
  if (x.operands[0]!.kind === "far") return x.farPointer();
  const pointer = x.linearAddress(0, "read");
  const offset = x.load(x.operandSize, pointer);
  return { selector: x.load(16, x.let(pointer.add(x.operandSize / 8))).toI32(), offset };
}

define(
  "jmpf",
  (x) => {
    const { selector, offset } = farTarget(x);
    x.control(farJump, selector, offset);
  },
  always,
);

define(
  "callf",
  (x) => {
    const { selector, offset } = farTarget(x);
    x.control(farCall, selector, offset, I32.const(x.operandSize));
  },
  always,
);
