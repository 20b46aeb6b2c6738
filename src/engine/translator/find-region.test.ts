/** Regions of small programs: which blocks belong together, where they are cut, and how they are connected. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Mode } from "../../cpu/mode.js";
import { Decoder } from "../../isa/decode/decoder.js";
import { type Block, CodeCache } from "../interpreter/code-cache.js";
import { prepareTier0, tier0 } from "../interpreter/tier0.js";
import { type CodePlaces, RegionFinder } from "./find-region.js";
import type { RegionBlock } from "./region.js";

/** Two pages of code, which follow each other in linear memory. */
const CODE_AT = 0x10000;
const LINEAR_PAGE = 0x400;
const ARENA = { at: 0x20000, size: 0x20000 };
const MODES = { 16: Mode.FLAT, 32: 1 | Mode.FLAT, 64: 2 } as const;

/** Code by address of its first byte, in hexadecimal. */
type Program = Readonly<Record<number, string>>;

class Code {
  private readonly bytes = new Uint8Array(0x40000);
  readonly cache: CodeCache;
  private readonly finder: RegionFinder;
  private readonly mode: number;

  constructor(
    program: Program,
    private readonly size: 16 | 32 | 64 = 64,
  ) {
    const decoder = new Decoder("all");
    this.cache = new CodeCache(this.bytes.buffer, decoder, tier0().shapes, ARENA);
    this.finder = new RegionFinder(this.bytes.buffer, this.cache, decoder);
    this.mode = MODES[size];
    for (const [at, code] of Object.entries(program))
      this.bytes.set(Buffer.from(code.replaceAll(" ", ""), "hex"), CODE_AT + Number(at));
  }

  /** Decodes the block at an offset, as executing it does. */
  block(at: number): Block {
    const hostPage = CODE_AT + (at & ~0xfff);
    const source = { hostPage, limit: 0xffffffff, nextPage: () => hostPage + 4096 };
    const rip = LINEAR_PAGE * 4096 + at;
    const limit = this.size === 64 ? rip : at;
    return this.cache.blockAt(this.cache.find(source, at & 0xfff, this.mode, limit))!;
  }

  /** The region around the block at `seed`, when `executed` were met, too. */
  region(
    seed: number,
    executed: readonly number[],
    volatile?: number,
    more?: ReadonlyMap<Block, number>,
  ): RegionBlock[] {
    const first = this.block(seed);
    const blocks = new Map(executed.map((at) => [at, this.block(at)]));
    const around: CodePlaces = {
      linearPage: LINEAR_PAGE + (seed >>> 12),
      hostPage: (page) => {
        const host = (CODE_AT >>> 12) + page - LINEAR_PAGE;
        return host >= CODE_AT >>> 12 && host < (CODE_AT >>> 12) + 2 ? host : undefined;
      },
      heat: () => 100,
      isExcluded: (block) => volatile !== undefined && block === blocks.get(volatile),
    };
    return this.finder.find(first, this.mode, around, undefined, more);
  }
}

const places = (blocks: readonly RegionBlock[]) => blocks.map(({ page, block }) => page * 4096 + block.start);
const mnemonics = ({ instructions }: RegionBlock) =>
  instructions.map(({ instruction }) => instruction.form.mnemonic).join(" ");

before(prepareTier0);

describe("a region", () => {
  test("of one block that repeats itself", () => {
    // 10: dec ecx; jnz 10; 14: ret
    const [only, ...others] = new Code({ 16: "ffc9 75fc c3" }).region(0x10, []);
    assert.equal(others.length, 0);
    assert.equal(mnemonics(only!), "dec jne ret");
    assert.deepEqual(only!.instructions[1]!.taken, { to: 0, crosses: false });
  });

  test("has the blocks that were executed, in the order of their addresses, and no others", () => {
    // 10: jmp 40; 40: test eax,eax; jz 20; jmp 60; 20: jmp 10; 60 was never executed
    const code = new Code({ 16: "eb2e", 64: "85c0 74dc eb1a", 32: "ebee", 96: "c3" });
    const blocks = code.region(0x10, [0x40, 0x20]);
    assert.deepEqual(places(blocks), [0x10, 0x20, 0x40]);
    assert.deepEqual(blocks[0]!.instructions.at(-1)!.taken, { to: 2, crosses: false });
    assert.deepEqual(blocks[1]!.instructions.at(-1)!.taken, { to: 0, crosses: false });
    const [, toFirst, toUnknown] = blocks[2]!.instructions;
    assert.deepEqual(toFirst!.taken, { to: 1, crosses: false });
    assert.equal(toUnknown!.taken, undefined);
  });

  test("cuts a block where another one begins, and does not lose count of its records", () => {
    // 10: inc eax; 12: inc ecx; 14: jmp 12
    const blocks = new Code({ 16: "ffc0 ffc1 ebfc" }).region(0x10, [0x12]);
    assert.deepEqual(places(blocks), [0x10, 0x12]);
    const [first, second] = blocks as [RegionBlock, RegionBlock];
    assert.equal(mnemonics(first), "inc");
    assert.equal(first.shared, 2);
    assert.deepEqual(first.next, { to: 1, crosses: false });
    assert.equal(second.shared, 0);
    assert.deepEqual(second.instructions.at(-1)!.taken, { to: 1, crosses: false });
  });

  test("does not fall through to what follows a call: it returns there", () => {
    // 10: call 20; 15: jmp 10; 20: ret
    const blocks = new Code({ 16: "e80b000000 ebf9", 32: "c3" }).region(0x10, [0x15, 0x20]);
    assert.deepEqual(places(blocks), [0x10, 0x15, 0x20]);
    assert.equal(blocks[0]!.next, undefined);
    assert.deepEqual(blocks[0]!.instructions[0]!.taken, { to: 2, crosses: false });
    assert.equal(blocks[2]!.next, undefined);
  });

  test("reaches into the next page and says so", () => {
    // ff0: jmp 1010; 1010: jmp ff0
    const blocks = new Code({ 4080: "eb1e", 4112: "ebde" }).region(0xff0, [0x1010]);
    assert.deepEqual(places(blocks), [0xff0, 0x1010]);
    assert.deepEqual(blocks[0]!.instructions[0]!.taken, { to: 1, crosses: true });
    assert.deepEqual(blocks[1]!.instructions[0]!.taken, { to: 0, crosses: true });
    // Seen from the second page, the first one is the page before.
    const back = new Code({ 4080: "eb1e", 4112: "ebde" }).region(0x1010, [0xff0]);
    assert.deepEqual(places(back), [0xff0 - 4096, 0x10]);
  });

  test("leaves out an instruction that crosses pages", () => {
    // ffc: jmp 20; ffe: mov eax, 1 (bytes on both pages)
    const code = new Code({ 4092: "eb02", 4094: "b801000000 ebf7", 32: "c3" });
    assert.deepEqual(places(code.region(0xffc, [0xffe])), [0xffc]);
    // After an instruction that ends with its page comes the next page.
    const end = new Code({ 4094: "ffc0", 4096: "ebfe" }).region(0xffe, [0x1000]);
    assert.deepEqual(end[0]!.next, { to: 1, crosses: true });
  });

  test("takes hot blocks of the page of an indirect jump with it", () => {
    // 10: jmp rax; 40: inc eax; jmp 10; 80: dec eax; jmp 10
    const code = new Code({ 16: "ffe0", 64: "ffc0 ebcc", 128: "ffc8 eb8c" });
    assert.deepEqual(places(code.region(0x10, [0x40, 0x80])), [0x10, 0x40, 0x80]);
  });

  test("leaves out blocks whose code keeps changing", () => {
    const code = new Code({ 16: "eb2e", 64: "ebce" });
    assert.deepEqual(places(code.region(0x10, [0x40], 0x40)), [0x10]);
  });

  test("has no blocks of two host pages on one page: a branch inside it would lead to either", () => {
    // 10: jmp 40; 40 and 1040: ret. The latter was met where another address space has it on the page of the first.
    const code = new Code({ 16: "eb2e", 64: "c3", 4160: "c3" });
    const [near, far] = [code.block(0x40), code.block(0x1040)];
    assert.deepEqual(
      code.region(0x10, [0x40], undefined, new Map([[far, 0]])).map(({ block }) => block),
      [code.block(0x10)],
    );
    assert.deepEqual(
      code.region(0x10, [0x40], undefined, new Map([[far, 1]])).map(({ block }) => block),
      [code.block(0x10), near, far],
    );
  });

  test("stays in 64 KiB in 16-bit code", () => {
    // 10: jmp fff2h bytes back, around the segment
    const code = new Code({ 16: "e9edf0", 4096: "c3" }, 16);
    assert.deepEqual(places(code.region(0x10, [0x1000])), [0x10]);
  });
});
