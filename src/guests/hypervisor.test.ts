/**
 * The file of the hypervisor: the loader finds its entry. What it does is the business of the machine's tests.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseElf } from "../boot/elf.js";
import { findMultibootHeader } from "../boot/multiboot.js";
import { LOAD_ADDRESS } from "./elf.js";
import { HOLE } from "./hypervisor/layout.js";
import { hypervisorImage } from "./hypervisor.js";

describe("the hypervisor", () => {
  const { name, data } = hypervisorImage();

  it("has a multiboot header", () => {
    assert.notEqual(findMultibootHeader(data), undefined);
  });

  it("is loaded at 1 MiB, and ends below the hole in its EPT", () => {
    const { segments } = parseElf(data, name);
    assert.equal(segments.length, 1);
    const [{ physicalAddress, memorySize }] = segments as [(typeof segments)[0]];
    assert.equal(physicalAddress, LOAD_ADDRESS);
    assert.ok(physicalAddress + memorySize < HOLE);
  });

  it("is the same each time", () => {
    assert.deepEqual(hypervisorImage().data, data);
  });
});
