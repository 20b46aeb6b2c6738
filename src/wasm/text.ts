/**
 * The code of a generated module as text, an instruction a line, for people who look for what is wrong with it. Names are
 * those of WebAssembly's text format; imported functions go by module and name.
 */
import { type Follows, opcodes } from "./opcodes.js";

/** Module bytes that are not what the module builder writes. */
export class ModuleFormatError extends Error {}

const utf8 = new TextDecoder();
const valueTypes = new Map([
  [0x7f, "i32"],
  [0x7e, "i64"],
  [0x7d, "f32"],
  [0x7c, "f64"],
  [0x7b, "v128"],
]);

/** Reads what `ByteWriter` writes. */
class ByteReader {
  private readonly view: DataView;
  at = 0;
  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  get done(): boolean {
    return this.at >= this.bytes.length;
  }
  byte(): number {
    if (this.done) throw new ModuleFormatError("the module ends too early");
    return this.bytes[this.at++]!;
  }
  /** LEB128 of up to 64 bits. */
  private leb(signed: boolean): bigint {
    let value = 0n;
    let shift = 0n;
    for (;;) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte & 0x80) continue;
      return signed && byte & 0x40 ? value - (1n << shift) : value;
    }
  }
  u32(): number {
    return Number(this.leb(false));
  }
  signed(): bigint {
    return this.leb(true);
  }
  f32(): number {
    this.at += 4;
    return this.view.getFloat32(this.at - 4, true);
  }
  f64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }
  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  name(): string {
    return utf8.decode(this.take(this.u32()));
  }
  list<T>(item: () => T): T[] {
    return Array.from({ length: this.u32() }, item);
  }
  type(): string {
    const byte = this.byte();
    const type = valueTypes.get(byte);
    if (!type) throw new ModuleFormatError(`${byte.toString(16)}h is no value type`);
    return type;
  }
}

interface FunctionType {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

/** A function of a module. */
export interface FunctionText {
  /** The name by which it is exported, if it is. */
  readonly name: string | undefined;
  readonly lines: readonly string[];
}

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

/** The functions of a module that `ModuleBuilder` wrote. @throws ModuleFormatError for another one */
export function moduleText(module: Uint8Array): FunctionText[] {
  const reader = new ByteReader(module);
  if (utf8.decode(reader.take(4)) !== "\0asm") throw new ModuleFormatError("this is no WebAssembly module");
  reader.take(4);
  let types: FunctionType[] = [];
  let own: FunctionType[] = [];
  /** Names of functions by index. */
  const names = new Map<number, string>();
  let imported = 0;
  const bodies: Uint8Array[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const section = new ByteReader(reader.take(reader.u32()));
    if (id === SECTION.type) {
      types = section.list(() => {
        section.byte();
        return { params: section.list(() => section.type()), results: section.list(() => section.type()) };
      });
    } else if (id === SECTION.import) {
      section.list(() => {
        const name = `${section.name()}.${section.name()}`;
        const kind = section.byte();
        if (kind === 0) {
          names.set(imported++, name);
          section.u32();
        } else section.take(kind === 1 ? 3 : 2);
      });
    } else if (id === SECTION.function) own = section.list(() => types[section.u32()]!);
    else if (id === SECTION.export) {
      section.list(() => {
        const name = section.name();
        section.byte();
        names.set(section.u32(), name);
      });
    } else if (id === SECTION.code) section.list(() => bodies.push(section.take(section.u32())));
  }
  return bodies.map((body, i) => ({
    name: names.get(imported + i),
    lines: bodyText(body, own[i]!, (index) => names.get(index) ?? `${index}`),
  }));
}

function bodyText(
  body: Uint8Array,
  { params, results }: FunctionType,
  nameOf: (index: number) => string,
): string[] {
  const reader = new ByteReader(body);
  const locals = [...params];
  reader.list(() => {
    const count = reader.u32();
    const type = reader.type();
    for (let i = 0; i < count; i++) locals.push(type);
  });
  const lines = [`(${params.join(" ")}) -> (${results.join(" ")}), ${locals.length - params.length} locals`];
  const read: Record<Follows, () => string> = {
    nothing: () => "",
    block: () => {
      const type = reader.byte();
      return type === 0x40 ? "" : ` ${valueTypes.get(type)}`;
    },
    label: () => ` ${reader.u32()}`,
    labels: () => ` ${[...reader.list(() => reader.u32()), reader.u32()].join(" ")}`,
    function: () => ` $${nameOf(reader.u32())}`,
    indirect: () => {
      const type = reader.u32();
      reader.byte();
      return ` type ${type}`;
    },
    local: () => {
      const index = reader.u32();
      return ` ${index} ;; ${locals[index]}`;
    },
    types: () => ` ${reader.list(() => reader.type()).join(" ")}`,
    memory: () => {
      reader.u32();
      const offset = reader.u32();
      return offset === 0 ? "" : ` offset=${offset}`;
    },
    s32: () => ` ${reader.signed()}`,
    s64: () => ` ${reader.signed()}`,
    f32: () => ` ${reader.f32()}`,
    f64: () => ` ${reader.f64()}`,
    vector: () => {
      const digits = Array.from(reader.take(16), (byte) => byte.toString(16).padStart(2, "0"));
      return ` ${digits.reverse().join("")}h`;
    },
    lane: () => ` ${reader.byte()}`,
    lanes: () => ` ${reader.take(16).join(" ")}`,
    reserved: () => {
      reader.byte();
      return "";
    },
    reserved2: () => {
      reader.take(2);
      return "";
    },
  };
  let depth = 0;
  while (!reader.done) {
    const at = reader.at;
    let opcode = reader.byte();
    if (opcode === 0xfc || opcode === 0xfd) opcode = opcode * 0x1000 + reader.u32();
    const known = opcodes.get(opcode);
    if (!known) throw new ModuleFormatError(`unknown opcode ${opcode.toString(16)}h at ${at}`);
    if (known.name === "end" || known.name === "else") depth--;
    // The function's own end.
    if (depth < 0) break;
    lines.push(`${"  ".repeat(depth + 1)}${known.name}${read[known.follows]()}`);
    if (known.follows === "block" || known.name === "else") depth++;
  }
  return lines;
}
