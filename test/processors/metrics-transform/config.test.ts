import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../../src/components.ts';
import { findDefinition } from '../../../src/config/catalog.ts';
import { metricsTransformProcessor } from '../../../src/processors/metrics-transform/index.ts';

/** Every problem of a configuration with one transform, as `path: message`. */
function problems(transform: Record<string, unknown>): string[] {
  const parsed = metricsTransformProcessor.parse({ transforms: [transform] });
  if (parsed.ok) return [];
  return parsed.issues.map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`);
}

const update = (operation: Record<string, unknown>) => ({ include: 'm', action: 'update', operations: [operation] });

const REFUSED: readonly (readonly [what: string, transform: Record<string, unknown>, problem: RegExp])[] = [
  ['no include', { include: '', action: 'update' }, /^include: needs the name of a metric/],
  ['no action', { include: 'm' }, /^action: /],
  ['an unknown action', { include: 'm', action: 'replace' }, /^action: .*update/],
  ['an unknown match_type', { include: 'm', action: 'update', match_type: 'glob' }, /^match_type: /],
  ['insert without a name', { include: 'm', action: 'insert' }, /^new_name: is needed by insert/],
  ['combine without a name', { include: 'm', action: 'combine' }, /^new_name: is needed by combine/],
  ['group without labels', { include: 'm', action: 'group' }, /^group_resource_labels: is needed by group/],
  [
    'group with operations',
    {
      include: 'm',
      action: 'group',
      group_resource_labels: { a: 'b' },
      operations: [{ action: 'toggle_scalar_data_type' }],
    },
    /^operations: has no effect with the action group; use an update before it/,
  ],
  [
    'resource labels without group',
    { include: 'm', action: 'update', group_resource_labels: { a: 'b' } },
    /^group_resource_labels: has no effect with the action update, only with group/,
  ],
  [
    'a case without combine',
    { include: 'm', action: 'update', submatch_case: 'lower' },
    /^submatch_case: has no effect/,
  ],
  [
    'a broken pattern',
    { include: 'a(', match_type: 'regexp', action: 'update' },
    /^include: "a\(" is not a usable pattern/,
  ],
  [
    'a broken pattern for a label',
    { include: 'a', match_type: 'regexp', action: 'update', experimental_match_labels: { x: '[' } },
    /^experimental_match_labels\.x: "\[" is not a usable pattern/,
  ],
  [
    'a group that is not there',
    { include: '^(a)$', match_type: 'regexp', action: 'update', new_name: 'b.$2' },
    /^new_name: \$2 means the group "2", which include "\^\(a\)\$" does not have; the name would always lack it/,
  ],
  [
    'a name that runs on behind a group',
    { include: '^(a)$', match_type: 'regexp', action: 'update', new_name: '$1_total' },
    /^new_name: \$1_total means the group "1_total".*; write \$\$\{1\}_total in YAML for group 1 followed by "_total"/,
  ],
  [
    'a group in the name of a combined metric',
    { include: '^(a)$', match_type: 'regexp', action: 'combine', new_name: 'b.$1' },
    /^new_name: has a group of include, but combine makes one metric of all: its groups become labels/,
  ],
  [
    'add_label without a label',
    update({ action: 'add_label', new_value: 'x' }),
    /^operations\.0\.new_label: is needed by add_label/,
  ],
  [
    'add_label without a value',
    update({ action: 'add_label', new_label: 'x' }),
    /^operations\.0\.new_value: is needed/,
  ],
  [
    'update_label without a label',
    update({ action: 'update_label', new_label: 'x' }),
    /^operations\.0\.label: is needed/,
  ],
  [
    'update_label that does nothing',
    update({ action: 'update_label', label: 'x' }),
    /^operations\.0\.action: .*changes nothing/,
  ],
  [
    'update_label to the same name',
    update({ action: 'update_label', label: 'x', new_label: 'x' }),
    /^operations\.0\.new_label: is the name/,
  ],
  [
    'delete_label_value without a value',
    update({ action: 'delete_label_value', label: 'x' }),
    /^operations\.0\.label_value: is needed/,
  ],
  [
    'a scale that is not there',
    update({ action: 'experimental_scale_value' }),
    /^operations\.0\.experimental_scale: is needed/,
  ],
  [
    'a scale of nothing',
    update({ action: 'experimental_scale_value', experimental_scale: 0 }),
    /^operations\.0\.experimental_scale: is 0/,
  ],
  [
    'aggregate_labels without a set',
    update({ action: 'aggregate_labels', aggregation_type: 'sum' }),
    /^operations\.0\.label_set: is needed by aggregate_labels: the labels that stay, \[\] for none/,
  ],
  [
    'aggregate_labels without a type',
    update({ action: 'aggregate_labels', label_set: [] }),
    /^operations\.0\.aggregation_type: is needed by aggregate_labels: sum, mean, min, max, count, median/,
  ],
  [
    'an unknown aggregation',
    update({ action: 'aggregate_labels', label_set: [], aggregation_type: 'p99' }),
    /^operations\.0\.aggregation_type: /,
  ],
  [
    'aggregate_label_values without values',
    update({
      action: 'aggregate_label_values',
      label: 'x',
      new_value: 'y',
      aggregated_values: [],
      aggregation_type: 'sum',
    }),
    /^operations\.0\.aggregated_values: names no value/,
  ],
  ['an unknown operation', update({ action: 'delete_label' }), /^operations\.0\.action: /],
  ['an unknown key', { include: 'm', action: 'update', metric_name: 'm' }, /metric_name/],
];

for (const [what, transform, problem] of REFUSED) {
  test(`metrics_transform refuses ${what} in plain words`, () => {
    const [first, ...others] = problems(transform);
    assert.match(first ?? '', problem);
    assert.deepEqual(others, []);
  });
}

test('metrics_transform says everything that is wrong with an operation at once', () => {
  assert.deepEqual(
    problems(update({ action: 'aggregate_label_values' })).map((problem) => problem.split(':')[0]),
    ['operations.0.label', 'operations.0.aggregated_values', 'operations.0.new_value', 'operations.0.aggregation_type'],
  );
});

test('metrics_transform takes what looks odd and is meant', () => {
  for (const transform of [
    { include: 'm', action: 'update', new_name: '$1' },
    { include: '(m)', match_type: 'regexp', action: 'update', new_name: '$$1' },
    { include: '(?P<n>m)', match_type: 'regexp', action: 'update', new_name: '${n}_total' },
    { include: '(m)', match_type: 'regexp', action: 'combine', new_name: 'all' },
    { include: 'm', action: 'group', group_resource_labels: {} },
    update({ action: 'delete_label_value', label: 'x', label_value: '' }),
    update({ action: 'aggregate_labels', label_set: [], aggregation_type: 'sum' }),
  ]) {
    assert.deepEqual(problems(transform), [], JSON.stringify(transform));
  }
});

test('the name that the Collector has for metrics_transform is understood', () => {
  assert.equal(findDefinition(components.processors, 'metricstransform'), metricsTransformProcessor);
});
