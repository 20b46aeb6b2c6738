/**
 * The module builder: collects types, imports, functions, table elements and exports, and writes them as a
 * WebAssembly binary (core specification, 5.5). Memory 0 and table 0 are always imported.
 */
import { ByteWriter } from "./bytes.js";
import { buildBody, type Callee, type FunctionBuilder, type Signature } from "./function.js";
import { typeByte, type ValueType } from "./value.js";

interface Import {
  readonly module: string;
  readonly name: string;
  readonly type: number;
}

export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly typeIndex = new Map<string, number>();
  private readonly imports: Import[] = [];
  private readonly functions: { type: number; body: Uint8Array | undefined }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly elements: { slot: number; functions: readonly number[] }[] = [];
  private table: number | undefined;

  /** Number of a function type, for indirect calls. */
  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params}>${results}`;
    let index = this.typeIndex.get(key);
    if (index === undefined) {
      index = this.types.push({ params, results }) - 1;
      this.typeIndex.set(key, index);
    }
    return index;
  }

  /** Imports a function. All imports come before the first function. */
  import(module: string, name: string, params: readonly ValueType[], results: readonly ValueType[]): Callee {
    if (this.functions.length > 0) throw new Error("imports come before functions");
    const index = this.imports.push({ module, name, type: this.type(params, results) }) - 1;
    return { index, signature: { params, results } };
  }

  /** Imports table 0 of function references from `env.table`. */
  importTable(minimum: number): void {
    this.table = minimum;
  }

  /** Announces a function whose body follows with {@link define}; for functions that call each other. */
  declare(params: readonly ValueType[], results: readonly ValueType[]): Callee {
    const slot = this.functions.push({ type: this.type(params, results), body: undefined }) - 1;
    return { index: this.imports.length + slot, signature: { params, results } };
  }

  define(callee: Callee, body: (f: FunctionBuilder) => void): void {
    this.functions[callee.index - this.imports.length]!.body = buildBody(callee.signature, body);
  }

  /** Adds a function whose body is there already. */
  add(signature: Signature, body: Uint8Array): Callee {
    const callee = this.declare(signature.params, signature.results);
    this.functions.at(-1)!.body = body;
    return callee;
  }

  /** Declares and defines in one step. */
  function(
    params: readonly ValueType[],
    results: readonly ValueType[],
    body: (f: FunctionBuilder) => void,
  ): Callee {
    const callee = this.declare(params, results);
    this.define(callee, body);
    return callee;
  }

  export(name: string, callee: Callee): void {
    this.exports.push({ name, index: callee.index });
  }

  /** Puts functions into table 0 from `slot` on when the module is instantiated. */
  elementsAt(slot: number, functions: readonly Callee[]): void {
    this.elements.push({ slot, functions: functions.map((f) => f.index) });
  }

  /** The binary. */
  build(): Uint8Array<ArrayBuffer> {
    const bodies = this.functions.reduce((bytes, { body }) => bytes + (body?.length ?? 0), 0);
    const out = new ByteWriter(bodies + 0x1000);
    for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(byte);
    const section = (id: number, body: () => void) => {
      out.byte(id);
      out.sized(body);
    };
    const vector = <T>(items: readonly T[], write: (item: T) => void) => {
      out.u32(items.length);
      for (const item of items) write(item);
    };
    section(1, () =>
      vector(this.types, ({ params, results }) => {
        out.byte(0x60);
        vector(params, (type) => out.byte(typeByte[type]));
        vector(results, (type) => out.byte(typeByte[type]));
      }),
    );
    section(2, () => {
      out.u32(this.imports.length + 1 + (this.table === undefined ? 0 : 1));
      for (const { module, name, type } of this.imports) {
        out.name(module);
        out.name(name);
        out.byte(0);
        out.u32(type);
      }
      out.name("env");
      out.name("memory");
      for (const byte of [2, 0, 1]) out.byte(byte);
      if (this.table !== undefined) {
        out.name("env");
        out.name("table");
        for (const byte of [1, 0x70, 0]) out.byte(byte);
        out.u32(this.table);
      }
    });
    section(3, () => vector(this.functions, ({ type }) => out.u32(type)));
    section(7, () =>
      vector(this.exports, ({ name, index }) => {
        out.name(name);
        out.byte(0);
        out.u32(index);
      }),
    );
    if (this.elements.length > 0) {
      section(9, () =>
        vector(this.elements, ({ slot, functions }) => {
          out.byte(0);
          out.byte(0x41);
          out.s32(slot);
          out.byte(0x0b);
          vector(functions, (index) => out.u32(index));
        }),
      );
    }
    section(10, () =>
      vector(this.functions, ({ body }) => {
        if (!body) throw new Error("a declared function has no body");
        out.sized(() => out.append(body));
      }),
    );
    return out.view().slice();
  }
}
