/** KVM inside: Debian's kernel loads kvm_intel and uses all that the processor offers. More of it is in nested.long.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KVM_PROGRAM, RUN_KVM_PROGRAM, runKvm, runWithKvm } from "./nested.test.helper.js";

test("kvm_intel on Skylake-Server finds all that it can use, and runs a guest from real mode to paging", async () => {
  const parameters = await runKvm("Skylake-Server,+vmx");
  assert.deepEqual(parameters, {
    ept: "Y",
    vpid: "Y",
    unrestricted_guest: "Y",
    flexpriority: "Y",
    pml: "Y",
    vnmi: "Y",
    preemption_timer: "Y",
    enable_shadow_vmcs: "Y",
    enable_apicv: "Y",
    nested: "Y",
  });
});

test("a run with a guest inside it repeats to the last instruction", async () => {
  const once = () =>
    runWithKvm({ cpu: "Skylake-Server,+vmx", script: RUN_KVM_PROGRAM, files: [KVM_PROGRAM], seconds: 200 });
  const first = await once();
  const second = await once();
  assert.equal(second.instructions, first.instructions);
  assert.equal(second.time, first.time);
  assert.equal(second.hash, first.hash);
});
