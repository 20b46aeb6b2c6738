/** "Did you mean …": finds the known name that a mistyped one most likely stands for. */

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) best = Math.min(best, beforeLast[column - 2]! + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length]!;
}

/**
 * The name in `known` nearest to `wanted`, upper and lower case being equal; undefined when none is near
 * enough to be a slip of the finger (a third of the letters, at least two).
 */
export function nearestName(wanted: string, known: Iterable<string>): string | undefined {
  const word = wanted.toLowerCase();
  let best: string | undefined;
  let distance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const name of known) {
    const candidate = editDistance(word, name.toLowerCase());
    if (candidate >= distance) continue;
    best = name;
    distance = candidate;
  }
  return best;
}
