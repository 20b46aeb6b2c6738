/**
 * Random numbers for the guest (RDRAND, RDSEED): the host's, or a repeatable sequence.
 */

/** Returns a function that yields 64 random bits a call. A repeatable one always yields the same sequence. */
export function randomSource(repeatable: boolean): () => bigint {
  if (!repeatable) {
    const words = new BigUint64Array(1);
    return () => crypto.getRandomValues(words)[0]!;
  }
  // SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
  let state = 0x7674_3836n;
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
}
