/**
 * Numbers of the buckets of exponential histograms: bucket `index` of a scale holds values in (base^index, base^(index + 1)]
 * with base = 2^(2^-scale). That of a scale lower by `fall` which holds all of it is `index >> fall`, also below zero.
 * Source: OpenTelemetry specification, metrics/data-model.md, ExponentialHistogram.
 */

/** The bucket of a positive value: the upper bound belongs to it. */
export function bucketIndex(value: number, scale: number): number {
  SCRATCH_DOUBLE[0] = value;
  const high = SCRATCH_WORDS[1] ?? 0;
  const exponent = ((high >>> 20) & 0x7ff) - 1023;
  const isPower = (high & 0xfffff) === 0 && SCRATCH_WORDS[0] === 0;
  // The logarithm of a power of two might be off by its last bit, which would be another bucket.
  if (isPower) return scale >= 0 ? exponent * 2 ** scale - 1 : (exponent - 1) >> Math.min(31, -scale);
  return scale > 0 ? Math.ceil(Math.log2(value) * 2 ** scale) - 1 : exponent >> Math.min(31, -scale);
}

/** base^index: what bucket `index` begins above, and bucket `index - 1` ends with. 0 or Infinity beyond what a double holds. */
export function lowerBound(index: number, scale: number): number {
  return 2 ** (index * 2 ** -scale);
}

/** How a sint32 is put into a varint. */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** A sint32 from the low 32 bits of its varint. */
export function unzigzag(bits: number): number {
  return (bits >>> 1) ^ -(bits & 1);
}

const SCRATCH_DOUBLE = new Float64Array(1);
/** The high half is the second on every machine that Node runs on. */
const SCRATCH_WORDS = new Uint32Array(SCRATCH_DOUBLE.buffer);
