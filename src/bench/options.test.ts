import assert from "node:assert/strict";
import { test } from "node:test";
import { kernelNames } from "./kernels.js";
import { parseBenchOptions } from "./options.js";

test("without options: three boots, one round of all kernels", () => {
  const options = parseBenchOptions([]);
  assert.ok(options?.boot);
  assert.deepEqual(options.kernels, kernelNames);
  assert.deepEqual([options.bootRounds, options.kernelRounds, options.scale, options.bits], [3, 1, 5, 64]);
});

test("a part only", () => {
  assert.deepEqual(parseBenchOptions(["--only", "boot"])?.kernels, []);
  assert.equal(parseBenchOptions(["--only", "kernels"])?.boot, false);
  const nested = parseBenchOptions(["--only", "vmx"]);
  assert.deepEqual([nested?.vmx, nested?.boot, nested?.kernels], [true, false, []]);
  const some = parseBenchOptions(["--kernels", "sha256,sieve", "--rounds", "2", "--scale=1"]);
  assert.deepEqual(
    [some?.boot, some?.kernels, some?.kernelRounds, some?.scale],
    [false, ["sieve", "sha256"], 2, 1],
  );
});

test("wrong use is told in a sentence", () => {
  assert.throws(() => parseBenchOptions(["--kernels", "seive"]), {
    name: "UsageError",
    message: /did you mean sieve/,
  });
  assert.throws(() => parseBenchOptions(["--only", "both"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--only", "vmx", "--bits", "32"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--rounds", "0"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--nonsense"]), { name: "UsageError", message: /--help/ });
});
