/**
 * Values: typed WebAssembly expressions.
 *
 * A value is a pure description. It becomes code where a statement of a {@link FunctionBuilder} uses it, and
 * once for every use, so a value that is used twice, or that reads something which changes later, is first
 * fixed with `f.let(…)`. Operations on constants fold at once: a semantic function that is given constants
 * emits only what is left to do at run time.
 */
import { type Immediates, typeByte, type Value, type ValueType } from "./expression.js";
import { F32, F64, V128 } from "./float.js";
import { I32, I64 } from "./integer.js";

export { typeByte, Value, type ValueType } from "./expression.js";
export { F32, F64, V128 } from "./float.js";
export { I32, I64, type IntoI32, type IntoI64 } from "./integer.js";

export interface TypeMap {
  i32: I32;
  i64: I64;
  f32: F32;
  f64: F64;
  v128: V128;
}

/** `condition ? a : b`, both evaluated. */
export function select<V extends Value>(condition: I32, a: V, b: V): V {
  if (condition.constant !== undefined) return condition.constant !== 0 ? a : b;
  return make(a.type, a.type === "v128" ? -1 : 0x1b, [a, b, condition], (out) => {
    // `select` without a type serves numbers only; vectors name theirs.
    if (a.type === "v128") {
      out.byte(0x1c);
      out.byte(1);
      out.byte(typeByte.v128);
    }
  }) as Value as V;
}

/** Makes a value of a type that is known only as data. */
export function make<T extends ValueType>(
  type: T,
  opcode: number,
  operands: readonly Value[],
  immediates?: Immediates,
  atomic = false,
): TypeMap[T] {
  switch (type) {
    case "i32":
      return new I32(opcode, operands, immediates, atomic) as TypeMap[T];
    case "i64":
      return new I64(opcode, operands, immediates, atomic) as TypeMap[T];
    case "f32":
      return new F32(opcode, operands, immediates, atomic) as TypeMap[T];
    case "f64":
      return new F64(opcode, operands, immediates, atomic) as TypeMap[T];
    default:
      return new V128(opcode, operands, immediates, atomic) as TypeMap[T];
  }
}
