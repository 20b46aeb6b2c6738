/**
 * CMPXCHG8B and CMPXCHG16B: compare and exchange twice the width of a register (SDM vol. 2).
 *
 * Memory is written in every case, with its old value if the comparison failed. Only ZF changes.
 */
import { load } from "../../wasm/function.js";
import { type I64, select } from "../../wasm/value.js";
import { define, type Emit, Register, Vector } from "../emit.js";
import { Flag } from "../flags.js";

const { RAX, RBX, RCX, RDX } = Register;

function setZero(x: Emit, equal: I64): void {
  x.flags.replace(Flag.ZF, equal.shl(6));
}

define("cmpxchg8b", (x) => {
  const pair = (high: number, low: number) =>
    x.let(x.readRegister(high, 32).shl(32).or(x.readRegister(low, 32)));
  const expected = pair(RDX, RAX);
  const replacement = pair(RCX, RBX);
  x.update(0, (old) => {
    const equal = x.let(old.eq(expected));
    setZero(x, equal.toI64U());
    x.f.if(equal.eqz(), () => {
      x.writeRegister(RAX, 32, old);
      x.writeRegister(RDX, 32, old.shrU(32));
    });
    return select(equal, replacement, old);
  });
});

define("cmpxchg16b", (x) => {
  const linear = x.linearAddress(0, "write", 16);
  x.f.if(linear.and(15).ne(0), () => x.fault(Vector.GP, 0));
  const register = (number: number) => x.let(x.readRegister(number, 64));
  x.hostUpdate(linear, 16, (host) => {
    const low = x.let(load.i64(host));
    const high = x.let(load.i64(host, 8));
    const equal = x.let(low.eq(register(RAX)).and(high.eq(register(RDX))));
    setZero(x, equal.toI64U());
    x.f.store(host, select(equal, register(RBX), low));
    x.f.store(host, select(equal, register(RCX), high), 8);
    x.f.if(equal.eqz(), () => {
      x.writeRegister(RAX, 64, low);
      x.writeRegister(RDX, 64, high);
    });
  });
});
