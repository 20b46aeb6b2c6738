/**
 * The function builder: statements of one WebAssembly function, written straight into the module's bytes.
 *
 * Values are expressions (`value.ts`); the builder turns them into code in the order of its calls. Locals
 * are reused after the scope in which they were made, so that large generated functions stay small.
 */
import { ByteWriter } from "./bytes.js";
import { NONE, writeOpcode } from "./expression.js";
import {
  F32,
  F64,
  I32,
  I64,
  type IntoI32,
  make,
  type TypeMap,
  typeByte,
  V128,
  type Value,
  type ValueType,
} from "./value.js";

/** A mutable local variable. */
export interface Local<V extends Value> {
  readonly index: number;
  readonly type: ValueType;
  /** Its current value, read where it is used. */
  readonly value: V;
}

/** A place that a branch can go to: the end of a block or the start of a loop. */
export interface Label {
  readonly depth: number;
}

export interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A function that can be called from the module being built. */
export interface Callee {
  readonly index: number;
  readonly signature: Signature;
}

const blockType = (type: ValueType | undefined) => (type === undefined ? 0x40 : typeByte[type]);

const storeOpcode: Record<ValueType, number> = { i32: 0x36, i64: 0x37, f32: 0x38, f64: 0x39, v128: 0xfd00b };

/** What is known of a value is known of its copy. */
function keepKnown(value: Value, copy: Value): void {
  if (value instanceof I64 && copy instanceof I64) copy.bits = value.bits;
  else if (value instanceof F64 && copy instanceof F64) copy.plain = value.plain;
  else if (value instanceof V128 && copy instanceof V128) copy.plainLow = value.plainLow;
}

function narrow(bits: number, value: I64): I64 {
  value.bits = bits;
  return value;
}

export const load = {
  i32: (address: I32, offset = 0) => new I32(0x28, [address], offset),
  i64: (address: I32, offset = 0) => new I64(0x29, [address], offset),
  f32: (address: I32, offset = 0) => new F32(0x2a, [address], offset),
  f64: (address: I32, offset = 0) => new F64(0x2b, [address], offset),
  i32_8s: (address: I32, offset = 0) => new I32(0x2c, [address], offset),
  i32_8u: (address: I32, offset = 0) => new I32(0x2d, [address], offset),
  i32_16s: (address: I32, offset = 0) => new I32(0x2e, [address], offset),
  i32_16u: (address: I32, offset = 0) => new I32(0x2f, [address], offset),
  i64_8s: (address: I32, offset = 0) => new I64(0x30, [address], offset),
  i64_8u: (address: I32, offset = 0) => narrow(8, new I64(0x31, [address], offset)),
  i64_16s: (address: I32, offset = 0) => new I64(0x32, [address], offset),
  i64_16u: (address: I32, offset = 0) => narrow(16, new I64(0x33, [address], offset)),
  i64_32s: (address: I32, offset = 0) => new I64(0x34, [address], offset),
  i64_32u: (address: I32, offset = 0) => narrow(32, new I64(0x35, [address], offset)),
  v128: (address: I32, offset = 0) => new V128(0xfd000, [address], offset),
  /** 32 bits into lane 0, the rest zero. */
  v128_32zero: (address: I32, offset = 0) => new V128(0xfd000 + 92, [address], offset),
  /** 64 bits into lane 0, the rest zero. */
  v128_64zero: (address: I32, offset = 0) => new V128(0xfd000 + 93, [address], offset),
};

export class FunctionBuilder {
  /** Types of all locals; the parameters come first. */
  private readonly locals: ValueType[];
  private readonly free: Record<ValueType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private scopeLocals: { index: number; type: ValueType }[] = [];
  private depth = 0;

  /** @param out receives the body's code (without the local declarations) */
  constructor(
    private out: ByteWriter,
    readonly signature: Signature,
  ) {
    this.locals = [...signature.params];
  }

  /** Parameter number `index`. */
  param<T extends ValueType>(type: T, index: number): TypeMap[T] {
    if (this.signature.params[index] !== type) throw new TypeError(`parameter ${index} is no ${type}`);
    return this.get(type, index);
  }

  /** A new local, unset (it holds what an earlier user of its slot left: set it first). */
  local<T extends ValueType>(type: T): Local<TypeMap[T]> {
    const index = this.free[type].pop() ?? this.locals.push(type) - 1;
    this.scopeLocals.push({ index, type });
    return { index, type, value: this.get(type, index) };
  }

  /** A new local that is not reused when the scope ends in which it was made. */
  lasting<T extends ValueType>(type: T): Local<TypeMap[T]> {
    const index = this.locals.push(type) - 1;
    return { index, type, value: this.get(type, index) };
  }

  /** What a local holds where this is used; `let` makes a copy of it. */
  read<T extends ValueType>(local: { readonly type: T; readonly index: number }): TypeMap[T] {
    return make(local.type, 0x20, NONE, local.index);
  }

  /** How many structures are open around what is emitted now. */
  get nesting(): number {
    return this.depth;
  }

  /** What `body` emits goes to another buffer: for code that comes first but is known last. */
  into(out: ByteWriter, body: () => void): void {
    const own = this.out;
    this.out = out;
    body();
    this.out = own;
  }

  private get<T extends ValueType>(type: T, index: number): TypeMap[T] {
    return make(type, 0x20, NONE, index, true);
  }

  /** Evaluates a value now and gives it a name: the result costs nothing to use and does not change. */
  let<V extends Value>(value: V): V {
    if (value.atomic) return value;
    const local = this.local(value.type) as Local<Value> as Local<V>;
    this.set(local, value);
    keepKnown(value, local.value);
    return local.value;
  }

  set<V extends Value>(local: Local<V>, value: V): void {
    value.emit(this.out);
    this.out.byte(0x21);
    this.out.u32(local.index);
  }

  /** Runs `body`; the locals made in it are free for others afterwards. */
  scope<R>(body: () => R): R {
    const outer = this.scopeLocals;
    this.scopeLocals = [];
    const result = body();
    for (const { index, type } of this.scopeLocals) this.free[type].push(index);
    this.scopeLocals = outer;
    return result;
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    if (condition.constant !== undefined) {
      if (condition.constant !== 0) then();
      else otherwise?.();
      return;
    }
    condition.emit(this.out);
    this.out.byte(0x04);
    this.out.byte(0x40);
    this.depth++;
    then();
    if (otherwise) {
      this.out.byte(0x05);
      otherwise();
    }
    this.end();
  }

  /** `if … else …` that leaves a value; the arms may contain statements and may branch out. */
  choose<T extends ValueType>(
    type: T,
    condition: I32,
    then: () => TypeMap[T],
    otherwise: () => TypeMap[T],
  ): TypeMap[T] {
    if (condition.constant !== undefined) return condition.constant !== 0 ? then() : otherwise();
    const result = this.local(type);
    condition.emit(this.out);
    this.out.byte(0x04);
    this.out.byte(blockType(type));
    this.depth++;
    then().emit(this.out);
    this.out.byte(0x05);
    otherwise().emit(this.out);
    this.end();
    this.out.byte(0x21);
    this.out.u32(result.index);
    return result.value;
  }

  /** A block: branching to its label leaves it. */
  block(body: (end: Label) => void): void {
    this.structure(0x02, body);
  }

  /** A loop: branching to its label repeats it; falling off its end leaves it. */
  loop(body: (start: Label) => void): void {
    this.structure(0x03, body);
  }

  br(label: Label): void {
    this.out.byte(0x0c);
    this.out.u32(this.depth - label.depth);
  }

  brIf(label: Label, condition: I32): void {
    if (condition.constant !== undefined) {
      if (condition.constant !== 0) this.br(label);
      return;
    }
    condition.emit(this.out);
    this.out.byte(0x0d);
    this.out.u32(this.depth - label.depth);
  }

  /** Branches to `labels[index]`, or to `otherwise` when the index is out of range. */
  brTable(index: I32, labels: readonly Label[], otherwise: Label): void {
    index.emit(this.out);
    this.out.byte(0x0e);
    this.out.u32(labels.length);
    for (const label of labels) this.out.u32(this.depth - label.depth);
    this.out.u32(this.depth - otherwise.depth);
  }

  return(...values: Value[]): void {
    for (const value of values) value.emit(this.out);
    this.out.byte(0x0f);
  }

  unreachable(): void {
    this.out.byte(0x00);
  }

  /** Calls for effect; a result is dropped. */
  run(callee: Callee, ...args: Value[]): void {
    for (const arg of args) arg.emit(this.out);
    this.out.byte(0x10);
    this.out.u32(callee.index);
    for (let i = 0; i < callee.signature.results.length; i++) this.out.byte(0x1a);
  }

  /** Calls now and keeps the result. */
  call<T extends ValueType>(type: T, callee: Callee, ...args: Value[]): TypeMap[T] {
    if (callee.signature.results[0] !== type)
      throw new TypeError(`function ${callee.index} returns no ${type}`);
    return this.let(make(type, 0x10, args, callee.index));
  }

  /** Calls entry `index` of table 0, which must have type number `typeIndex`; keeps the result. */
  callIndirect<T extends ValueType>(type: T, typeIndex: number, index: I32, ...args: Value[]): TypeMap[T] {
    return this.let(
      make(type, 0x11, [...args, index], (out) => {
        out.u32(typeIndex);
        out.byte(0);
      }),
    );
  }

  /** Evaluates for effect. */
  drop(value: Value): void {
    value.emit(this.out);
    this.out.byte(0x1a);
  }

  /** Stores a whole i32, i64, f32, f64 or v128. */
  store(address: I32, value: Value, offset = 0): void {
    this.write(storeOpcode[value.type], address, value, offset);
  }

  /** Stores the low `width` bits (8, 16, 32 or 64) of an i64. */
  storeInt(width: number, address: I32, value: I64, offset = 0): void {
    const opcode = width === 8 ? 0x3c : width === 16 ? 0x3d : width === 32 ? 0x3e : 0x37;
    this.write(opcode, address, value, offset);
  }

  /** Stores the low 8 or 16 bits of an i32. */
  store8(address: I32, value: IntoI32, offset = 0): void {
    this.write(0x3a, address, I32.from(value), offset);
  }
  store16(address: I32, value: IntoI32, offset = 0): void {
    this.write(0x3b, address, I32.from(value), offset);
  }

  memoryCopy(to: I32, from: I32, length: I32): void {
    for (const value of [to, from, length]) value.emit(this.out);
    for (const byte of [0xfc, 10, 0, 0]) this.out.byte(byte);
  }

  memoryFill(to: I32, byteValue: I32, length: I32): void {
    for (const value of [to, byteValue, length]) value.emit(this.out);
    for (const byte of [0xfc, 11, 0]) this.out.byte(byte);
  }

  private write(opcode: number, address: I32, value: Value, offset: number): void {
    address.emit(this.out);
    value.emit(this.out);
    writeOpcode(this.out, opcode);
    this.out.byte(0);
    this.out.u32(offset);
  }

  private structure(opcode: number, body: (label: Label) => void): void {
    this.out.byte(opcode);
    this.out.byte(0x40);
    this.depth++;
    body({ depth: this.depth });
    this.end();
  }

  private end(): void {
    this.out.byte(0x0b);
    this.depth--;
  }

  /** @internal Writes the local declarations, run-length encoded. */
  declareLocals(out: ByteWriter): void {
    const declared = this.locals.slice(this.signature.params.length);
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of declared) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    out.u32(runs.length);
    for (const { type, count } of runs) {
      out.u32(count);
      out.byte(typeByte[type]);
    }
  }
}

/** Most bodies are smaller than that. */
const BODY_BYTES = 1 << 14;

/**
 * Builds a body in a buffer of its own; used by the module builder.
 * @param body may return what emits the beginning of the function, if that is known only when the rest is emitted
 */
export function buildBody(
  signature: Signature,
  // biome-ignore lint/suspicious/noConfusingVoidType: most bodies have no such beginning
  body: (f: FunctionBuilder) => (() => void) | void,
): Uint8Array {
  const code = new ByteWriter(BODY_BYTES);
  const first = new ByteWriter();
  const builder = new FunctionBuilder(code, signature);
  const beginning = body(builder);
  if (beginning) builder.into(first, beginning);
  const whole = new ByteWriter(code.length + first.length + BODY_BYTES / 4);
  builder.declareLocals(whole);
  whole.append(first.view());
  whole.append(code.view());
  whole.byte(0x0b);
  return whole.view();
}
