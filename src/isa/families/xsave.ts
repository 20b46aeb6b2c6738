/**
 * The XSAVE feature set: XSAVE XSAVEOPT XSAVEC XSAVES XRSTOR XRSTORS for the x87, SSE and AVX components (SDM vol. 1,
 * chapter 13; vol. 2).
 *
 * Whether a component is in use follows from its contents (the init optimization); the modified optimization, which is
 * the processor's choice, is not done. IA32_XSS is 0: there are no supervisor components.
 */
import { I32, I64 } from "../../wasm/value.js";
import { define, type Emit, Register, Vector } from "../emit.js";
import { helper } from "../helper.js";
import { CPL, CR0, CR4, INTERCEPTING, Intercepting, MXCSR, XCR0 } from "../state.js";
import {
  Area,
  areaAddress,
  checkedMxcsr,
  componentsInUse,
  HIGH,
  LOW,
  loadVectors,
  loadX87,
  MXCSR_INITIAL,
  probe,
  resetVectors,
  resetX87,
  saveMxcsr,
  saveVectors,
  saveX87,
  vectorBytes,
} from "./xsave-area.js";

/** Bits of XCR0, XSTATE_BV and XCOMP_BV. */
const X87 = 1;
const SSE = 2;
const AVX = 4;
/** XCOMP_BV: the area has the compacted format. */
const COMPACTED = 1n << 63n;

const ALIGNMENT = 64;
const TS = 8;
const OSXSAVE = 0x40000;
const options = { addressSize: true, operandSize: true, long: true };

const XSTATE_BV = Area.header;
const XCOMP_BV = Area.header + 8;

const at = (x: Emit, linear: I64, offset: number): I64 => x.let(linear.add(offset));
const has = (set: I32, component: number): I32 => set.and(component);
const generalProtection = (x: Emit, condition: I32): void => x.f.if(condition, () => x.fault(Vector.GP, 0));

/** What has to hold before anything else. */
/** A hypervisor can take XSAVES and XRSTORS away. */
const interceptXsaves = helper("interceptXsaves");

function checkAvailable(x: Emit, supervisor: boolean): void {
  x.f.if(x.stateI32(CR4).and(OSXSAVE).eqz(), () => x.fault(Vector.UD));
  x.f.if(x.stateI32(CR0).and(TS), () => x.fault(Vector.NM));
  if (supervisor) {
    generalProtection(x, x.stateI32(CPL));
    x.f.if(x.stateI32(INTERCEPTING).and(Intercepting.xsaves), () => x.run(interceptXsaves));
  }
}

/** The requested-feature bitmap, EDX:EAX and XCR0, of which only the components here matter. Fixed. */
function requested(x: Emit): I32 {
  const eax = x.readRegister(Register.RAX, 32).toI32();
  return x.let(eax.and(x.stateI32(XCR0)).and(X87 | SSE | AVX));
}

/** Address of the area, whose legacy region and header lie within the segment. */
function area(x: Emit, access: "read" | "write"): I64 {
  return areaAddress(x, access, Area.header + Area.headerBytes, ALIGNMENT);
}

/** Tries all pages that hold the header and, if they are to be accessed, the legacy region and the AVX component. */
function probeComponents(x: Emit, linear: I64, access: "read" | "write", legacy: I32, avx: I32): void {
  x.f.if(legacy, () => probe(x, linear, 0, access));
  probe(x, linear, Area.header, access);
  x.f.if(avx, () => {
    const last = Area.avx + vectorBytes(x) - 1;
    if (!x.long) x.segmentAddress(undefined, x.let(x.effectiveAddress().add(last)), access, 1);
    probe(x, linear, last, access);
  });
}

interface SaveForm {
  /** Components in their initial configuration are not written. */
  readonly initOptimization: boolean;
  readonly compacted: boolean;
  readonly supervisor: boolean;
}

function save(x: Emit, { initOptimization, compacted, supervisor }: SaveForm): void {
  const { f } = x;
  checkAvailable(x, supervisor);
  const rfbm = requested(x);
  const linear = area(x, "write");
  let inUse = componentsInUse(x);
  if (compacted) {
    // MXCSR belongs to the SSE component here; in the standard format it is saved for SSE and AVX alike.
    inUse = x.let(inUse.or(x.stateI32(MXCSR).ne(MXCSR_INITIAL).shl(1)));
  }
  const used = x.let(inUse.and(rfbm));
  const written = initOptimization ? used : rfbm;
  const mxcsr = compacted ? has(written, SSE) : has(rfbm, SSE | AVX);
  probeComponents(x, linear, "write", has(written, X87 | SSE).or(mxcsr), has(written, AVX));

  f.if(has(written, X87), () => saveX87(x, linear));
  f.if(mxcsr, () => saveMxcsr(x, linear));
  f.if(has(written, SSE), () => saveVectors(x, linear, Area.xmm, LOW));
  f.if(has(written, AVX), () => saveVectors(x, linear, Area.avx, HIGH));
  if (compacted) {
    x.store(64, at(x, linear, XSTATE_BV), used.toI64U());
    x.store(64, at(x, linear, XCOMP_BV), rfbm.toI64U().or(COMPACTED));
  } else {
    const field = at(x, linear, XSTATE_BV);
    const others = x.load(64, field).and(rfbm.toI64U().not());
    x.store(64, field, others.or(used.toI64U()));
  }
}

define("xsave", (x) => save(x, { initOptimization: false, compacted: false, supervisor: false }), options);
define("xsaveopt", (x) => save(x, { initOptimization: true, compacted: false, supervisor: false }), options);
define("xsavec", (x) => save(x, { initOptimization: true, compacted: true, supervisor: false }), options);
define("xsaves", (x) => save(x, { initOptimization: true, compacted: true, supervisor: true }), options);

/** The OR of quadwords of the header: their offsets in the area from `first` to before `end`. */
function headerOr(x: Emit, linear: I64, first: number, end: number): I64 {
  let sum: I64 = I64.const(0);
  for (let offset = first; offset < end; offset += 8) sum = sum.or(x.load(64, at(x, linear, offset)));
  return sum;
}

function restore(x: Emit, supervisor: boolean): void {
  const { f } = x;
  checkAvailable(x, supervisor);
  const rfbm = requested(x);
  const linear = area(x, "read");
  const xstate = x.load(64, at(x, linear, XSTATE_BV));
  const xcomp = x.load(64, at(x, linear, XCOMP_BV));
  const compacted = x.let(xcomp.ltS(0));
  const xcr0 = x.stateI64(XCR0);
  const headerEnd = Area.header + Area.headerBytes;
  f.if(
    compacted,
    () => {
      const components = x.let(xcomp.and(~COMPACTED));
      generalProtection(x, components.and(xcr0.not()).or(xstate.and(components.not())).ne(0));
      generalProtection(x, headerOr(x, linear, XCOMP_BV + 8, headerEnd).ne(0));
    },
    () => {
      if (supervisor) x.fault(Vector.GP, 0);
      generalProtection(x, xstate.and(xcr0.not()).ne(0));
      generalProtection(x, headerOr(x, linear, XCOMP_BV, XCOMP_BV + 16).ne(0));
    },
  );

  const loaded = x.let(rfbm.and(xstate.toI32()));
  const reset = x.let(rfbm.and(xstate.toI32().xor(-1)));
  // In the standard format MXCSR comes from memory whatever XSTATE_BV says.
  const mxcsrLoaded = x.let(
    compacted.and(has(loaded, SSE).ne(0)).or(compacted.eqz().and(has(rfbm, SSE | AVX).ne(0))),
  );
  probeComponents(x, linear, "read", has(loaded, X87 | SSE).or(mxcsrLoaded), has(loaded, AVX));
  const mxcsr = f.choose(
    "i32",
    mxcsrLoaded,
    () => checkedMxcsr(x, linear),
    () =>
      f.choose(
        "i32",
        has(reset, SSE),
        () => I32.const(MXCSR_INITIAL),
        () => x.stateI32(MXCSR),
      ),
  );

  x.setStateI32(MXCSR, mxcsr);
  f.if(has(loaded, X87), () => loadX87(x, linear));
  f.if(has(reset, X87), () => resetX87(x));
  f.if(has(loaded, SSE), () => loadVectors(x, linear, Area.xmm, LOW));
  f.if(has(reset, SSE), () => resetVectors(x, LOW));
  f.if(has(loaded, AVX), () => loadVectors(x, linear, Area.avx, HIGH));
  f.if(has(reset, AVX), () => resetVectors(x, HIGH));
}

define("xrstor", (x) => restore(x, false), options);
define("xrstors", (x) => restore(x, true), options);
