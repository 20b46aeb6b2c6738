/**
 * The file of the tour: both loaders find their entry. What it does is the business of the machine's tests.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseElf } from "../boot/elf.js";
import { findMultibootHeader } from "../boot/multiboot.js";
import { pvhEntry } from "../boot/pvh.js";
import { LOAD_ADDRESS } from "./elf.js";
import { tourImage } from "./tour.js";

describe("the tour", () => {
  const { name, data } = tourImage();
  const image = parseElf(data, name);

  it("has a multiboot header and a PVH note with the same entry", () => {
    assert.notEqual(findMultibootHeader(data), undefined);
    assert.equal(pvhEntry(image), image.entry);
  });

  it("is loaded at 1 MiB and fits in 4 MiB", () => {
    assert.equal(image.segments.length, 1);
    const [{ physicalAddress, memorySize }] = image.segments as [(typeof image.segments)[0]];
    assert.equal(physicalAddress, LOAD_ADDRESS);
    assert.ok(physicalAddress + memorySize < 4 * 0x100000);
  });

  it("is the same each time", () => {
    assert.deepEqual(tourImage().data, data);
  });
});
