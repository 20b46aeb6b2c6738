/**
 * The few statistics that the benchmark needs. Numbers that are not finite are left out everywhere: they
 * stand for measurements that a run did not deliver.
 */

const finite = (values: readonly number[]): number[] => values.filter((value) => Number.isFinite(value));

/** The middle value, or the mean of the two middle ones; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = finite(values).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The geometric mean of the positive values; NaN of nothing. */
export function geometricMean(values: readonly number[]): number {
  const positive = finite(values).filter((value) => value > 0);
  if (positive.length === 0) return Number.NaN;
  return Math.exp(positive.reduce((sum, value) => sum + Math.log(value), 0) / positive.length);
}
