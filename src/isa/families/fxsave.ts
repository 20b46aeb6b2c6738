/**
 * FXSAVE and FXRSTOR (SDM vol. 2; vol. 1, 10.5). With REX.W the instruction and data pointers have 64 bits.
 *
 * With EFER.FFXSR (AMD64 manual, vol. 2, 11.4.4) they leave out the XMM registers at privilege level 0 in 64-bit mode.
 */
import { define, type Emit } from "../emit.js";
import { CPL, EFER, MXCSR } from "../state.js";
import {
  Area,
  areaAddress,
  checkedMxcsr,
  LOW,
  loadVectors,
  loadX87,
  probe,
  saveMxcsr,
  saveVectors,
  saveX87,
} from "./xsave-area.js";

const ALIGNMENT = 16;
const FFXSR = 0x4000;
const options = { addressSize: true, operandSize: true, long: true };

function withVectors(x: Emit, body: () => void): void {
  const fast = x.stateI32(EFER).and(FFXSR).ne(0).and(x.stateI32(CPL).eqz());
  if (x.long) x.f.if(fast.eqz(), body);
  else body();
}

/** Address of the image; both pages that it may lie in can be accessed. */
function imageAddress(x: Emit, access: "read" | "write"): ReturnType<typeof areaAddress> {
  const linear = areaAddress(x, access, Area.legacy, ALIGNMENT);
  // In this order, as the address that a page fault reports on silicon shows.
  probe(x, linear, Area.legacy - 1, access);
  probe(x, linear, 0, access);
  return linear;
}

define(
  "fxsave",
  (x) => {
    const linear = imageAddress(x, "write");
    saveX87(x, linear);
    saveMxcsr(x, linear);
    withVectors(x, () => saveVectors(x, linear, Area.xmm, LOW));
  },
  options,
);

define(
  "fxrstor",
  (x) => {
    const linear = imageAddress(x, "read");
    x.setStateI32(MXCSR, checkedMxcsr(x, linear));
    loadX87(x, linear);
    withVectors(x, () => loadVectors(x, linear, Area.xmm, LOW));
  },
  options,
);
