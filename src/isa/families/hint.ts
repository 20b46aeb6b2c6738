/**
 * Instructions that change nothing a program can see: NOP and the hints, cache control, fences; and the
 * undefined ones (SDM vol. 2, UD).
 */
import { define, Vector } from "../emit.js";
import { helper } from "../helper.js";
import { INTERCEPTING, Intercepting } from "../state.js";

define([
  "nop",
  "endbr32",
  "endbr64",
  "prefetch",
  "prefetchw",
  "prefetchwt1",
  "prefetchnta",
  "prefetcht0",
  "prefetcht1",
  "prefetcht2",
  "cldemote",
  // Memory accesses happen in program order here.
  "lfence",
  "mfence",
  "sfence",
], () => {});

// Nobody else runs while this processor spins; only a hypervisor may want to know.
const interceptPause = helper("interceptPause");
define("pause", (x) => {
  x.f.if(x.stateI32(INTERCEPTING).and(Intercepting.pause), () => x.run(interceptPause));
});

// There is no cache to flush, but the address is checked as for a load of one byte.
define(["clflush", "clflushopt", "clwb"], (x) => {
  x.hostRead(x.linearAddress(0, "read", 1), 1);
});

define(["ud0", "ud1", "ud2"], (x) => x.fault(Vector.UD));
