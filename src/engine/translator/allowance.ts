/**
 * How many instructions may be translated now. To translate one costs as much as to interpret some thousands, so a guest
 * whose work is spread over much code is not held up by translations that do not pay.
 */

/** To begin with. */
const FIRST = 20_000;
/** For each sample of what is interpreted. */
const PER_SAMPLE = 0.4;
/** For each sample of what is translated already, but in several functions. */
const PER_HOP = 0.05;

export class Allowance {
  private instructions = FIRST;

  get exhausted(): boolean {
    return this.instructions < 0;
  }
  sampled(): void {
    this.instructions += PER_SAMPLE;
  }
  hopped(): void {
    this.instructions += PER_HOP;
  }
  spend(instructions: number): void {
    this.instructions -= instructions;
  }
}
