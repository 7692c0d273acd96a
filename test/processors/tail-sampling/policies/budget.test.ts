import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocate } from '../../../../src/processors/tail-sampling/policies/budget.ts';
import type { Policies } from '../../../../src/processors/tail-sampling/policy.ts';
import type { PlainObject } from '../../../support/otlp-proto.ts';
import { compile, integer, summarize, type PolicyObject, type TestTrace } from './traces.ts';

/** Policies that spend budgets. Sources: rate_limiting_test.go, bytes_limiting_test.go and composite_test.go. */

const spansPerSecond = (perSecond: number, burst?: number): PolicyObject => ({
  type: 'rate_limiting',
  rate_limiting: { spans_per_second: perSecond, ...(burst === undefined ? {} : { burst_capacity: burst }) },
});
const bytesPerSecond = (perSecond: number | string, burst?: number): PolicyObject => ({
  type: 'bytes_limiting',
  bytes_limiting: { bytes_per_second: perSecond, ...(burst === undefined ? {} : { burst_capacity: burst }) },
});

function sampled(policies: Policies, trace: TestTrace, nowMs = 0): boolean {
  return policies.decide(summarize(policies, trace), nowMs).outcome === 'sampled';
}

const spans = (spanCount: number): TestTrace => ({ spanCount });
const bytes = (spanBytes: number): TestTrace => ({ spanBytes });

test('a trace takes its spans from the burst, and the next finds nothing left', () => {
  const policies = compile([spansPerSecond(3, 3)]);
  assert.equal(sampled(policies, spans(3)), true);
  assert.equal(sampled(policies, spans(1)), false);
});

test('a trace larger than the burst is never sampled, and costs nothing', () => {
  const policies = compile([spansPerSecond(3, 2)]);
  assert.equal(sampled(policies, spans(3)), false);
  assert.equal(sampled(policies, spans(3), 3_600_000), false);
  assert.equal(sampled(policies, spans(2), 3_600_000), true);
});

test('the burst is twice the rate unless it is written', () => {
  const policies = compile([spansPerSecond(2)]);
  assert.deepEqual(
    Array.from({ length: 5 }, () => sampled(policies, spans(1))),
    [true, true, true, true, false],
  );
});

test('what is spent comes back with time, up to the burst', () => {
  const policies = compile([spansPerSecond(4, 2)]);
  assert.equal(sampled(policies, spans(2), 1000), true);
  assert.equal(sampled(policies, spans(2), 1400), false, '0.4 s give 1.6 spans');
  assert.equal(sampled(policies, spans(2), 1600), true);
  assert.equal(sampled(policies, spans(2), 61_600), true);
  assert.equal(sampled(policies, spans(1), 61_600), false, 'a minute gives no more than the burst');
});

test('bytes are limited as spans are', () => {
  const size = 300;
  assert.equal(sampled(compile([bytesPerSecond(size, size - 1)]), bytes(size)), false);
  assert.equal(sampled(compile([bytesPerSecond(size / 2, size)]), bytes(size)), true);
  const twice = compile([bytesPerSecond(size)]);
  assert.deepEqual(
    [sampled(twice, bytes(size)), sampled(twice, bytes(size)), sampled(twice, bytes(size))],
    [true, true, false],
  );
  assert.equal(sampled(twice, bytes(size), 1000), true);
});

test('the bytes of a trace are those of its spans', () => {
  const span = integer('n', 1);
  const policies = compile([bytesPerSecond('1KiB')]);
  const { spanBytes } = summarize(policies, { spans: [span, span] });
  assert.ok(spanBytes > 0 && spanBytes % 2 === 0);
  assert.equal(sampled(compile([bytesPerSecond(1, spanBytes)]), { spans: [span, span] }), true);
  assert.equal(sampled(compile([bytesPerSecond(1, spanBytes - 1)]), { spans: [span, span] }), false);
});

test('a policy of and that comes after one that does not sample keeps its budget', () => {
  const error = { type: 'status_code', status_code: { status_codes: ['ERROR'] } };
  const policies = compile([{ type: 'and', and: { and_sub_policy: [error, spansPerSecond(1, 1)] } }]);
  assert.equal(sampled(policies, {}), false);
  assert.equal(sampled(policies, { spans: [{ status: { code: 2 } }] }), true);
});

// composite_test.go

const upTo100: PolicyObject = {
  type: 'numeric_attribute',
  name: 'low',
  numeric_attribute: { key: 'tag', max_value: 100 },
};
const always: PolicyObject = { type: 'always_sample', name: 'all' };

function composite(total: number, policies: readonly PolicyObject[], more: PlainObject = {}): PolicyObject {
  return {
    type: 'composite',
    composite: { max_total_spans_per_second: total, composite_sub_policy: policies, ...more },
  };
}

const share = (policy: string, percent: number): PlainObject => ({ policy, percent });
const halves = { rate_allocation: [share('low', 50), share('all', 50)] };
const tagged = (value: number): TestTrace => ({ spans: [integer('tag', value)] });

test('a composite policy samples what one of its policies samples', () => {
  const none = [
    upTo100,
    { ...upTo100, name: 'high', numeric_attribute: { key: 'tag', min_value: 200, max_value: 300 } },
  ];
  assert.equal(sampled(compile([composite(1000, none)]), {}), false);
  assert.equal(sampled(compile([composite(1000, [upTo100, always])]), {}), true);
});

test('the policy that samples a trace pays for it, and the next ones do not step in', () => {
  const policies = compile([
    composite(3, [upTo100, always], { rate_allocation: [share('low', 34), share('all', 34)] }),
  ]);
  assert.equal(sampled(policies, tagged(10)), true);
  assert.equal(sampled(policies, tagged(11)), false);
  assert.equal(sampled(policies, tagged(1001)), true);
});

test('a composite policy has its total anew each second', () => {
  const policies = compile([composite(10, [always], { rate_allocation: [share('all', 100)] })]);
  const second = (nowMs: number): boolean[] => Array.from({ length: 20 }, () => sampled(policies, {}, nowMs));
  const expected = [...Array<boolean>(10).fill(true), ...Array<boolean>(10).fill(false)];
  assert.deepEqual(second(0), expected);
  assert.deepEqual(second(1000), expected);
});

test('each policy of a composite has no more than its share', () => {
  const policies = compile([composite(10, [upTo100, always], halves)]);
  for (const nowMs of [0, 1000, 2000]) {
    const count = Array.from({ length: 20 }, () => sampled(policies, {}, nowMs)).filter(Boolean).length;
    assert.equal(count, 5);
  }
});

test('inverted policies inside a composite one sample as others do', () => {
  const foo = (name: string, inverted: boolean): PolicyObject => ({
    type: 'string_attribute',
    name,
    string_attribute: { key: 'tag', values: ['foo'], invert_match: inverted },
  });
  for (const inverted_decisions of [false, true]) {
    const policies = compile([composite(10, [foo('a', false), foo('b', true)])], { inverted_decisions });
    assert.equal(sampled(policies, {}), true);
  }
});

test('the policies of a composite are asked in the order that is configured', () => {
  const order = { policy_order: ['all'], rate_allocation: [share('low', 100), share('all', 0)] };
  const policies = compile([composite(2, [upTo100, always], order)]);
  assert.deepEqual([sampled(policies, tagged(1)), sampled(policies, tagged(1))], [true, false], '"all" has half of 2');
});

test('shares are as in the Collector, and what is not allocated is shared by the others', () => {
  // composite_helper_test.go
  assert.deepEqual(
    allocate(
      ['a', 'b'],
      [
        { policy: 'a', percent: 25 },
        { policy: 'b', percent: 0 },
      ],
      1000,
    ),
    [250, 500],
  );
  const given = [
    { policy: 'a', percent: 50 },
    { policy: 'b', percent: 25 },
  ];
  assert.deepEqual(allocate(['a', 'b', 'c'], given, 1000), [500, 250, 250]);
  assert.deepEqual(allocate(['a', 'b', 'c'], [], 1000), [333, 333, 333]);
});

test('a composite policy never samples more than its total, whatever the shares', () => {
  const even = { rate_allocation: [share('low', 75), share('all', 0)] };
  const policies = compile([composite(4, [upTo100, always], even)]);
  const first = Array.from({ length: 4 }, () => sampled(policies, tagged(1)));
  assert.deepEqual(first, [true, true, true, false]);
  const second = Array.from({ length: 3 }, () => sampled(policies, {}));
  assert.deepEqual(second, [true, false, false], '"all" has 2, but 3 of 4 are spent');
});
