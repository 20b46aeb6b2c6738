/** A small, fast, seeded generator of pseudo-random numbers (xorshift32), so that every program can be made again. */
export class Random {
  private state: number;

  constructor(seed: number) {
    // Spreads neighbouring seeds apart; xorshift needs a state other than 0.
    this.state = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) ^ 0x9e3779b9 || 1;
    for (let i = 0; i < 4; i++) this.u32();
  }

  u32(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** 0 … n-1. */
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A 32-bit number of the kind that finds bugs: small, near a power of two, an address of the layout, or anything. */
  value(): number {
    switch (this.below(6)) {
      case 0:
        return this.below(256);
      case 1:
        return ((1 << this.below(32)) + this.below(5) - 2) >>> 0;
      case 2:
        return (
          (this.below(0x30) * 0x1000 + (this.oneIn(2) ? 0xff8 + this.below(8) : this.below(0x1000))) >>> 0
        );
      case 3:
        return (0xffffffff - this.below(0x2000)) >>> 0;
      case 4:
        return (this.pick(DEVICES) + this.below(0x400)) >>> 0;
      default:
        return this.u32();
    }
  }

  /** The same in 64 bits. */
  wide(): bigint {
    const low = BigInt(this.value());
    switch (this.below(5)) {
      case 0:
        return low;
      case 1:
        return BigInt.asUintN(64, BigInt.asIntN(32, low));
      case 2:
        return (BigInt(this.value()) << 32n) | low;
      case 3:
        // Around the edge of canonical addresses.
        return (this.oneIn(2) ? 0x0000_7fff_ffff_f000n : 0xffff_8000_0000_0000n) + (low & 0x1fffn);
      default:
        return 0xffff_ffff_0000_0000n | low;
    }
  }

  bytes(target: Uint8Array, from = 0, to = target.length): void {
    for (let i = from; i < to; i++) target[i] = this.u32() >>> 11;
  }
}

/** Where devices are in the physical address space, and some places where nothing is. */
export const DEVICES = [
  0xfee00000, 0xfec00000, 0xfed00000, 0xb0000000, 0xb00f8000, 0xa0000, 0xb8000, 0x400000, 0xe0000000,
  0xfffff000,
] as const;
