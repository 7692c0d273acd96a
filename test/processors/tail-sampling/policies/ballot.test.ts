import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/property.ts';
import { VoteCount, type Role } from '../../../../src/processors/tail-sampling/policies/ballot.ts';
import { compile, integer, summarize, type PolicyObject } from './traces.ts';

interface Vote {
  readonly role: Role;
  readonly vote: boolean | undefined;
}

interface Result {
  readonly outcome: 'dropped' | 'sampled' | 'not_sampled';
  readonly decider: number | undefined;
}

/**
 * The rules as the Collector writes them down: each policy gives one of five decisions, the first of each kind is kept,
 * and the kinds count in this order. Source: makeDecision in processor.go of its tailsamplingprocessor.
 */
function readRules(votes: readonly { role: Role; vote: boolean }[], firstMatch: boolean): Result {
  const first = new Map<string, number>();
  for (const [index, { role, vote }] of votes.entries()) {
    const kinds = {
      sample: ['sampled', 'not sampled'],
      drop: ['dropped', 'not sampled'],
      invert: ['inverted sampled', 'inverted not sampled'],
    };
    const kind = kinds[role][vote ? 0 : 1] ?? '';
    if (!first.has(kind)) first.set(kind, index);
    if (kind === 'dropped' || (firstMatch && kind === 'sampled')) break;
  }
  if (first.has('dropped')) return { outcome: 'dropped', decider: first.get('dropped') };
  if (first.has('inverted not sampled')) return { outcome: 'not_sampled', decider: undefined };
  if (first.has('sampled')) return { outcome: 'sampled', decider: first.get('sampled') };
  if (first.has('inverted sampled') && !first.has('not sampled')) {
    return { outcome: 'sampled', decider: first.get('inverted sampled') };
  }
  return { outcome: 'not_sampled', decider: undefined };
}

function count(votes: readonly Vote[], firstMatch: boolean): VoteCount {
  const counted = new VoteCount(firstMatch);
  counted.add({ policy: 'before', role: 'drop' }, true);
  counted.start();
  for (const [index, { role, vote }] of votes.entries()) {
    if (counted.add({ policy: String(index), role }, vote)) break;
  }
  return counted;
}

/** Those that drop come first, as the sampler asks them. */
function arbitraryVotes<T>(vote: fc.Arbitrary<T>): fc.Arbitrary<{ role: Role; vote: T }[]> {
  const entry = fc.record({ role: fc.constantFrom<Role>('sample', 'sample', 'drop', 'invert'), vote });
  const isDrop = ({ role }: { role: Role }): number => Number(role === 'drop');
  return fc.array(entry, { maxLength: 7 }).map((votes) => votes.toSorted((a, b) => isDrop(b) - isDrop(a)));
}

test('policies decide together by the rules of the Collector', () => {
  fc.assert(
    fc.property(arbitraryVotes(fc.boolean()), fc.boolean(), (votes, firstMatch) => {
      const expected = readRules(votes, firstMatch);
      const counted = count(votes, firstMatch);
      assert.equal(counted.isDropped, expected.outcome === 'dropped');
      assert.equal(counted.isSampled, expected.outcome === 'sampled');
      assert.equal(counted.decider?.policy, expected.decider === undefined ? undefined : String(expected.decider));
    }),
    { numRuns: 3000 },
  );
});

test('a vote that is not known leaves open what hangs on it, and nothing else', () => {
  fc.assert(
    fc.property(arbitraryVotes(fc.constantFrom(true, false, undefined)), fc.boolean(), (open, firstMatch) => {
      // An inverted policy asks for an attribute, which is known always.
      const votes = open.map(({ role, vote }) => ({ role, vote: role === 'invert' ? vote === true : vote }));
      const unknown = votes.filter(({ vote }) => vote === undefined).length;
      const results = new Set<boolean>();
      for (let bits = 0; bits < 2 ** unknown; bits++) {
        let rest = bits;
        const complete = votes.map(({ role, vote }) => {
          if (vote !== undefined) return { role, vote };
          const made = rest % 2 === 1;
          rest >>= 1;
          return { role, vote: made };
        });
        results.add(readRules(complete, firstMatch).outcome === 'sampled');
      }
      const [only, ...others] = results;
      assert.equal(count(votes, firstMatch).isSampled, others.length > 0 ? undefined : only);
    }),
    { numRuns: 3000 },
  );
});

const always: PolicyObject = { type: 'always_sample', name: 'all' };
const tagged = (name: string, more: object = {}): PolicyObject => ({
  type: 'numeric_attribute',
  name,
  numeric_attribute: { key: 'tag', min_value: 1, ...more },
});
const dropTagged: PolicyObject = { type: 'drop', name: 'noise', drop: { drop_sub_policy: [tagged('tag')] } };
const withTag = { spans: [integer('tag', 5)] };

test('a drop policy counts before the others wherever it stands, and they are not asked', () => {
  const policies = compile([always, dropTagged]);
  const { outcome, policy } = policies.decide(summarize(policies, withTag), 0);
  assert.deepEqual([outcome, policy], ['dropped', 'noise']);
  assert.deepEqual(
    policies.tallies.map((tally) => [tally.policy, tally.traces]),
    [
      ['all', { sampled: 0, not_sampled: 0, dropped: 0 }],
      ['noise', { sampled: 0, not_sampled: 0, dropped: 1 }],
    ],
  );
});

test('each policy that is asked has what it said counted, in traces and in spans', () => {
  const policies = compile([tagged('a'), always]);
  policies.decide(summarize(policies, { spans: [{}, {}, {}] }), 0);
  policies.decide(summarize(policies, withTag), 0);
  const [tag, all] = policies.tallies;
  assert.deepEqual(tag?.traces, { sampled: 1, not_sampled: 1, dropped: 0 });
  assert.deepEqual(tag.spans, { sampled: 1, not_sampled: 3, dropped: 0 });
  assert.deepEqual(all?.spans, { sampled: 4, not_sampled: 0, dropped: 0 });
});

test('the first policy that samples a trace is named, and with sample_on_first_match the last one asked', () => {
  for (const sample_on_first_match of [false, true]) {
    const policies = compile([tagged('a'), tagged('b'), always], { sample_on_first_match });
    assert.equal(policies.decide(summarize(policies, withTag), 0).policy, 'a');
    const asked = policies.tallies.filter(({ traces }) => traces.sampled > 0).map((tally) => tally.policy);
    assert.deepEqual(asked, sample_on_first_match ? ['a'] : ['a', 'b', 'all']);
  }
});

test('invert_match samples what does not match, and with inverted_decisions keeps others from sampling', () => {
  const notTagged = tagged('untagged', { invert_match: true });
  const outcome = (policies: PolicyObject[], trace: object, inverted_decisions: boolean): string => {
    const compiled = compile(policies, { inverted_decisions });
    return compiled.decide(summarize(compiled, trace), 0).outcome;
  };
  assert.equal(outcome([notTagged], {}, false), 'sampled');
  assert.equal(outcome([notTagged], {}, true), 'sampled');
  assert.equal(outcome([notTagged, always], withTag, false), 'sampled');
  assert.equal(outcome([notTagged, always], withTag, true), 'not_sampled');
  assert.equal(outcome([notTagged, tagged('tagged')], {}, false), 'sampled');
  assert.equal(outcome([notTagged, tagged('tagged')], {}, true), 'not_sampled', 'the other one refuses');
});

test('policies that ask the same of a span share a condition', () => {
  const policies = compile([
    tagged('a'),
    { type: 'and', and: { and_sub_policy: [tagged('x'), always] } },
    tagged('b', { invert_match: true }),
    tagged('c', { min_value: 2 }),
  ]);
  assert.equal(policies.conditions.length, 2);
});
