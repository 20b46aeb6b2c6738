/**
 * Blocks whose translated code was overwritten. Each time they are left to the interpreter for longer, as a program that
 * generates code will overwrite it again; but not for ever, as memory gets other uses: a module is loaded where another
 * one was, a page goes to another process.
 */

/** Milliseconds of the host after the second time; each further time doubles them, up to the longest. */
const PAUSE = 100;
const LONGEST = 3200;

export class Overwritten {
  /** By the address of the block's first record. */
  private readonly of = new Map<number, { count: number; until: number }>();

  /** @param now milliseconds */
  note(record: number, now: number): void {
    const count = (this.of.get(record)?.count ?? 0) + 1;
    const pause = count < 2 ? 0 : Math.min(LONGEST, PAUSE * 2 ** (count - 2));
    this.of.set(record, { count, until: now + pause });
  }

  /** The block is not to be translated now. */
  isVolatile(record: number, now: number): boolean {
    const known = this.of.get(record);
    return known !== undefined && now < known.until;
  }

  clear(): void {
    this.of.clear();
  }
}
