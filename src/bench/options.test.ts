import assert from "node:assert/strict";
import { test } from "node:test";
import { kernelNames } from "./kernels.js";
import { nestedKernels, parseBenchOptions } from "./options.js";

test("without options: three boots, one round of all kernels", () => {
  const options = parseBenchOptions([]);
  assert.ok(options?.boot);
  assert.deepEqual(options.kernels, kernelNames);
  assert.deepEqual([options.bootRounds, options.kernelRounds, options.scale, options.bits], [3, 1, 50, 64]);
});

test("a part only", () => {
  assert.deepEqual(parseBenchOptions(["--only", "boot"])?.kernels, []);
  assert.equal(parseBenchOptions(["--only", "kernels"])?.boot, false);
  const vmx = parseBenchOptions(["--only", "vmx"]);
  assert.deepEqual([vmx?.only, vmx?.boot, vmx?.kernels], ["vmx", false, []]);
  const some = parseBenchOptions(["--kernels", "sha256,sieve", "--rounds", "2", "--scale=1"]);
  assert.deepEqual(
    [some?.boot, some?.kernels, some?.kernelRounds, some?.scale],
    [false, ["sieve", "sha256"], 2, 1],
  );
});

test("each part has its own amount of work", () => {
  const of = (...words: string[]) => parseBenchOptions(words)!;
  assert.deepEqual([of("--only", "workload").scale, of("--only", "workload").timeout], [100, 3600]);
  assert.deepEqual([of("--only", "soak").scale, of("--only", "soak").minutes], [50, 60]);
  assert.equal(of("--only", "soak", "--minutes", "5", "--scale", "10").minutes, 5);
  assert.deepEqual(of("--only", "nested").kernels, nestedKernels);
  assert.deepEqual(of("--only", "nested", "--kernels", "smc").kernels, ["smc"]);
  assert.deepEqual(of("--only", "soak").kernels, []);
});

test("another peer, Node or engine", () => {
  const options = parseBenchOptions("--bits 32 --peer v86 --node /opt/node --engine interpreter".split(" "));
  assert.deepEqual(
    [options?.bits, options?.peer, options?.node, options?.engine],
    [32, "v86", "/opt/node", "interpreter"],
  );
  const usual = parseBenchOptions([]);
  assert.deepEqual([usual?.peer, usual?.node, usual?.engine], ["qemu", undefined, undefined]);
});

test("wrong use is told in a sentence", () => {
  assert.throws(() => parseBenchOptions(["--kernels", "seive"]), {
    name: "UsageError",
    message: /did you mean sieve/,
  });
  assert.throws(() => parseBenchOptions(["--only", "both"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--only", "vmx", "--bits", "32"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--only", "soak", "--bits", "32"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--only", "soak", "--kernels", "smc"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--minutes", "5"]), { name: "UsageError", message: /soak/ });
  assert.throws(() => parseBenchOptions(["--peer", "v86"]), { name: "UsageError", message: /--bits 32/ });
  assert.throws(() => parseBenchOptions(["--peer", "bochs"]), { name: "UsageError", message: /qemu or v86/ });
  assert.throws(() => parseBenchOptions(["--rounds", "0"]), { name: "UsageError" });
  assert.throws(() => parseBenchOptions(["--nonsense"]), { name: "UsageError", message: /--help/ });
});
