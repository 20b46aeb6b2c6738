/**
 * Which handlers the interpreter has: one for every shape of instruction that the decoder can produce
 * (shape-enumeration.ts finds them). Shapes that generate equal code share a handler.
 */
import { definitionOf, type Shape } from "../../isa/emit.js";
import { type CodeSize, type Instruction, OPERAND_LISTS } from "../../isa/instruction.js";

/** Numbers of handlers that are not instructions. They come first. */
export const Handler = {
  /** Falls through to the lookup of the block at the record's own address: the end of a block. */
  end: 0,
  /** First record of a block whose code was overwritten: look it up again. */
  dead: 1,
  /** A dead block whose successor is known (record's immediate). */
  forward: 2,
  /** No such instruction: #UD. */
  invalid: 3,
  /** Longer than 15 bytes: #GP(0). */
  tooLong: 4,
  /** x87, MMX or SSE state not available: #NM. */
  notAvailable: 5,
  /** A debugger may want to stop before this instruction. */
  stop: 6,
  /** First record of a block that is translated: table slot of the function and number of the entry. */
  region: 7,
  first: 8,
} as const;

/** The name under which shapes share a handler. */
export function shapeKey(shape: Shape): string {
  const definition = definitionOf(shape.mnemonic);
  const operands = shape.operands.map((o) => o.kind + o.width).join(",");
  let key = `${shape.mnemonic} ${operands}`;
  if (!definition) return `${key} undefined`;
  if (definition.operandSize) key += ` o${shape.operandSize}`;
  if (definition.addressSize) key += ` a${shape.addressSize}`;
  if (definition.long) key += shape.long ? " long" : " legacy";
  if (definition.rep && shape.rep) key += ` rep${shape.rep.toString(16)}`;
  if (shape.aligned) key += " aligned";
  return key;
}

export function shapeOf(instruction: Instruction, codeSize: CodeSize): Shape {
  const { form } = instruction;
  return {
    mnemonic: form.mnemonic,
    operands: instruction.operands,
    operandSize: instruction.operandSize,
    addressSize: instruction.addressSize,
    long: codeSize === 64,
    rep: instruction.rep,
    vex: form.vex,
    aligned: form.aligned,
  };
}

/** Gives every shape the number of its handler. */
export class ShapeTable {
  private readonly byKey = new Map<string, number>();
  /** Handler numbers by packed facts: the fast way to {@link handlerOf}. */
  private readonly cache = new Map<number, number>();

  /**
   * @param keys names of the shapes in the order of their handlers
   * @param hotCount how many of the first have their handler inside the interpreter's loop
   */
  constructor(
    readonly keys: readonly string[],
    readonly hotCount: number,
  ) {
    for (const [i, key] of keys.entries()) this.byKey.set(key, Handler.first + i);
  }

  /** Number of handlers, the special ones included. */
  get count(): number {
    return Handler.first + this.keys.length;
  }

  key(handler: number): string | undefined {
    return this.keys[handler - Handler.first];
  }

  /** The handler of a decoded instruction; {@link Handler.invalid} where it has no meaning (yet). */
  handlerOf(instruction: Instruction, codeSize: CodeSize): number {
    const { form, list, rep } = instruction;
    const facts = ((form.id * OPERAND_LISTS + list) * 2 + (codeSize === 64 ? 1 : 0)) * 4 + (rep & 3);
    let handler = this.cache.get(facts);
    if (handler === undefined) {
      handler = this.byKey.get(shapeKey(shapeOf(instruction, codeSize))) ?? Handler.invalid;
      this.cache.set(facts, handler);
    }
    return handler;
  }
}
