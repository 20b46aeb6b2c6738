import assert from "node:assert/strict";
import { test } from "node:test";
import { ModuleBuilder } from "./module.js";
import { I32, I64 } from "./value.js";

function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const whole = { ...imports, env: { memory, ...imports.env } };
  return new WebAssembly.Instance(new WebAssembly.Module(module.build()), whole).exports as Record<
    string,
    (...args: (number | bigint)[]) => number | bigint
  >;
}

test("functions that call each other and imports", () => {
  const module = new ModuleBuilder();
  const log: (number | bigint)[][] = [];
  const report = module.import("host", "report", ["i32", "i64"], []);
  const twice = module.import("host", "twice", ["i32"], ["i32"]);
  const odd = module.declare(["i32"], ["i32"]);
  const even = module.function(["i32"], ["i32"], (f) => {
    const n = f.param("i32", 0);
    f.if(n.eqz(), () => f.return(I32.const(1)));
    f.return(f.call("i32", odd, n.sub(1)));
  });
  module.define(odd, (f) => {
    const n = f.param("i32", 0);
    f.run(report, n, n.toI64S().mul(100));
    f.if(n.eqz(), () => f.return(I32.const(0)));
    f.return(f.call("i32", even, n.sub(1)));
  });
  module.export("even", even);
  module.export(
    "four",
    module.function(["i32"], ["i32"], (f) => {
      // A result that is not wanted is dropped.
      f.run(twice, f.param("i32", 0));
      f.drop(f.param("i32", 0));
      const first = f.call("i32", twice, f.param("i32", 0));
      f.return(f.call("i32", twice, first));
    }),
  );
  const { even: isEven, four } = instantiate(module, {
    host: { report: (...args: (number | bigint)[]) => log.push(args), twice: (x: number) => x * 2 },
  });
  assert.equal(isEven!(4), 1);
  assert.equal(isEven!(3), 0);
  assert.deepEqual(log.slice(0, 2), [
    [3, 300n],
    [1, 100n],
  ]);
  assert.equal(four!(5), 20);
});

test("indirect calls through the table", () => {
  const module = new ModuleBuilder();
  const type = module.type(["i64"], ["i64"]);
  assert.equal(module.type(["i64"], ["i64"]), type, "equal types are one");
  module.importTable(4);
  const triple = module.function(["i64"], ["i64"], (f) => f.return(f.param("i64", 0).mul(3)));
  const negate = module.function(["i64"], ["i64"], (f) => f.return(I64.const(0).sub(f.param("i64", 0))));
  module.elementsAt(1, [triple, negate]);
  module.export(
    "dispatch",
    module.function(["i32", "i64"], ["i64"], (f) =>
      f.return(f.callIndirect("i64", type, f.param("i32", 0), f.param("i64", 1))),
    ),
  );
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 4 });
  const { dispatch } = instantiate(module, { env: { table } });
  assert.equal(dispatch!(1, 7n), 21n);
  assert.equal(dispatch!(2, 7n), -7n);
  assert.throws(() => dispatch!(0, 7n), WebAssembly.RuntimeError);
});

test("what cannot be is refused when it is built", () => {
  const module = new ModuleBuilder();
  const callee = module.declare([], ["i32"]);
  assert.throws(() => module.import("host", "late", [], []), /imports come before functions/);
  assert.throws(() => module.build(), /has no body/);
  module.define(callee, (f) => {
    assert.throws(() => f.call("i64", callee), /returns no i64/);
    f.return(I32.const(1));
  });
  module.build();
});

test("the same module is built the same each time", () => {
  const make = () => {
    const module = new ModuleBuilder();
    module.export(
      "f",
      module.function(["i32"], ["i32"], (f) => f.return(f.param("i32", 0).add(1))),
    );
    return module.build();
  };
  assert.deepEqual(make(), make());
});
