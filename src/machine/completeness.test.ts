/**
 * Nothing is declared without being there: the meaning of every instruction that a CPU model can decode, an
 * implementation of every helper.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemHelpers } from "../cpu/helpers-system.js";
import { parseCpu } from "../cpu/models/cpu-string.js";
import { decoderFeatures } from "../cpu/models/derive.js";
import { CPU_MODELS } from "../cpu/models/models.js";
import { vmxHelpers } from "../cpu/vmx/helpers-vmx.js";
import { allForms } from "../isa/decode/decoder.js";
import { definitionOf } from "../isa/emit.js";
import { arithmeticHelpers } from "../isa/families/helpers.js";
import "../isa/families/index.js";
import { allHelpers } from "../isa/helper.js";

/** Helpers that neither the instruction set nor the processor implements, with the reason. */
const boundElsewhere = new Map([
  ["randomNumber", "the machine decides whether random numbers repeat (pc.ts)"],
]);

test("every helper that is declared is implemented once, and no other is", () => {
  const declared = allHelpers().map(({ name }) => name);
  const implemented = [
    ...Object.keys(arithmeticHelpers),
    ...Object.keys(systemHelpers),
    ...Object.keys(vmxHelpers),
    ...boundElsewhere.keys(),
  ];
  assert.deepEqual(implemented.toSorted(), declared.toSorted());
});

test("every instruction of every CPU model has its meaning", () => {
  const missing = new Set<string>();
  for (const { name } of CPU_MODELS) {
    const features = decoderFeatures(parseCpu(name));
    for (const { mnemonic, feature } of allForms) {
      if (features.has(feature) && !definitionOf(mnemonic)) missing.add(mnemonic);
    }
  }
  assert.deepEqual([...missing], []);
});
