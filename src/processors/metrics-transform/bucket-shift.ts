/**
 * By how many buckets an exponential histogram of `scale` moves when its values are multiplied by `factor` (above 0). Exact for
 * powers of the base, such as 2 with scales from 0 on; otherwise each bucket goes to the one that the middle of it goes to,
 * as in the Collector.
 */
export function bucketShift(factor: number, scale: number): number {
  return Math.ceil(middleOf(scale) + Math.log2(factor) * 2 ** scale) - 1;
}

/** Where between its bounds the middle of a bucket lies, in buckets: log((1 + base) / 2) to the base. */
function middleOf(scale: number): number {
  const base = 2 ** (2 ** -scale);
  // Bases that no double holds are much larger than 1.
  return base < Infinity ? Math.log2((1 + base) / 2) * 2 ** scale : 1 - 2 ** scale;
}
