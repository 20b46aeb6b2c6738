/** Port input and output: IN OUT INS OUTS (SDM vol. 2). */
import { I32, I64, select } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { Flag } from "../flags.js";
import { helper } from "../helper.js";
import { Segment } from "../instruction.js";
import { FLAG_OTHERS } from "../state.js";

const { RCX, RSI, RDI } = Register;

/** (port, bytes, 1 if the port is an immediate) -> value */
const portIn = helper("portIn", ["i32", "i32", "i32"], "i32");
/** (port, bytes, value, 1 if the port is an immediate) */
const portOut = helper("portOut", ["i32", "i32", "i32", "i32"]);
/** (access word, see cpu/port-string.ts) */
const checkPortString = helper("checkPortString", ["i32"]);
/** (linear address, access word) */
const portStringIn = helper("portStringIn", ["i64", "i32"]);
const portStringOut = helper("portStringOut", ["i64", "i32"]);

const ends = { endsBlock: true } as const;
const immediateFlag = (x: Emit, i: number): I32 => I32.const(x.operands[i]!.kind === "imm" ? 1 : 0);

define(
  "in",
  (x) => {
    const port = x.read(1).toI32();
    const value = x.call(portIn, port, I32.const(x.width(0) / 8), immediateFlag(x, 1));
    x.write(0, value.toI64U());
  },
  ends,
);

define(
  "out",
  (x) => {
    const port = x.read(0).toI32();
    x.run(portOut, port, I32.const(x.width(1) / 8), x.read(1).toI32(), immediateFlag(x, 0));
  },
  ends,
);

/** One element; then the index register moves. */
function element(x: Emit, write: boolean, access: I32): void {
  const bytes = x.width(0) / 8;
  const pointer = write ? RSI : RDI;
  const size = x.addressSize;
  x.run(checkPortString, access);
  const offset = x.let(x.readRegister(pointer, size));
  if (write) x.run(portStringOut, x.segmentAddress(undefined, offset, "read", bytes), access);
  else x.run(portStringIn, x.segmentAddress(Segment.ES, offset, "write", bytes), access);
  const down = x.stateI32(FLAG_OTHERS).and(Flag.DF);
  x.writeRegister(pointer, size, offset.add(select(down, I64.const(-bytes), I64.const(bytes))));
}

for (const [mnemonic, write] of [
  ["ins", false],
  ["outs", true],
] as const) {
  define(
    mnemonic,
    (x) => {
      const { f } = x;
      const size = x.addressSize;
      const rep = x.shape.rep !== 0;
      const access = I32.const((x.width(0) / 8) | (rep ? 0x10 : 0) | (size << 8));
      if (!rep) {
        element(x, write, access);
        return;
      }
      f.if(x.readRegister(RCX, size).ne(0), () => {
        element(x, write, access);
        x.writeRegister(RCX, size, x.readRegister(RCX, size).sub(1));
        // Devices see every element at its own time: the rest is executed anew.
        f.if(x.readRegister(RCX, size).ne(0), () => x.restart());
      });
    },
    { addressSize: true, long: true, rep: true, endsBlock: true },
  );
}
