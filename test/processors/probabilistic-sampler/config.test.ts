import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probabilisticSamplerProcessor } from '../../../src/processors/probabilistic-sampler/index.ts';

function errorOf(config: object): string {
  const parsed = probabilisticSamplerProcessor.parse(config);
  if (parsed.ok) return '';
  return parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
}

test('the Collector’s configurations are taken', () => {
  // Collector, processor/probabilisticsamplerprocessor/testdata/config.yaml, and the examples of its README.
  for (const config of [
    {},
    { sampling_percentage: 15.3, hash_seed: 22 },
    {
      sampling_percentage: 15.3,
      hash_seed: 22,
      attribute_source: 'record',
      from_attribute: 'foo',
      sampling_priority: 'bar',
    },
    { mode: 'proportional', sampling_percentage: 10, sampling_precision: 14, fail_closed: false },
    { mode: 'equalizing', sampling_percentage: 200 },
    { sampling_percentage: 100 * 2 ** -56 },
  ]) {
    assert.equal(errorOf(config), '', JSON.stringify(config));
  }
});

test('what cannot be meant is an error that says so', () => {
  assert.match(errorOf({ sampling_percentage: -15.3 }), /^sampling_percentage: is a percentage: from 0/);
  assert.match(errorOf({ sampling_percentage: 100 * 2 ** -57 }), /smaller than the smallest share/);
  assert.match(errorOf({ sampling_percentage: Infinity }), /^sampling_percentage: /);
  assert.match(errorOf({ sampling_percentage: NaN }), /^sampling_percentage: /);
  assert.match(errorOf({ sampling_percentage: '10' }), /^sampling_percentage: /);
  assert.match(errorOf({ sampling_precision: 0 }), /^sampling_precision: /);
  assert.match(errorOf({ sampling_precision: 15 }), /^sampling_precision: /);
  assert.match(errorOf({ hash_seed: -1 }), /^hash_seed: /);
  assert.match(errorOf({ hash_seed: 2 ** 32 }), /^hash_seed: /);
  assert.match(errorOf({ mode: 'dunno' }), /^mode: /);
  assert.match(errorOf({ attribute_source: 'record' }), /^attribute_source: record needs from_attribute/);
});
