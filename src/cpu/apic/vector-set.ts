/** A set of interrupt vectors: the 256 bits of IRR, ISR and TMR in eight words, as the registers show them. */
export class VectorSet {
  private readonly words = new Int32Array(8);

  has(vector: number): boolean {
    return ((this.words[vector >> 5] >>> (vector & 31)) & 1) !== 0;
  }

  add(vector: number): void {
    this.words[vector >> 5] |= 1 << (vector & 31);
  }

  delete(vector: number): void {
    this.words[vector >> 5] &= ~(1 << (vector & 31));
  }

  clear(): void {
    this.words.fill(0);
  }

  /** The highest vector of the set, or -1. */
  highest(): number {
    for (let index = 7; index >= 0; index--) {
      const word = this.words[index];
      if (word !== 0) return (index << 5) + 31 - Math.clz32(word);
    }
    return -1;
  }

  /** Vectors 32 × `index` … 32 × `index` + 31. */
  word(index: number): number {
    return this.words[index] >>> 0;
  }

  save(): number[] {
    return [...this.words];
  }

  restore(saved: readonly number[]): void {
    this.words.set(saved.slice(0, 8));
  }
}
