/**
 * Control instructions: control, status and tag word, environment and whole state (SDM vol. 1, 8.1.10, 8.3.11; vol. 2,
 * FSTENV, FSAVE). The images are laid out by helpers-x87-environment.ts.
 */
import { type Label, load } from "../../wasm/function.js";
import { I32, I64 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { FCS, FCW, FDP, FDS, FIP, FOP, FPR, FSW, FTW } from "../state.js";
import { faultIfX87Pending } from "./mmx-state.js";
import { Fsw, IMAGE } from "./x87-protocol.js";
import { x87Helper } from "./x87-stack.js";

/** Bits of FCW that can be written; bit 6 always reads as 1. */
const FCW_MASK = 0x1f3f;
const FCW_FIXED = 0x40;
/** FCW after FNINIT. */
const FCW_INITIAL = 0x37f;
/** The condition codes and TOP: what FNCLEX keeps. */
const FSW_KEPT = 0x7f00;

/** ES and B follow from flags and masks whenever one of them was loaded. */
export function updateSummary(x: Emit): void {
  const fsw = x.let(x.stateI32(FSW).and(~Fsw.PENDING));
  const unmasked = fsw.and(x.stateI32(FCW).xor(-1)).and(Fsw.EXCEPTIONS);
  x.setStateI32(FSW, fsw.or(unmasked.ne(0).mul(Fsw.PENDING)));
}

/** Loads the control word from the low 16 bits of a value. */
export function setControlWord(x: Emit, value: I32): void {
  x.setStateI32(FCW, value.and(FCW_MASK).or(FCW_FIXED));
}

/** The x87 state after FNINIT; the data registers keep what they hold. */
export function initialize(x: Emit): void {
  x.setStateI32(FCW, I32.const(FCW_INITIAL));
  for (const field of [FSW, FTW, FOP, FCS, FDS]) x.setStateI32(field, I32.const(0));
  for (const field of [FIP, FDP]) x.setStateI64(field, I64.const(0));
}

define("fninit", initialize);
define("fnclex", (x) => x.setStateI32(FSW, x.stateI32(FSW).and(FSW_KEPT)));
// Instructions of the 8087 and the 80287 that later processors accept and ignore.
define(["fneni", "fndisi", "fnsetpm"], () => {});

define("fnstcw", (x) => x.write(0, x.stateI32(FCW).toI64U()));
define("fnstsw", (x) => x.write(0, x.stateI32(FSW).toI64U()));

define("fldcw", (x) => {
  faultIfX87Pending(x);
  setControlWord(x, x.read(0).toI32());
  updateSummary(x);
});

/** (bytes of the environment): lays it out at IMAGE. */
const storeEnvironment = x87Helper("store_environment", 1);
/** (bytes of the environment): loads it from IMAGE, ES and B excepted. */
const loadEnvironment = x87Helper("load_environment", 1);

const environmentBytes = (x: Emit): number => (x.width(0) === 112 || x.width(0) === 752 ? 14 : 28);

/** Copies 14 or 28 bytes. */
function copyEnvironment(
  x: Emit,
  to: I32,
  toOffset: number,
  from: I32,
  fromOffset: number,
  bytes: number,
): void {
  let at = 0;
  for (; at + 8 <= bytes; at += 8) x.f.store(to, load.i64(from, fromOffset + at), toOffset + at);
  if (bytes - at >= 4) {
    x.f.store(to, load.i32(from, fromOffset + at), toOffset + at);
    at += 4;
  }
  if (bytes - at === 2) x.f.store16(to, load.i32_16u(from, fromOffset + at), toOffset + at);
}

/**
 * Linear address of operand 0, all of which can be accessed: an image spans two pages at most, so it is enough to try
 * its first field and its last byte (where silicon reports a fault of the second page).
 */
function probed(x: Emit, access: "read" | "write"): I64 {
  const linear = x.linearAddress(0, access);
  const fieldBytes = environmentBytes(x) === 14 ? 2 : 4;
  for (const [offset, bytes] of [
    [0, fieldBytes],
    [x.width(0) / 8 - 1, 1],
  ] as const) {
    const address = x.let(linear.add(offset));
    if (access === "read") x.hostRead(address, bytes);
    else x.hostUpdate(address, bytes, () => {});
  }
  return linear;
}

define("fnstenv", (x) => {
  const bytes = environmentBytes(x);
  const linear = probed(x, "write");
  x.run(storeEnvironment, I32.const(bytes));
  x.hostWrite(linear, bytes, (host) => copyEnvironment(x, host, 0, x.cpu, IMAGE, bytes));
  maskAll(x);
});

/** FNSTENV masks all exceptions after it has stored the environment. */
function maskAll(x: Emit): void {
  x.setStateI32(FCW, x.stateI32(FCW).or(Fsw.EXCEPTIONS));
  updateSummary(x);
}

define("fldenv", (x) => {
  faultIfX87Pending(x);
  const bytes = environmentBytes(x);
  const host = x.hostRead(probed(x, "read"), bytes);
  copyEnvironment(x, x.cpu, IMAGE, host, 0, bytes);
  x.run(loadEnvironment, I32.const(bytes));
  updateSummary(x);
});

/** Runs `body` for ST(0) to ST(7) with its number and the address of the register. */
export function eachRegister(x: Emit, body: (i: I32, register: I32) => void): void {
  const { f } = x;
  const top = x.let(x.stateI32(FSW).shrU(11));
  const i = f.local("i32");
  f.set(i, I32.const(0));
  f.loop((start: Label) => {
    body(i.value, x.let(x.cpu.add(top.add(i.value).and(7).shl(4)).add(FPR)));
    f.set(i, i.value.add(1));
    f.brIf(start, i.value.ltU(8));
  });
}

const REGISTER_BYTES = 10;

define("fnsave", (x) => {
  const { f } = x;
  const environment = environmentBytes(x);
  const linear = probed(x, "write");
  x.run(storeEnvironment, I32.const(environment));
  x.hostWrite(linear, environment, (host) => copyEnvironment(x, host, 0, x.cpu, IMAGE, environment));
  eachRegister(x, (i, register) => {
    const at = x.let(linear.add(environment).add(i.mul(REGISTER_BYTES).toI64U()));
    x.hostWrite(at, REGISTER_BYTES, (host) => {
      f.store(host, load.i64(register));
      f.store16(host, load.i32_16u(register, 8), 8);
    });
  });
  initialize(x);
});

define("frstor", (x) => {
  const { f } = x;
  faultIfX87Pending(x);
  const environment = environmentBytes(x);
  const linear = probed(x, "read");
  const image = x.hostRead(linear, environment);
  copyEnvironment(x, x.cpu, IMAGE, image, 0, environment);
  x.run(loadEnvironment, I32.const(environment));
  updateSummary(x);
  eachRegister(x, (i, register) => {
    const at = x.let(linear.add(environment).add(i.mul(REGISTER_BYTES).toI64U()));
    const host = x.hostRead(at, REGISTER_BYTES);
    f.store(register, load.i64(host));
    f.store(register, load.i64_16u(host, 8), 8);
  });
});
