import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cardinalityLimitProcessor } from '../../../src/processors/cardinality-limit/index.ts';
import { metricPattern } from '../../../src/processors/cardinality-limit/metric-pattern.ts';

function problems(config: object): string[] {
  const parsed = cardinalityLimitProcessor.parse(config);
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('contradictions are told at once, each where it stands', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ limit: 100, max_series: 50 }, /^limit: must not be more than max_series, which is 50$/],
    [{ metrics: [{ match: 'a', limit: 60_000 }] }, /^metrics\.0\.limit: must not be more than max_series/],
    [
      { max_bytes: '1MiB' },
      /^max_bytes: is not enough: 50000 series of max_series and 5000 of max_metrics take \d+ bytes$/,
    ],
    [{ window: '1h', remember: '10m' }, /^remember: must not be less than window$/],
    [{ window: '10ms' }, /^window: must be at least 1s$/],
    [{ per_tenant: { limit: 5 } }, /^per_tenant: set either resource_attribute or metadata$/],
    [{ per_tenant: { limit: 5, metadata: 'Authorization' } }, /^per_tenant\.metadata: is a credential/],
    [{ on_overflow: 'drop_label', explain: false }, /^explain: must not be false where drop_labels is auto/],
    [{ metrics: [{ match: 'a', on_overflow: 'drop_label' }], explain: false }, /^explain: must not be false/],
    [{ metrics: [{ match: '/a(/' }] }, /^metrics\.0\.match: "a\(" is not a usable pattern/],
    [{ bucket: { patterns: ['/users'] } }, /^bucket\.patterns\.0: has no part in braces/],
    [{ bucket: { patterns: ['/{id}/}'] } }, /^bucket\.patterns\.0: has a brace too many$/],
    [{ bucket: { ids: false } }, /^bucket: needs patterns, or ids: true$/],
  ];
  for (const [config, expected] of cases) {
    const found = problems(config);
    assert.equal(found.length, 1, JSON.stringify([config, found]));
    assert.match(found[0] ?? '', expected);
  }
  assert.deepEqual(problems({ on_overflow: 'drop_label', drop_labels: ['user'], explain: false }), []);
  assert.deepEqual(problems({}), []);
});

test('a match is a name, a name with places for any text, or a regular expression for all of the name', () => {
  assert.ok(metricPattern('http.server.duration').test('http.server.duration'));
  assert.ok(!metricPattern('http.server.duration').test('http-server-duration'));
  assert.ok(metricPattern('http.*').test('http.server.duration'));
  assert.ok(!metricPattern('http.*').test('grpc.http.x'));
  assert.ok(metricPattern('cpu?').test('cpu7'));
  assert.ok(metricPattern('/(jvm|process)\\..*/').test('jvm.heap'));
  assert.ok(!metricPattern('/jvm/').test('jvm.heap'));
});
