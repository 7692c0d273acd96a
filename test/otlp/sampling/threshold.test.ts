import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBits56, type Bits56 } from '../../../src/otlp/sampling/bits56.ts';
import { Randomness } from '../../../src/otlp/sampling/randomness.ts';
import {
  adjustedCount,
  encodeThreshold,
  isKept,
  KEEP_ALL,
  KEEP_NONE,
  parseThreshold,
  probabilityOf,
  thresholdOf,
} from '../../../src/otlp/sampling/threshold.ts';

/** Specification, trace/tracestate-probability-sampling.md, table of 1-in-N: th at precisions 3, 4, 5 and their counts. */
const SPECIFICATION: readonly [n: number, texts: readonly string[], counts: readonly number[]][] = [
  [1, ['0', '0', '0'], [1, 1, 1]],
  [2, ['8', '8', '8'], [2, 2, 2]],
  [3, ['aab', 'aaab', 'aaaab'], [3.0007326007326007, 3.00004577706569, 3.0000028610256777]],
  [4, ['c', 'c', 'c'], [4, 4, 4]],
  [5, ['ccd', 'cccd', 'ccccd'], [5.001221001221001, 5.0000762951094835, 5.0000047683761295]],
  [8, ['e', 'e', 'e'], [8, 8, 8]],
  [10, ['e66', 'e666', 'e6666'], [9.990243902439024, 9.99938968568813, 9.999961853172863]],
  [16, ['f', 'f', 'f'], [16, 16, 16]],
  [100, ['fd71', 'fd70a', 'fd70a4'], [100.05496183206107, 99.99771123402633, 100.00009536752259]],
  [1000, ['ffbe7', 'ffbe77', 'ffbe76d'], [999.5958055290753, 1000.012874769029, 1000.0016987352618]],
  [10_000, ['fff972', 'fff9724', 'fff97247'], [9998.340882002383, 9999.830725674266, 9999.99370426336]],
  [100_000, ['ffff584', 'ffff583a', 'ffff583a5'], [100013.21013412817, 99999.238556461, 99999.96614643588]],
  [1_000_000, ['ffffef4', 'ffffef39', 'ffffef391'], [1.0016248358208955e6, 999992.38556461, 1.0000069374699865e6]],
];

test('probabilities of 1 in N give the thresholds and adjusted counts of the specification', () => {
  for (const [n, texts, counts] of SPECIFICATION) {
    const thresholds = [3, 4, 5].map((precision) => thresholdOf(1 / n, precision));
    assert.deepEqual(thresholds.map(encodeThreshold), texts, `1 in ${n}`);
    thresholds.forEach((threshold, i) => {
      assert.ok(Math.abs(adjustedCount(threshold) / (counts[i] ?? 0) - 1) < 1e-15, `1 in ${n}`);
    });
  }
});

/** Collector, pkg/sampling: encoding_test.go, probability_test.go (examples and TestProbabilityToThresholdWithPrecision). */
const FULL_PRECISION: readonly [probability: number, text: string][] = [
  [1, '0'],
  [0.5, '8'],
  [2 ** -56, 'ffffffffffffff'],
  [1 / 3, 'aaaaaaaaaaaaac'],
  [2 / 3, '55555555555558'],
  [1 - 0x54 / 2 ** 8, '54'],
  [1 - 2 ** -8, '01'],
  [0x100 / 2 ** 56, 'ffffffffffff'],
  [1 - 2 ** -52, '0000000000001'],
  [0.1, 'e6666666666666'],
  [0.01, 'fd70a3d70a3d71'],
  [0.001, 'ffbe76c8b43958'],
  [1e-6, 'ffffef39085f4a'],
  ...below(15 / 16, ['1', '10000000000008', '1000000000001', '10000000000018']),
  ...below(1 / 2, ['8', '80000000000004', '80000000000008', '8000000000000c']),
  ...below(1 / 4, ['c', 'c0000000000002', 'c0000000000004', 'c0000000000006']),
  ...below(1 / 8, ['e', 'e0000000000001', 'e0000000000002', 'e0000000000003']),
  ...below(1 / 16, ['f', 'f', 'f0000000000001', 'f0000000000001']),
];

/** The value, and those next below it. */
function below(value: number, texts: readonly string[]): [number, string][] {
  const words = new BigUint64Array(1);
  const double = new Float64Array(words.buffer);
  double[0] = value;
  return texts.map((text) => {
    const pair: [number, string] = [double[0] ?? 0, text];
    words[0] = (words[0] ?? 0n) - 1n;
    return pair;
  });
}

test('full precision gives the thresholds of the Collector', () => {
  for (const [probability, text] of FULL_PRECISION) {
    assert.equal(encodeThreshold(thresholdOf(probability, 14)), text, `${probability}`);
  }
});

const ROUNDED: readonly [probability: number, texts: readonly string[]][] = [
  [1 - 0x456789a / 2 ** 28, ['456789a', '45678a', '45679', '4568', '456', '45', '4']],
  [1 - 0x456789a / 2 ** 40, ['000456789a', '00045678a', '00045679', '0004568', '000456', '00045', '0004']],
  [
    1 - 0x789abcdef / 2 ** 40,
    ['0789abcdef', '0789abcdf', '0789abce', '0789abd', '0789ac', '0789b', '078a', '079', '08'],
  ],
  [1 - 0x12345678 / 2 ** 32, ['12345678', '1234568', '123456', '12345', '1234', '123', '12', '1']],
  [1 - 0x80801 / 2 ** 28, ['0080801', '00808', '008']],
  [2 / 3, ['555', '55555', '5555']],
  [1 / 3, ['aab']],
  // Small ones with precision 3: leading f do not count.
  [2 ** -56, ['fff'.padEnd(14, 'f')]],
];

test('a precision counts digits after the leading ones, as in the Collector', () => {
  for (const [probability, texts] of ROUNDED) {
    for (const text of texts) {
      const precision = Math.max(1, Math.min(14, text.replace(/^(0+|f+)/, '').length));
      assert.equal(encodeThreshold(thresholdOf(probability, precision)), text);
    }
  }
  const tiny = [1, 2, 3, 4, 8, 16].map((kept) => encodeThreshold(thresholdOf(kept / 2 ** 56, 3)));
  assert.deepEqual(
    tiny,
    ['f', 'e', 'd', 'c', '8', ''].map((digit) => 'f'.repeat(13) + digit),
  );
  // The specification rounds these to 028f and 0ccd; the Collector adds a digit for a leading zero.
  assert.equal(encodeThreshold(thresholdOf(0.99, 4)), '028f6');
  assert.equal(encodeThreshold(thresholdOf(0.95, 4)), '0cccd');
});

test('a probability that there is none of is an error', () => {
  for (const probability of [0, 2 ** -57, 1.1, -1, NaN, Infinity]) {
    assert.throws(() => thresholdOf(probability), RangeError);
  }
});

/** The same in exact arithmetic: pkg/sampling/probability.go with integers of any length. */
function exactThreshold(probability: number, precision: number): bigint {
  if (probability === 1) return 0n;
  const leadingOf = (value: number): number => {
    let doublings = 0;
    for (let rest = value; rest < 0.5; rest *= 2) doublings += 1;
    return Math.floor(doublings / 4);
  };
  const digits = Math.min(14, precision + Math.max(leadingOf(probability), leadingOf(1 - probability)));
  const shift = BigInt(4 * (14 - digits));
  const threshold = 2n ** 56n - BigInt(Math.round(probability * 2 ** 56));
  return shift === 0n ? threshold : ((threshold + (1n << (shift - 1n))) >> shift) << shift;
}

const toBigint = ({ high, low }: Bits56): bigint => (BigInt(high) << 32n) | BigInt(low);

test('halves round as integers of 64 bits do', () => {
  const probability = fc.oneof(
    fc.double({ min: 2 ** -56, max: 1, noNaN: true }),
    fc.integer({ min: 1, max: 55 }).map((n) => 2 ** -n * 1.37),
    fc.integer({ min: 1, max: 50 }).map((n) => 1 - 2 ** -n * 0.77),
  );
  fc.assert(
    fc.property(probability, fc.integer({ min: 1, max: 14 }), (p, precision) => {
      assert.equal(toBigint(thresholdOf(p, precision)), exactThreshold(p, precision));
    }),
    { numRuns: 2000 },
  );
});

test('a threshold that was written is read again', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 56n - 1n }), fc.integer({ min: 0, max: 13 }), (bits, zeros) => {
      const rounded = (bits >> BigInt(4 * zeros)) << BigInt(4 * zeros);
      const threshold = { high: Number(rounded >> 32n), low: Number(rounded & 0xffffffffn) };
      const text = encodeThreshold(threshold);
      assert.deepEqual(parseThreshold(text), threshold);
      assert.equal(text, rounded === 0n ? '0' : rounded.toString(16).padStart(14, '0').replace(/0+$/, ''));
    }),
  );
});

test('texts that are no threshold are not taken', () => {
  for (const text of ['', 'g', '-1', '14.5', '0x1', '100000000000000', 'ffffffffffffffff', ' 1', '1_0', '+1']) {
    assert.equal(parseThreshold(text), undefined, text);
  }
  assert.deepEqual(parseThreshold('FD70A'), parseThreshold('fd70a'), 'the Collector takes upper case, too');
});

test('probabilities and adjusted counts are those of the threshold', () => {
  // Collector, pkg/sampling: encoding_test.go TestTValueToProbability, oteltracestate_test.go TestUpdateTValueWithSampling.
  const cases: [text: string, probability: number][] = [
    ['8', 0.5],
    ['444', 1 - 0x444 / 2 ** 12],
    ['0', 1],
    ['c', 0.25],
    ['3', 1 - 3 / 16],
    ['ffffffffffffff', 2 ** -56],
    ['aab', 0x555 / 2 ** 12],
  ];
  for (const [text, probability] of cases) {
    const threshold = parseThreshold(text) ?? KEEP_NONE;
    assert.equal(probabilityOf(threshold), probability);
    assert.equal(adjustedCount(threshold), 1 / probability);
  }
  assert.equal(adjustedCount(KEEP_NONE), 0);
  assert.equal(encodeThreshold(KEEP_NONE), '');
});

test('what is not below the threshold is kept', () => {
  // Collector, pkg/sampling: encoding_test.go TestShouldSample and TestThresholdGreater, threshold_test.go.
  const half = thresholdOf(0.5);
  const keeps = (id: string, threshold = half): boolean =>
    isKept(new Randomness().readTraceId(Buffer.from(id, 'hex'), 0), threshold);
  const any = 'ee'.repeat(9);
  assert.equal(keeps(`${any}00000000000000`), false);
  assert.equal(keeps(`${any}7fffffffffffff`), false);
  assert.equal(keeps(`${any}80000000000000`), true);
  assert.equal(keeps(`${any}ffffffffffffff`), true);
  assert.equal(keeps('abababababababababd29d6a7215ced0', parseThreshold('c')), true);
  assert.equal(keeps(`${any}00000000000000`, KEEP_ALL), true);
  assert.equal(keeps(`${any}ffffffffffffff`, KEEP_NONE), false);
  const isGreater = (a: string, b: string): boolean =>
    compareBits56(parseThreshold(a) ?? KEEP_ALL, parseThreshold(b) ?? KEEP_ALL) > 0;
  assert.equal(isGreater('5', '4'), true);
  assert.equal(isGreater('4', '04'), true);
  assert.equal(isGreater('234', '4'), false);
  assert.equal(isGreater('4', '234'), true);
});
