import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/property.ts';
import { seededRandom } from '../../../../src/core/random.ts';
import { Randomness } from '../../../../src/otlp/sampling/randomness.ts';
import { encodeThreshold, isKept, KEEP_ALL, type Threshold } from '../../../../src/otlp/sampling/threshold.ts';
import type { PolicyDecision, TraceSummary } from '../../../../src/processors/tail-sampling/policy.ts';
import { compile, summarize, type PolicyObject } from './traces.ts';

const consistent = (percentage: number): PolicyObject => ({
  type: 'probabilistic',
  probabilistic: { sampling_percentage: percentage, consistent: true },
});
const hashed = (percentage: number, salt = ''): PolicyObject => ({
  type: 'probabilistic',
  probabilistic: { sampling_percentage: percentage, hash_salt: salt },
});
const always: PolicyObject = { type: 'always_sample' };
const never: PolicyObject = { type: 'span_count', span_count: { min_spans: 1000 } };
const limit: PolicyObject = { type: 'rate_limiting', rate_limiting: { spans_per_second: 1000 } };
const and = (...policies: PolicyObject[]): PolicyObject => ({ type: 'and', and: { and_sub_policy: policies } });
const not = (policy: PolicyObject): PolicyObject => ({ type: 'not', not: { not_sub_policy: policy } });
const drop = (...policies: PolicyObject[]): PolicyObject => ({ type: 'drop', drop: { drop_sub_policy: policies } });

/** The id with the largest randomness, which every threshold keeps. */
const LUCKY = new Uint8Array(16).fill(255);

function chance(
  policies: readonly PolicyObject[],
  more: object = {},
): [th: string | undefined, share: number | undefined] {
  const compiled = compile(policies, { ...more });
  const { outcome, threshold, probability } = compiled.decide(summarize(compiled, { id: LUCKY }), 0);
  assert.equal(outcome, 'sampled');
  return [threshold === undefined ? undefined : encodeThreshold(threshold), probability];
}

const QUARTER: [string, number] = ['c', 0.25];
const HALF: [string, number] = ['8', 0.5];
const ALL: [string, number] = ['0', 1];
const UNKNOWN = [undefined, undefined];

test('a trace that is kept for what it is was kept for certain', () => {
  assert.deepEqual(chance([always]), ALL);
  assert.deepEqual(chance([never, not(never)]), ALL);
});

test('a consistent share has the threshold of the specification', () => {
  assert.deepEqual(chance([consistent(25)]), QUARTER);
  assert.deepEqual(chance([consistent(100)]), ALL);
});

test('of several policies the one that keeps most counts, and of and the one that keeps least', () => {
  assert.deepEqual(chance([consistent(25), consistent(50), never]), HALF);
  assert.deepEqual(chance([consistent(25), always]), ALL);
  assert.deepEqual(chance([and(consistent(25), consistent(50), always)]), QUARTER);
  assert.deepEqual(chance([and(never, consistent(50)), consistent(25)]), QUARTER, 'the one that cannot says nothing');
  assert.deepEqual(chance([consistent(25), always], { sample_on_first_match: true }), ALL, 'whoever comes first');
});

test('a share by hash is known, but is no threshold', () => {
  const [threshold, probability] = chance([hashed(75, 'kept')]);
  assert.equal(threshold, undefined);
  assert.ok(Math.abs((probability ?? 0) - 0.75) < 1e-12);
  assert.deepEqual(chance([hashed(25), always]), ALL);
  assert.deepEqual(chance([hashed(0), consistent(25)]), QUARTER, 'nothing is sampled by it');
});

test('what a rate limit has a say in is not known, and what it has none in is', () => {
  assert.deepEqual(chance([limit]), UNKNOWN);
  assert.deepEqual(chance([limit, consistent(25)]), UNKNOWN, 'it might have sampled what the threshold does not');
  assert.deepEqual(chance([limit, always]), ALL);
  assert.deepEqual(chance([and(limit, consistent(25))]), UNKNOWN);
  assert.deepEqual(chance([and(never, limit), consistent(25)]), QUARTER);
  const composite = { max_total_spans_per_second: 5, composite_sub_policy: [never] };
  assert.deepEqual(chance([{ type: 'composite', composite }, consistent(25)]), QUARTER);
});

test('a trace that a rate limit might have dropped is not known', () => {
  const spent = { type: 'rate_limiting', rate_limiting: { spans_per_second: 1, burst_capacity: 1 } };
  const policies = compile([drop(spent), always]);
  const trace = summarize(policies, {});
  assert.equal(policies.decide(trace, 0).outcome, 'dropped');
  const { outcome, threshold, probability } = policies.decide(trace, 0);
  assert.deepEqual([outcome, threshold, probability], ['sampled', undefined, undefined]);
});

test('more percentages than anybody writes are not worked out', () => {
  const many = ['a', 'b', 'c'].flatMap((salt) => Array.from({ length: 8 }, (_, index) => hashed(10 + index, salt)));
  assert.deepEqual(chance([...many, not(hashed(1, 'd'))]), UNKNOWN);
});

const leaf = fc.oneof(
  fc.constantFrom(always, never),
  fc.constantFrom(10, 25, 50, 80).map((percentage) => consistent(percentage)),
  fc.constantFrom(20, 60).map((percentage) => hashed(percentage)),
  fc.constantFrom(40).map((percentage) => hashed(percentage, 'other')),
);
const { node } = fc.letrec<{ node: PolicyObject }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    leaf,
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((inner) => and(...inner)),
    tie('node').map((inner) => not(inner)),
  ),
}));
const policyList = fc.array(
  fc.oneof(
    node,
    node,
    node.map((inner) => drop(inner)),
  ),
  { minLength: 1, maxLength: 4 },
);

const TRACES = 3000;
/** Of so many standard errors once in 10^9; hundreds of lists of policies are tried. */
const MOST_ERRORS = 6;

test('each kept trace stands for as many as it says, and those with a threshold are kept by it alone', () => {
  const ids = seededIds();
  fc.assert(
    fc.property(policyList, fc.boolean(), (list, sample_on_first_match) => {
      const policies = compile(list, { sample_on_first_match });
      const summary = summarize(policies, {});
      const decisions = ids.map(({ id, randomness }) =>
        policies.decide({ ...summary, bytes: id, randomness } satisfies TraceSummary, 0),
      );
      const kept = decisions.filter(({ outcome }) => outcome === 'sampled');
      const [first] = kept;
      if (first === undefined) return;
      assertAlike(kept, first);
      const { threshold, probability = 0 } = first;
      if (threshold !== undefined) assertKeptBy(threshold, decisions, ids);
      const error = Math.sqrt(TRACES * probability * (1 - probability));
      assert.ok(Math.abs(kept.length - TRACES * probability) <= MOST_ERRORS * error + 1e-6, `${kept.length}`);
    }),
    { numRuns: 150, seed: 20_261_126 },
  );
});

interface Id {
  readonly id: Uint8Array;
  readonly randomness: Randomness;
}

function seededIds(): Id[] {
  const random = seededRandom('chance');
  return Array.from({ length: TRACES }, () => {
    const id = Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256));
    return { id, randomness: new Randomness().readTraceId(id, 0) };
  });
}

function assertAlike(kept: readonly PolicyDecision[], first: PolicyDecision): void {
  for (const { threshold, probability } of kept) {
    assert.deepEqual([threshold, probability], [first.threshold, first.probability]);
  }
}

function assertKeptBy(threshold: Threshold, decisions: readonly PolicyDecision[], ids: readonly Id[]): void {
  decisions.forEach(({ outcome }, index) => {
    const { randomness } = ids[index] ?? assert.fail();
    assert.equal(outcome === 'sampled', isKept(randomness, threshold), encodeThreshold(threshold));
  });
}

test('nothing is left to chance exactly when every trace is kept', () => {
  assert.deepEqual(chance([hashed(50), not(hashed(50))]), ['0', 1], 'one or the other');
  assert.deepEqual(KEEP_ALL, { high: 0, low: 0 });
});
