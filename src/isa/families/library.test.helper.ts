/** Instantiates the library functions alone, for tests. */
import { ModuleBuilder } from "../../wasm/module.js";
import { emitLibrary } from "../library.js";

export interface LibraryInstance {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly functions: Readonly<
    Record<string, (cpu: number, ...args: (number | bigint)[]) => number | bigint>
  >;
}

/** All library functions registered so far, over one page of memory. */
export function instantiateLibrary(): LibraryInstance {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const m = new ModuleBuilder();
  emitLibrary(m);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(m.build()), { env: { memory } });
  return {
    view: new DataView(memory.buffer),
    bytes: new Uint8Array(memory.buffer),
    functions: instance.exports as unknown as LibraryInstance["functions"],
  };
}

/** A repeatable source of random numbers. */
export class Random {
  private seed = 0x2468ace1;

  /** 0 … limit - 1, limit at most 2^24. */
  below(limit: number): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) | 0;
    return Math.floor(((this.seed >>> 8) * limit) / 0x1000000);
  }
  bits64(): bigint {
    let value = 0n;
    for (let i = 0; i < 4; i++) value = (value << 16n) | BigInt(this.below(0x10000));
    return value;
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
  /** 64 bits of any length, often near a power of two. */
  ragged(): bigint {
    const bits = this.bits64() >> BigInt(this.below(64));
    switch (this.below(4)) {
      case 0:
        return BigInt.asUintN(64, (1n << BigInt(this.below(64))) + BigInt(this.below(5) - 2));
      case 1:
        return BigInt.asUintN(64, ~bits);
      default:
        return bits;
    }
  }
}
