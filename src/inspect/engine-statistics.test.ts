import assert from "node:assert/strict";
import { test } from "node:test";
import { TranslatorStatistics } from "../engine/translator/statistics.js";
import { engineStatistics, interpretedShare } from "./engine-statistics.js";

const counted = {
  exceptions: 12,
  interrupts: 1234567,
  vmExits: 0,
  decodedInstructions: 4096,
  codeFlushes: 1,
};

test("without a translator: what was decoded, numbers under each other", () => {
  assert.deepEqual(engineStatistics({ ...counted, translator: undefined }, 1e9), [
    "exceptions                                      12",
    "interrupts                               1,234,567",
    "VM exits                                         0",
    "decoded instructions                         4,096",
    "times that all decoded code was dropped          1",
  ]);
});

test("with a translator: shares, sizes and times with their units", () => {
  const translator = Object.assign(new TranslatorStatistics(), {
    regions: 20,
    inLocals: 4,
    modules: 2,
    instructions: 1500,
    bytes: 3 * 1024 * 1024,
    invalidated: 1,
    flushes: 0,
    handedOver: 3,
    samples: 100,
    emitting: 12.4,
    compiling: 1200,
  });
  assert.deepEqual(engineStatistics({ ...counted, translator }, 4_096_000).slice(5), [
    "executed by translated code                    90.0 % (estimated from samples)",
    "executed by the interpreter                    10.0 %",
    "translated regions                               20",
    "of these with registers in locals                 4",
    "translated instructions                       1,500",
    "blocks with a part for the interpreter            3",
    "modules                                           2",
    "WebAssembly                                     3.0 MiB",
    "host time to find and emit                       12 ms",
    "host time to compile                          1,200 ms (without what V8 does in the background)",
    "regions whose code was overwritten                1",
    "times that all translations were dropped          0",
  ]);
});

test("the interpreter's share is never more than all", () => {
  assert.equal(interpretedShare(0, 0), 0);
  assert.equal(interpretedShare(1000, 4096), 1);
});
