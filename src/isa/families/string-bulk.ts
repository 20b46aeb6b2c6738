/**
 * The fast way through REP MOVS and REP STOS: as many iterations at once as lie in the current pages.
 *
 * It applies only where every one of these iterations is sure to succeed, that is to pages that the TLB maps and
 * to segments whose limit no offset exceeds, and never across the point where an offset wraps around.
 */
import { type I32, I64, select } from "../../wasm/value.js";
import { type Emit, Register } from "../emit.js";
import { Segment } from "../instruction.js";
import { ones } from "./integer.js";
import type { StringRun } from "./string.js";

const { RAX, RSI, RDI } = Register;

/** Elements that follow each other in one page. */
interface Piece {
  /** Host address of the first. */
  readonly host: I32;
  /** How many: up to the end of the page, or to where the offset wraps; 0 if they must be taken one by one. */
  readonly elements: I64;
}

const least = (x: Emit, a: I64, b: I64): I64 => x.let(select(a.ltU(b), a, b));

/** Elements of `bytes` bytes that fit in `distance`. */
const fit = (distance: I64, bytes: number): I64 => distance.shrU(Math.log2(bytes));

function piece(run: StringRun, segment: number | undefined, offset: I64, access: "read" | "write"): Piece {
  const { x, bytes } = run;
  const size = x.addressSize;
  // An element before this one has passed, so the segment allows the access: all that is left is its limit.
  const linear = x.segmentAddress(segment, offset, access, bytes);
  const host = x.mappedHost(linear, access);
  let room = x.let(I64.const(4096).sub(linear.and(4095)));
  if (size !== 64) room = least(x, room, x.let(I64.const(ones(size) + 1n).sub(offset)));
  let usable = host.ne(0);
  if (!x.long) usable = usable.and(x.segmentLimit(segment).toI64U().geU(ones(size)));
  return { host, elements: x.let(select(usable, fit(room, bytes), I64.const(0))) };
}

/** MOVS: copies up to `count` elements upwards; returns how many. */
export function copyRun(run: StringRun, count: I64): I64 {
  const { x, bytes } = run;
  const from = piece(run, undefined, run.source(), "read");
  const to = piece(run, Segment.ES, run.destination(), "write");
  // Elements that this run itself writes must be written before they are read.
  const ahead = x.let(fit(to.host.sub(from.host).toI64U(), bytes));
  const elements = least(x, least(x, from.elements, to.elements), least(x, count, ahead));
  const length = x.let(elements.mul(bytes));
  x.f.if(elements.ne(0), () => x.f.memoryCopy(to.host, from.host, length.toI32()));
  run.advance(RSI, length);
  run.advance(RDI, length);
  return elements;
}

/** STOS: fills up to `count` elements upwards; returns how many. */
export function fillRun(run: StringRun, count: I64): I64 {
  const { x, bytes, width } = run;
  const { f } = x;
  const to = piece(run, Segment.ES, run.destination(), "write");
  const value = x.let(x.readRegister(RAX, width));
  const elements = least(x, to.elements, count);
  const length = x.let(elements.mul(bytes));
  const low = x.let(value.and(0xff));
  f.if(elements.ne(0), () =>
    f.if(
      value.eq(low.mul(ones(width) / 0xffn)),
      () => f.memoryFill(to.host, low.toI32(), length.toI32()),
      () => {
        const at = f.local("i32");
        f.set(at, to.host);
        const end = x.let(to.host.add(length.toI32()));
        f.loop((again) => {
          f.storeInt(width, at.value, value);
          f.set(at, at.value.add(bytes));
          f.brIf(again, at.value.ltU(end));
        });
      },
    ),
  );
  run.advance(RDI, length);
  return elements;
}
