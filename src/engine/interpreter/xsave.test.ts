/**
 * The XSAVE feature set (isa/families/xsave.ts) by the manual: SDM vol. 1, 13.4 (layout), 13.6-13.12 (operation).
 * Each instruction is generated alone and runs on identity-mapped memory.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { definitionOf, Vector } from "../../isa/emit.js";
import type { Helper } from "../../isa/helper.js";
import {
  BOUNCE,
  CPL,
  CR0,
  CR4,
  FCW,
  FIP,
  FPR,
  FSW,
  FTW,
  GPR,
  MXCSR,
  PENDING,
  STATE_SIZE,
  TLB_READ,
  TLB_WRITE,
  XCR0,
  YMM,
  ZERO,
} from "../../isa/state.js";
import { ModuleBuilder } from "../../wasm/module.js";
import { InterpreterEmit } from "./emit.js";
import { Record } from "./record.js";
import type { Runtime } from "./runtime.js";
import "../../isa/families/fxsave.js";
import "../../isa/families/xsave.js";

const RECORD = 0x800;
const CPU = 0x1000;
const TLB = 0x4000;
/** The area starts 512 bytes before the end of a page, so that its header lies on the next one. */
const AREA = 0x8e00;
const UNMAPPED = 0xf000;

const memory = new WebAssembly.Memory({ initial: 1 });
const view = new DataView(memory.buffer);
const bytes = new Uint8Array(memory.buffer);

type Instruction = (cpu: number, record: number) => void;
const mnemonics = ["fxsave", "fxrstor", "xsave", "xsaveopt", "xsavec", "xsaves", "xrstor", "xrstors"];

/** All instructions in 64-bit mode, with REX.W, and outside of it (`name.32`). */
function instantiate(): Record<string, Instruction> {
  const m = new ModuleBuilder();
  const unused = m.import("engine", "unused", [], []);
  const intercept = m.import("helper", "interceptXsaves", ["i32", "i32"], []);
  const runtime: Runtime = {
    flags: { carry: unused, overflow: unused, all: unused },
    resolve: m.import("engine", "resolve", ["i32", "i32", "i64", "i32"], ["i32"]),
    commit: m.import("engine", "commit", ["i32"], []),
    operandAddress: m.import("engine", "operandAddress", ["i32", "i32", "i64", "i32"], ["i64"]),
    checkSegment: m.import("engine", "checkSegment", ["i32", "i64", "i32", "i32"], ["i64"]),
    sync: m.import("engine", "sync", ["i32", "i32"], []),
    // Only for hypervisors, of which there is none.
    helper: ({ name }: Helper) => (name === "interceptXsaves" ? intercept : assert.fail(`helper ${name}`)),
    library: ({ name }) => assert.fail(`library function ${name}`),
    bounce: BOUNCE,
  };
  for (const mnemonic of mnemonics) {
    for (const long of [true, false]) {
      const shape = {
        mnemonic,
        operands: [{ kind: "mem", width: 0 }],
        operandSize: long ? 64 : 32,
        addressSize: long ? 64 : 32,
        long,
        rep: 0,
        vex: false,
        aligned: false,
      } as const;
      const body = m.function(["i32", "i32"], [], (f) => {
        const end = () => f.return();
        const exits = { next: end, jump: end, leave: end, fault: end, control: end };
        definitionOf(mnemonic)!.emit(
          new InterpreterEmit(shape, f, f.param("i32", 0), f.param("i32", 1), runtime, exits),
        );
      });
      m.export(long ? mnemonic : `${mnemonic}.32`, body);
    }
  }
  const engine = {
    unused: () => {},
    sync: () => {},
    resolve: () => {
      view.setInt32(CPU + PENDING, Vector.PF, true);
      return 0;
    },
    commit: () => {},
    operandAddress: (_cpu: number, _record: number, raw: bigint) => raw,
    checkSegment: (_cpu: number, offset: bigint) => offset,
  };
  const module = new WebAssembly.Module(m.build());
  return new WebAssembly.Instance(module, {
    env: { memory },
    engine,
    helper: { interceptXsaves: () => assert.fail() },
  }).exports as Record<string, Instruction>;
}

const instructions = instantiate();

const field = (offset: number) => view.getUint32(CPU + offset, true);
const setField = (offset: number, value: number) => view.setUint32(CPU + offset, value, true);
const xstate = () => view.getBigUint64(AREA + 512, true);
const setXstate = (value: bigint) => view.setBigUint64(AREA + 512, value, true);
const xcomp = () => view.getBigUint64(AREA + 520, true);
const setXcomp = (value: bigint) => view.setBigUint64(AREA + 520, value, true);
const COMPACTED = 1n << 63n;

/** Runs an instruction with EDX:EAX = `mask`; returns the exception that it raised, or -1. */
function run(name: string, mask: number, address = AREA): number {
  view.setBigUint64(CPU + GPR, BigInt(mask), true);
  view.setInt32(RECORD + Record.displacement, address, true);
  view.setInt32(CPU + PENDING, -1, true);
  instructions[name]!(CPU, RECORD);
  return view.getInt32(CPU + PENDING, true);
}

/** Everything in use: x87 with three registers, all vector registers. */
function fillState(): void {
  setField(FCW, 0x27f);
  setField(FSW, 0x2800);
  setField(FTW, 0xe0);
  view.setBigUint64(CPU + FIP, 0x123456789abcn, true);
  for (let i = 0; i < 8; i++) {
    view.setBigUint64(CPU + FPR + i * 16, 0x8000000000000000n + BigInt(i), true);
    view.setUint16(CPU + FPR + i * 16 + 8, 0x3fff + i, true);
  }
  for (let at = 0; at < 16 * 32; at++) view.setUint8(CPU + YMM + at, 1 + ((at * 7) % 255));
  setField(MXCSR, 0x1fa0);
}

function initialState(): void {
  bytes.fill(0, CPU, CPU + STATE_SIZE);
  setField(TLB_READ, TLB);
  setField(TLB_WRITE, TLB);
  setField(CR4, 0x40000);
  setField(XCR0, 7);
  setField(FCW, 0x37f);
  setField(MXCSR, 0x1f80);
}

const snapshot = () => Buffer.from(bytes.subarray(CPU + FCW, CPU + YMM + 512)).toString("hex") + field(MXCSR);

beforeEach(() => {
  bytes.fill(0);
  for (let page = 0; page < 16; page++) {
    view.setBigUint64(TLB + page * 16, page * 4096 === UNMAPPED ? 1n << 40n : BigInt(page * 4096), true);
  }
  for (const offset of [Record.base, Record.index, Record.segmentBase]) {
    view.setUint16(RECORD + offset, ZERO, true);
  }
  initialState();
});

test("XSAVE stores the standard format, XRSTOR loads it", () => {
  fillState();
  bytes.fill(0xcc, AREA, AREA + 832);
  setXstate(0n);
  setXcomp(0n);
  view.setBigUint64(AREA + 528, 0n, true);
  assert.equal(run("xsave", 7), -1);
  assert.equal(view.getUint16(AREA, true), 0x27f);
  assert.equal(view.getUint16(AREA + 2, true), 0x2800);
  assert.equal(view.getUint8(AREA + 4), 0xe0);
  assert.equal(view.getBigUint64(AREA + 8, true), 0x123456789abcn);
  assert.equal(view.getUint32(AREA + 24, true), 0x1fa0);
  assert.equal(view.getUint32(AREA + 28, true), 0xffff);
  // ST(0) is R5.
  assert.equal(view.getBigUint64(AREA + 32, true), 0x8000000000000005n);
  assert.deepEqual(bytes.slice(AREA + 160, AREA + 176), bytes.slice(CPU + YMM, CPU + YMM + 16));
  assert.deepEqual(bytes.slice(AREA + 400, AREA + 416), bytes.slice(CPU + YMM + 480, CPU + YMM + 496));
  assert.deepEqual(bytes.slice(AREA + 816, AREA + 832), bytes.slice(CPU + YMM + 496, CPU + YMM + 512));
  assert.ok(
    bytes.slice(AREA + 416, AREA + 512).every((byte) => byte === 0xcc),
    "left to software",
  );
  assert.ok(
    bytes.slice(AREA + 536, AREA + 576).every((byte) => byte === 0xcc),
    "rest of the header",
  );
  assert.equal(xstate(), 7n);
  assert.equal(xcomp(), 0n);
  const before = snapshot();
  initialState();
  assert.equal(run("xrstor", 7), -1);
  assert.equal(snapshot(), before);
});

test("XSAVE keeps the XSTATE_BV bits of components not requested, and their memory", () => {
  fillState();
  setXstate(0x205n);
  assert.equal(run("xsave", 2), -1);
  assert.equal(xstate(), 0x207n);
  assert.equal(view.getUint16(AREA, true), 0);
  assert.equal(view.getUint32(AREA + 24, true), 0x1fa0);
  assert.equal(view.getUint8(AREA + 576), 0);
  // AVX alone saves MXCSR too, x87 alone does not.
  view.setUint32(AREA + 24, 0, true);
  run("xsave", 1);
  assert.equal(view.getUint32(AREA + 24, true), 0);
  run("xsave", 4);
  assert.equal(view.getUint32(AREA + 24, true), 0x1fa0);
});

test("components that XCR0 lacks are not touched", () => {
  fillState();
  setField(XCR0, 3);
  assert.equal(run("xsave", 7), -1);
  assert.equal(xstate(), 3n);
  assert.equal(view.getUint8(AREA + 576), 0);
});

test("a component in its initial configuration clears its bit; only XSAVE writes it", () => {
  view.setBigUint64(CPU + YMM + 16, 1n, true);
  bytes.fill(0xcc, AREA, AREA + 512);
  assert.equal(run("xsaveopt", 7), -1);
  assert.equal(xstate(), 4n);
  assert.equal(view.getUint16(AREA, true), 0xcccc);
  assert.equal(view.getUint8(AREA + 160), 0xcc);
  assert.equal(view.getUint32(AREA + 24, true), 0x1f80, "MXCSR");
  assert.equal(view.getUint8(AREA + 576), 1);
  assert.equal(run("xsave", 7), -1);
  assert.equal(xstate(), 4n);
  assert.equal(view.getUint16(AREA, true), 0x37f);
  assert.equal(view.getUint8(AREA + 160), 0);
});

test("the contents of empty x87 registers count: MMX code leaves them after EMMS", () => {
  view.setBigUint64(CPU + FPR + 48, 5n, true);
  run("xsaveopt", 7);
  assert.equal(xstate(), 1n);
});

test("XSAVEC writes XCOMP_BV, and counts MXCSR to SSE", () => {
  assert.equal(run("xsavec", 5), -1);
  assert.equal(xcomp(), COMPACTED | 5n);
  assert.equal(xstate(), 0n);
  setField(MXCSR, 0x1fa0);
  view.setUint8(AREA + 160, 0xcc);
  assert.equal(run("xsavec", 7), -1);
  assert.equal(xstate(), 2n);
  assert.equal(view.getUint32(AREA + 24, true), 0x1fa0);
  assert.equal(view.getUint8(AREA + 160), 0);
  view.setUint32(AREA + 24, 0, true);
  run("xsavec", 4);
  assert.equal(view.getUint32(AREA + 24, true), 0, "not with AVX alone");
});

test("XSAVES and XRSTORS at privilege level 0 only; XRSTORS takes the compacted format only", () => {
  fillState();
  const before = snapshot();
  assert.equal(run("xsaves", 7), -1);
  assert.equal(xcomp(), COMPACTED | 7n);
  initialState();
  assert.equal(run("xrstors", 7), -1);
  assert.equal(snapshot(), before);
  setField(CPL, 3);
  assert.equal(run("xsaves", 7), Vector.GP);
  assert.equal(run("xrstors", 7), Vector.GP);
  setField(CPL, 0);
  setXcomp(0n);
  assert.equal(run("xrstors", 7), Vector.GP);
});

test("XRSTOR resets requested components whose XSTATE_BV bit is clear, and leaves the others", () => {
  fillState();
  view.setUint32(AREA + 24, 0x1f00, true);
  assert.equal(run("xrstor", 1), -1);
  assert.equal(field(FCW), 0x37f);
  assert.equal(field(FSW), 0);
  assert.equal(view.getBigUint64(CPU + FPR + 16, true), 0n);
  assert.equal(field(MXCSR), 0x1fa0);
  assert.notEqual(field(YMM), 0);
  // Standard format: MXCSR is loaded although the registers are reset.
  assert.equal(run("xrstor", 2), -1);
  assert.equal(field(YMM), 0);
  assert.notEqual(field(YMM + 16), 0);
  assert.equal(field(MXCSR), 0x1f00);
  // Compacted: MXCSR is reset with SSE.
  setXcomp(COMPACTED | 6n);
  assert.equal(run("xrstor", 6), -1);
  assert.equal(field(YMM + 16), 0);
  assert.equal(field(MXCSR), 0x1f80);
});

test("XRSTOR raises #GP for what the manual forbids, and changes nothing", () => {
  fillState();
  const before = snapshot();
  const refuses = (why: string, prepare: () => void) => {
    bytes.fill(0, AREA, AREA + 832);
    prepare();
    assert.equal(run("xrstor", 7), Vector.GP, why);
    assert.equal(snapshot(), before, why);
  };
  refuses("XSTATE_BV beyond XCR0", () => setXstate(8n));
  refuses("XCOMP_BV in the standard format", () => setXcomp(1n));
  refuses("bytes 16-23 of the header", () => view.setUint8(AREA + 512 + 23, 1));
  refuses("XCOMP_BV beyond XCR0", () => setXcomp(COMPACTED | 8n));
  refuses("XSTATE_BV beyond XCOMP_BV", () => {
    setXcomp(COMPACTED | 1n);
    setXstate(2n);
  });
  refuses("bytes 24-63 of the header in the compacted format", () => {
    setXcomp(COMPACTED | 7n);
    view.setUint8(AREA + 512 + 63, 1);
  });
  refuses("reserved bits of MXCSR", () => view.setUint32(AREA + 24, 0x10000, true));
  bytes.fill(0, AREA, AREA + 832);
  view.setUint8(AREA + 512 + 24, 1);
  assert.equal(run("xrstor", 7), -1, "bytes 24-63 are ignored in the standard format");
});

test("FXRSTOR and XRSTOR find the pending exception anew from flags and masks", () => {
  for (const name of ["fxrstor", "xrstor"]) {
    view.setUint16(AREA, 0x37e, true);
    view.setUint16(AREA + 2, 0x0001, true);
    view.setUint32(AREA + 24, 0x1f80, true);
    setXstate(1n);
    assert.equal(run(name, 7), -1);
    assert.equal(field(FSW), 0x8081, name);
    initialState();
  }
});

test("alignment, CR4.OSXSAVE, CR0.TS", () => {
  for (const name of ["xsave", "xsaveopt", "xsavec", "xsaves", "xrstor", "xrstors"]) {
    setField(CR0, 8);
    assert.equal(run(name, 7), Vector.NM, name);
    setField(CR4, 0);
    assert.equal(run(name, 7), Vector.UD, name);
    initialState();
    assert.equal(run(name, 7, AREA + 32), Vector.GP, name);
  }
  assert.equal(run("fxsave", 7, AREA + 8), Vector.GP);
  assert.equal(run("fxrstor", 7, AREA + 8), Vector.GP);
});

test("a page fault anywhere changes nothing", () => {
  // The header is the first to lie on the missing page, then the AVX component.
  for (const area of [UNMAPPED - 512, UNMAPPED - 640, UNMAPPED]) {
    fillState();
    const before = snapshot();
    bytes.fill(0xcc, area, UNMAPPED);
    if (area + 576 <= UNMAPPED) {
      bytes.fill(0, area + 512, area + 576);
      view.setUint8(area + 512, 7);
      view.setUint32(area + 24, 0x1f80, true);
    }
    const image = Buffer.from(bytes.subarray(area, area + 832)).toString("hex");
    for (const name of ["xsave", "xsavec", "xrstor"]) {
      assert.equal(run(name, 7, area), Vector.PF, name);
      assert.equal(snapshot(), before, name);
      assert.equal(Buffer.from(bytes.subarray(area, area + 832)).toString("hex"), image, name);
    }
  }
});

test("outside 64-bit mode only eight registers exist, and pointers have 32 bits", () => {
  fillState();
  assert.equal(run("xsave.32", 7), -1);
  assert.equal(view.getBigUint64(AREA + 8, true), 0x56789abcn);
  assert.notEqual(view.getUint8(AREA + 160 + 127), 0);
  assert.equal(view.getUint8(AREA + 160 + 128), 0);
  assert.notEqual(view.getUint8(AREA + 576 + 127), 0);
  assert.equal(view.getUint8(AREA + 576 + 128), 0);
  setXstate(0n);
  assert.equal(run("xrstor.32", 6), -1);
  assert.equal(field(YMM + 7 * 32), 0);
  assert.notEqual(field(YMM + 8 * 32), 0);
});
