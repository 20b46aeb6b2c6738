/**
 * An architectural exception on its way from the place that found it to the place that delivers it.
 *
 * Thrown by the TypeScript side of the processor while an instruction runs; the engine's helper boundary
 * catches it and makes it the pending exception. It is not an `Error`: there is no stack trace to pay for.
 */
export class Fault {
  constructor(
    readonly vector: number,
    /** Error code, for the vectors that have one. */
    readonly error: number = 0,
    /** For #PF: the linear address. */
    readonly address: bigint = 0n,
  ) {}
}
