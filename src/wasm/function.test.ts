/**
 * Every kind of statement, compiled and run.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { build } from "./build.test.helper.js";
import { type FunctionBuilder, type Label, load } from "./function.js";
import { F32, F64, I32, I64, select, V128 } from "./value.js";

describe("locals", () => {
  test("let fixes a value, a plain value is read where it is used", () => {
    const { call } = build(["i32"], "i32", (f) => {
      const x = f.local("i32");
      f.set(x, f.param("i32", 0));
      const before = f.let(x.value.mul(10));
      f.set(x, x.value.add(1));
      f.return(before.add(x.value));
    });
    assert.equal(call(4), 45);
  });

  test("let of a constant or a parameter makes no local", () => {
    build(["i32"], undefined, (f) => {
      const [x, seven] = [f.param("i32", 0), I32.const(7)];
      assert.equal(f.let(x), x);
      assert.equal(f.let(seven), seven);
    });
  });

  test("scopes give their locals back", () => {
    const { call } = build([], "i32", (f) => {
      const indices = [1, 2, 3].map((n) =>
        f.scope(() => {
          const local = f.local("i32");
          f.set(local, I32.const(n));
          return local.index;
        }),
      );
      assert.deepEqual(indices, [0, 0, 0]);
      const inner = f.scope(() => [f.local("i32").index, f.scope(() => f.local("i32").index)]);
      assert.deepEqual(inner, [0, 1]);
      f.return(I32.const(5));
    });
    assert.equal(call(), 5);
  });

  test("locals of every type", () => {
    const { call } = build(["i32", "i64", "f32", "f64"], "f64", (f) => {
      const sum = f.local("f64");
      f.set(sum, f.let(f.param("i32", 0).toF64S()));
      f.set(sum, sum.value.add(f.let(f.param("i64", 1)).toF64S()));
      f.set(sum, sum.value.add(f.let(f.param("f32", 2).neg()).toF64()));
      f.set(sum, sum.value.add(f.param("f64", 3)));
      const v = f.let(V128.const(0x4000000000000000n, 0n));
      f.store(I32.const(0), v);
      f.return(sum.value.add(load.f64(I32.const(0))));
    });
    assert.equal(call(1, 10n, -0.5, 100), 113.5);
  });

  test("a parameter has its type", () => {
    build(["i32"], undefined, (f) => {
      assert.throws(() => f.param("i64", 0), TypeError);
      assert.throws(() => f.param("i32", 1), TypeError);
    });
  });
});

describe("control", () => {
  test("if and else", () => {
    const { call } = build(["i32"], "i32", (f) => {
      const result = f.local("i32");
      f.set(result, I32.const(0));
      f.if(
        f.param("i32", 0).gtS(10),
        () => f.set(result, I32.const(1)),
        () => f.set(result, I32.const(2)),
      );
      f.if(f.param("i32", 0).eq(11), () => f.set(result, result.value.add(100)));
      f.return(result.value);
    });
    assert.deepEqual([call(10), call(11), call(12)], [2, 101, 1]);
  });

  test("choose leaves a value; an arm may branch out", () => {
    const { call } = build(["i32"], "i64", (f) => {
      f.block((end) => {
        const value = f.choose(
          "i64",
          f.param("i32", 0),
          () => I64.const(7),
          () => {
            f.br(end);
            return I64.const(0);
          },
        );
        f.return(value);
      });
      f.return(I64.const(-1));
    });
    assert.deepEqual([call(1), call(0)], [7n, -1n]);
  });

  test("a constant condition builds only its arm", () => {
    const { call } = build([], "i32", (f) => {
      const never = () => assert.fail("this arm is dead");
      f.if(I32.const(0), never);
      f.if(I32.const(1), () => {}, never);
      f.block((end) => {
        f.brIf(end, I32.const(0));
        f.return(f.choose("i32", I32.const(5), () => I32.const(1), never));
      });
      f.unreachable();
    });
    assert.equal(call(), 1);
  });

  test("blocks and loops", () => {
    const { call } = build(["i32"], "i32", (f) => {
      const [i, sum] = [f.local("i32"), f.local("i32")];
      f.set(i, I32.const(0));
      f.set(sum, I32.const(0));
      f.block((done) => {
        f.loop((again) => {
          f.set(i, i.value.add(1));
          f.brIf(done, i.value.gtS(f.param("i32", 0)));
          // Only odd numbers count.
          f.brIf(again, i.value.and(1).eqz());
          f.set(sum, sum.value.add(i.value));
          f.br(again);
        });
      });
      f.return(sum.value);
    });
    assert.deepEqual([call(0), call(1), call(6), call(7)], [0, 1, 9, 16]);
  });

  test("a branch table, with an index out of range", () => {
    const { call } = build(["i32"], "i32", (f) => {
      const cases = (labels: readonly Label[]): void => {
        if (labels.length < 4) {
          f.block((label) => cases([label, ...labels]));
          f.return(I32.const(10 + 3 - labels.length));
        } else f.brTable(f.param("i32", 0), labels.slice(0, 3), labels[3]!);
      };
      cases([]);
      f.unreachable();
    });
    // The innermost block is label 0, and what follows it returns 10.
    assert.deepEqual(
      [0, 1, 2, 3, 99, -1].map((n) => call(n)),
      [10, 11, 12, 13, 13, 13],
    );
  });

  test("unreachable traps", () => {
    assert.throws(build([], undefined, (f) => f.unreachable()).call, WebAssembly.RuntimeError);
  });
});

describe("select", () => {
  test("numbers, vectors, constants", () => {
    const numbers = build(["i32"], "i64", (f) =>
      f.return(select(f.param("i32", 0), I64.const(3), I64.const(4))),
    );
    assert.deepEqual([numbers.call(1), numbers.call(0)], [3n, 4n]);
    const vectors = build(["i32"], undefined, (f) =>
      f.store(I32.const(0), select(f.param("i32", 0), V128.const(1n, 2n), V128.const(3n, 4n))),
    );
    vectors.call(0);
    assert.equal(vectors.memory.getBigUint64(8, true), 4n);
    const one = I32.const(1);
    assert.equal(select(I32.const(9), one, I32.const(2)), one);
  });
});

describe("memory", () => {
  test("loads of every width", () => {
    const widths = [
      ["i32", load.i32, -0x7f7e7d7c],
      ["i32", load.i32_8s, -0x7c],
      ["i32", load.i32_8u, 0x84],
      ["i32", load.i32_16s, -0x7d7c],
      ["i32", load.i32_16u, 0x8284],
      ["i64", load.i64_8s, -0x7cn],
      ["i64", load.i64_8u, 0x84n],
      ["i64", load.i64_16s, -0x7d7cn],
      ["i64", load.i64_16u, 0x8284n],
      ["i64", load.i64_32s, -0x7f7e7d7cn],
      ["i64", load.i64_32u, 0x80818284n],
      ["i64", load.i64, BigInt.asIntN(64, 0xf0f1f2f380818284n)],
    ] as const;
    for (const [type, at, want] of widths) {
      const { call, memory } = build(["i32"], type, (f) => f.return(at(f.param("i32", 0), 4)));
      memory.setUint32(8, 0x80818284, true);
      memory.setUint32(12, 0xf0f1f2f3, true);
      // The 16-bit cases read 8284h.
      assert.equal(call(4), want);
    }
  });

  test("floating-point and vector loads", () => {
    const { call, memory } = build([], "f64", (f) => {
      f.store(I32.const(32), load.v128(I32.const(0)));
      f.store(I32.const(48), load.v128_32zero(I32.const(0)));
      f.store(I32.const(64), load.v128_64zero(I32.const(0)));
      f.return(
        load
          .f32(I32.const(16))
          .toF64()
          .add(load.f64(I32.const(24))),
      );
    });
    for (let i = 0; i < 16; i++) memory.setUint8(i, i + 1);
    memory.setFloat32(16, 0.5, true);
    memory.setFloat64(24, 2, true);
    assert.equal(call(), 2.5);
    const bytes = (at: number) => Array.from({ length: 16 }, (_, i) => memory.getUint8(at + i));
    const first = (count: number) => Array.from({ length: 16 }, (_, i) => (i < count ? i + 1 : 0));
    assert.deepEqual([bytes(32), bytes(48), bytes(64)], [first(16), first(4), first(8)]);
  });

  test("stores of every width", () => {
    const value = 0x1122334455667788n;
    const stored = (write: (f: FunctionBuilder, at: I32) => void) => {
      const { call, memory } = build(["i32"], undefined, (f) => write(f, f.param("i32", 0)));
      call(8);
      return memory.getBigUint64(16, true);
    };
    const long = I64.const(value);
    const word = I32.const(0x55667788);
    assert.equal(
      stored((f, at) => f.store(at, long, 8)),
      value,
    );
    assert.equal(
      stored((f, at) => f.store(at, word, 8)),
      value & 0xffffffffn,
    );
    assert.equal(
      stored((f, at) => f.store8(at, word, 8)),
      0x88n,
    );
    assert.equal(
      stored((f, at) => f.store16(at, 0x17788, 8)),
      0x7788n,
    );
    for (const width of [8, 16, 32, 64]) {
      assert.equal(
        stored((f, at) => f.storeInt(width, at, long, 8)),
        value & ((1n << BigInt(width)) - 1n),
        `${width}`,
      );
    }
    assert.equal(
      stored((f, at) => f.store(at, F32.const(1), 8)),
      0x3f800000n,
    );
    assert.equal(
      stored((f, at) => f.store(at, F64.const(1), 8)),
      0x3ff0000000000000n,
    );
    assert.equal(
      stored((f, at) => f.store(at, V128.const(5n, 6n), 8)),
      5n,
    );
  });

  test("copy and fill", () => {
    const { call, memory } = build(["i32", "i32", "i32"], undefined, (f) => {
      f.memoryFill(f.param("i32", 0), I32.const(0xab), f.param("i32", 2));
      f.memoryCopy(f.param("i32", 1), f.param("i32", 0), f.param("i32", 2));
    });
    call(16, 18, 4);
    assert.equal(memory.getBigUint64(16, true), 0xababababababn);
  });
});
