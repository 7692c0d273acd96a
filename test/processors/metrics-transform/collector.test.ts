import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlainObject } from '../../support/otlp-proto.ts';
import { buckets, double, expected, gauge, histogram, int, sum, transform } from './bed.ts';

/** Inputs and results of the Collector's own tests of its metricstransformprocessor, as tables. */
interface Case {
  readonly name: string;
  readonly transforms: readonly PlainObject[];
  readonly metrics: readonly PlainObject[];
  readonly result: readonly PlainObject[];
}

const update = (include: string, ...operations: PlainObject[]): PlainObject => ({
  include,
  action: 'update',
  operations,
});
const aggregate = (type: string, ...labels: string[]): PlainObject => ({
  action: 'aggregate_labels',
  label_set: labels,
  aggregation_type: type,
});
const scale = (factor: number): PlainObject => ({ action: 'experimental_scale_value', experimental_scale: factor });
const toggle: PlainObject = { action: 'toggle_scalar_data_type' };

const renaming: Case[] = [
  {
    name: 'a name',
    transforms: [{ include: 'metric1', action: 'update', new_name: 'new/metric1' }],
    metrics: [gauge('metric1')],
    result: [gauge('new/metric1')],
  },
  {
    name: 'names by patterns, and what they became by another transform',
    transforms: [
      {
        include: '^(metric)(?P<namedsubmatch>[12])$',
        match_type: 'regexp',
        action: 'update',
        new_name: 'new/$1/$namedsubmatch',
      },
      { include: 'new/metric/1', action: 'update', new_name: 'new/new/metric1' },
    ],
    metrics: [gauge('metric1'), gauge('metric2'), gauge('metric3')],
    result: [gauge('new/new/metric1'), gauge('new/metric/2'), gauge('metric3')],
  },
  {
    name: 'nothing, when there is no such metric',
    transforms: [{ include: 'nonexist', action: 'update', new_name: 'new/metric1' }],
    metrics: [gauge('metric1')],
    result: [gauge('metric1')],
  },
  {
    name: 'a label',
    transforms: [update('metric1', { action: 'update_label', label: 'label1', new_label: 'new/label1' })],
    metrics: [gauge('metric1', int(1, 2, 3, { label1: 'value1' }))],
    result: [gauge('metric1', int(1, 2, 3, { 'new/label1': 'value1' }))],
  },
  {
    name: 'a value of a label',
    transforms: [
      update('metric1', {
        action: 'update_label',
        label: 'label1',
        value_actions: [{ value: 'label1-value1', new_value: 'new/label1-value1' }],
      }),
    ],
    metrics: [gauge('metric1', int(1, 2, 3, { label1: 'label1-value1' }), int(1, 2, 3, { label1: 'label1-value2' }))],
    result: [
      gauge('metric1', int(1, 2, 3, { label1: 'new/label1-value1' }), int(1, 2, 3, { label1: 'label1-value2' })),
    ],
  },
  {
    name: 'a label and its value',
    transforms: [
      update('metric1', {
        action: 'update_label',
        label: 'label1',
        new_label: 'new/label1',
        value_actions: [{ value: 'label1-value1', new_value: 'new/label1-value1' }],
      }),
    ],
    metrics: [gauge('metric1', int(1, 2, 3, { label1: 'label1-value1' }))],
    result: [gauge('metric1', int(1, 2, 3, { 'new/label1': 'new/label1-value1' }))],
  },
  {
    name: 'values of labels of metrics that match a pattern',
    transforms: [
      {
        include: '^matched.*$',
        match_type: 'regexp',
        action: 'update',
        operations: [{ action: 'update_label', label: 'label1', value_actions: [{ value: 'a', new_value: 'new/a' }] }],
      },
    ],
    metrics: [
      gauge('matched-metric1', int(1, 2, 3, { label1: 'a', label2: 'b' })),
      gauge('unmatched-metric2', int(1, 2, 3, { label1: 'a', label2: 'b' })),
    ],
    result: [
      gauge('matched-metric1', int(1, 2, 3, { label1: 'new/a', label2: 'b' })),
      gauge('unmatched-metric2', int(1, 2, 3, { label1: 'a', label2: 'b' })),
    ],
  },
];

/** Points of label1 `a`, with the values of label2 numbered. */
const ofInt = (values: readonly number[]) =>
  values.map((value, index) => int(1, 2, value, { label1: 'a', label2: `${index}` }));
const ofDouble = (values: readonly number[]) =>
  values.map((value, index) => double(1, 2, value, { label1: 'a', label2: `${index}` }));

const aggregations = (
  [
    ['sum', [3, 1], 4],
    ['mean', [3, 1], 2],
    ['max', [1, 3, 2], 3],
    ['min', [1, 3, 2], 1],
    ['count', [1, 4, 2], 3],
    ['median', [1, 4, 2], 2],
  ] as const
).flatMap(([type, values, result]): Case[] => [
  {
    name: `the ${type} of integers`,
    transforms: [update('metric1', aggregate(type, 'label1'))],
    metrics: [{ ...gauge('metric1', ...ofInt(values)), description: 'foobar' }],
    result: [{ ...gauge('metric1', int(1, 2, result, { label1: 'a' })), description: 'foobar' }],
  },
  {
    name: `the ${type} of doubles`,
    transforms: [update('metric1', aggregate(type, 'label1'))],
    metrics: [gauge('metric1', ...ofDouble(values))],
    result: [gauge('metric1', double(1, 2, result, { label1: 'a' }))],
  },
]);

const aggregating: Case[] = [
  ...aggregations,
  {
    name: 'only what has the same labels',
    transforms: [update('metric1', aggregate('min', 'label1'))],
    metrics: [
      gauge(
        'metric1',
        double(2, 2, 3, { label1: 'c', label2: 'c' }),
        double(0, 2, 4, { label1: 'b', label2: 'b' }),
        double(1, 2, 1, { label1: 'a', label2: 'a' }),
        double(1, 2, 3, { label1: 'a', label2: 'c' }),
      ),
    ],
    result: [
      gauge(
        'metric1',
        double(2, 2, 3, { label1: 'c' }),
        double(0, 2, 4, { label1: 'b' }),
        double(1, 2, 1, { label1: 'a' }),
      ),
    ],
  },
  {
    name: 'an inserted metric of the points that match',
    transforms: [
      {
        include: 'metric1',
        experimental_match_labels: { label0: 'a' },
        action: 'insert',
        new_name: 'new/metric1',
        operations: [aggregate('sum', 'label1', 'label2')],
      },
    ],
    metrics: [
      gauge(
        'metric1',
        double(1, 2, 3, { label0: 'a', label1: '1', label2: '2', label3: '3' }),
        double(1, 2, 1, { label0: 'a', label1: '1', label2: '2', label3: '4' }),
        double(1, 2, 1, { label0: 'b', label1: '1', label2: '2', label3: '3' }),
      ),
    ],
    result: [
      gauge(
        'metric1',
        double(1, 2, 3, { label0: 'a', label1: '1', label2: '2', label3: '3' }),
        double(1, 2, 1, { label0: 'a', label1: '1', label2: '2', label3: '4' }),
        double(1, 2, 1, { label0: 'b', label1: '1', label2: '2', label3: '3' }),
      ),
      gauge('new/metric1', double(1, 2, 4, { label1: '1', label2: '2' })),
    ],
  },
  {
    name: 'values of a label',
    transforms: [
      update('metric1', {
        action: 'aggregate_label_values',
        label: 'label2',
        aggregated_values: ['b1', 'b2'],
        new_value: 'new/b',
        aggregation_type: 'sum',
      }),
    ],
    metrics: [
      gauge(
        'metric1',
        int(0, 2, 3, { label1: 'a', label2: 'b1' }),
        int(0, 2, 1, { label1: 'a', label2: 'b2' }),
        int(1, 2, 1, { label1: 'a', label2: 'b3' }),
        int(2, 2, 4, { label1: 'a', label2: 'b4' }),
      ),
    ],
    result: [
      gauge(
        'metric1',
        int(0, 2, 4, { label1: 'a', label2: 'new/b' }),
        int(1, 2, 1, { label1: 'a', label2: 'b3' }),
        int(2, 2, 4, { label1: 'a', label2: 'b4' }),
      ),
    ],
  },
  {
    name: 'histograms, from the earliest start',
    transforms: [update('metric1', aggregate('sum', 'label1'))],
    metrics: [
      histogram(
        'metric1',
        buckets(0, 1, { count: 3, sum: 6, bounds: [1, 2, 3], counts: [0, 1, 1, 1] }, { label1: 'a', label2: '1' }),
        buckets(0, 1, { count: 5, sum: 10, bounds: [1, 2, 3], counts: [0, 2, 1, 2] }, { label1: 'a', label2: '2' }),
        buckets(1, 1, { count: 7, sum: 14, bounds: [1, 2, 3], counts: [0, 3, 1, 3] }, { label1: 'a', label2: '3' }),
      ),
    ],
    result: [
      histogram(
        'metric1',
        buckets(0, 1, { count: 15, sum: 30, bounds: [1, 2, 3], counts: [0, 6, 3, 6] }, { label1: 'a' }),
      ),
    ],
  },
  {
    name: 'a histogram that is alone, whatever the type',
    transforms: [update('metric1', aggregate('mean', 'label1'))],
    metrics: [
      histogram(
        'metric1',
        buckets(1, 2, { count: 3, sum: 6, bounds: [1, 2, 3], counts: [0, 1, 1, 1] }, { label1: 'a', label2: 'b' }),
      ),
    ],
    result: [
      histogram(
        'metric1',
        buckets(1, 2, { count: 3, sum: 6, bounds: [1, 2, 3], counts: [0, 1, 1, 1] }, { label1: 'a' }),
      ),
    ],
  },
  {
    name: 'nothing of a metric of which only some points match',
    transforms: [
      {
        include: 'metric1',
        experimental_match_labels: { label1: 'a' },
        action: 'update',
        operations: [aggregate('sum', 'label1')],
      },
    ],
    metrics: [gauge('metric1', int(1, 2, 3, { label1: 'a', label2: 'b' }), int(0, 2, 1, { label1: 'c', label2: 'd' }))],
    result: [gauge('metric1', int(1, 2, 3, { label1: 'a', label2: 'b' }), int(0, 2, 1, { label1: 'c', label2: 'd' }))],
  },
  {
    name: 'an inserted histogram',
    transforms: [{ include: 'metric1', action: 'insert', new_name: 'new', operations: [aggregate('sum', 'label1')] }],
    metrics: [
      histogram(
        'metric1',
        buckets(1, 2, { count: 3, sum: 6, bounds: [1, 2], counts: [0, 1, 2] }, { label1: 'a', label2: '1' }),
        buckets(1, 2, { count: 5, sum: 10, bounds: [1, 2], counts: [1, 1, 3] }, { label1: 'a', label2: '2' }),
      ),
    ],
    result: [
      histogram(
        'metric1',
        buckets(1, 2, { count: 3, sum: 6, bounds: [1, 2], counts: [0, 1, 2] }, { label1: 'a', label2: '1' }),
        buckets(1, 2, { count: 5, sum: 10, bounds: [1, 2], counts: [1, 1, 3] }, { label1: 'a', label2: '2' }),
      ),
      histogram('new', buckets(1, 2, { count: 8, sum: 16, bounds: [1, 2], counts: [1, 2, 5] }, { label1: 'a' })),
    ],
  },
];

const insert = (labels: Record<string, string>, type: 'strict' | 'regexp' = 'strict'): PlainObject => ({
  include: 'metric1',
  match_type: type,
  experimental_match_labels: labels,
  action: 'insert',
  new_name: 'new/metric1',
});
const point = int(1, 2, 3, { label1: 'value1', label2: 'value2' });

const inserting: Case[] = [
  {
    name: 'copies behind the metrics of the scope',
    transforms: [
      { include: 'metric1', action: 'insert', new_name: 'new/metric1' },
      { include: 'metric2', action: 'insert', new_name: 'new/metric2' },
    ],
    metrics: [gauge('metric1'), gauge('metric2')],
    result: [gauge('metric1'), gauge('metric2'), gauge('new/metric1'), gauge('new/metric2')],
  },
  ...(
    [
      ['a label that is equal', insert({ label1: 'value1' })],
      ['a label that matches', insert({ label1: '(.|\\s)*\\S(.|\\s)*' }, 'regexp')],
      ['a label that matches as a whole', insert({ label1: 'value1' }, 'regexp')],
      ['a label that is not there, and may be empty', insert({ label1: 'value1', missing_key: '^$' }, 'regexp')],
    ] as const
  ).map(([name, rule]) => ({
    name: `copies by ${name}`,
    transforms: [rule],
    metrics: [gauge('metric1', point)],
    result: [gauge('metric1', point), gauge('new/metric1', point)],
  })),
  ...(
    [
      ['a label with another value', insert({ label1: 'wrong_value' })],
      ['a label that does not match', insert({ label1: '.*wrong_ending' }, 'regexp')],
      ['a label that is not there', insert({ missing_key: 'value1' })],
      ['a pattern for a label that is not there', insert({ missing_key: 'value1' }, 'regexp')],
      ['one label of two', insert({ label1: 'value1', missing_key: 'value2' }, 'regexp')],
    ] as const
  ).map(([name, rule]) => ({
    name: `no copies by ${name}`,
    transforms: [rule],
    metrics: [gauge('metric1', point)],
    result: [gauge('metric1', point)],
  })),
  {
    name: 'copies of the points that match',
    transforms: [insert({ label1: 'value3' }, 'regexp')],
    metrics: [gauge('metric1', point, int(2, 2, 3, { label1: 'value3', label2: 'value4' }))],
    result: [
      gauge('metric1', point, int(2, 2, 3, { label1: 'value3', label2: 'value4' })),
      gauge('new/metric1', int(2, 2, 3, { label1: 'value3', label2: 'value4' })),
    ],
  },
  {
    name: 'changed copies',
    transforms: [{ ...insert({}), operations: [{ action: 'update_label', label: 'label1', new_label: 'new/label1' }] }],
    metrics: [gauge('metric1', point)],
    result: [gauge('metric1', point), gauge('new/metric1', int(1, 2, 3, { 'new/label1': 'value1', label2: 'value2' }))],
  },
];

const combine = (include: string, more: PlainObject = {}): PlainObject => ({
  include,
  match_type: 'regexp',
  action: 'combine',
  new_name: 'new',
  ...more,
});
const three = [gauge('metric1', int(1, 1, 1)), gauge('metric2', int(1, 1, 2)), gauge('metric3', int(1, 1, 3))] as const;
const unequal = (name: string, first: PlainObject, second: PlainObject): Case => ({
  name: `nothing of ${name}`,
  transforms: [combine('^metric[12]$', { aggregation_type: 'sum' })],
  metrics: [first, second, three[2]],
  result: [first, second, three[2]],
});

const combining: Case[] = [
  {
    name: 'metrics by the groups of a pattern',
    transforms: [combine('^([mM]etric)(?P<namedsubmatch>[12])$', { submatch_case: 'lower' })],
    metrics: [gauge('Metric1', int(1, 1, 1)), three[1], three[2]],
    result: [
      three[2],
      gauge(
        'new',
        int(1, 1, 1, { $1: 'metric', namedsubmatch: '1' }),
        int(1, 1, 2, { $1: 'metric', namedsubmatch: '2' }),
      ),
    ],
  },
  { name: 'nothing that does not match', transforms: [combine('^X(metric)[12]$')], metrics: three, result: three },
  {
    name: 'a single metric',
    transforms: [combine('^([mM]etric)(?P<namedsubmatch>[1])$', { submatch_case: 'upper' })],
    metrics: [gauge('Metric1', int(1, 1, 1)), three[1], three[2]],
    result: [three[1], three[2], gauge('new', int(1, 1, 1, { $1: 'METRIC', namedsubmatch: '1' }))],
  },
  {
    name: 'their sum',
    transforms: [combine('^metric[12]$', { aggregation_type: 'sum' })],
    metrics: three,
    result: [three[2], gauge('new', int(1, 1, 3))],
  },
  {
    name: 'with operations on the result',
    transforms: [
      combine('^(metric)(?P<namedsubmatch>[12])$', {
        operations: [
          { action: 'add_label', new_label: 'new_label', new_value: 'new_label_value' },
          aggregate('sum', '$1', 'new_label'),
        ],
      }),
    ],
    metrics: three,
    result: [three[2], gauge('new', int(1, 1, 3, { $1: 'metric', new_label: 'new_label_value' }))],
  },
  unequal('different kinds', three[0], sum('metric2', int(1, 1, 2))),
  unequal('different units', { ...three[0], unit: 's' }, { ...three[1], unit: 'ms' }),
  unequal(
    'more labels',
    gauge('metric1', int(1, 1, 1, { a: '1', b: '2' })),
    gauge('metric2', int(1, 1, 2, { a: '1', b: '2', c: '3' })),
  ),
  unequal(
    'other labels',
    gauge('metric1', int(1, 1, 1, { a: '1', b: '2' })),
    gauge('metric2', int(1, 1, 2, { a: '1', c: '3' })),
  ),
];

const values: Case[] = [
  {
    name: 'integers to doubles',
    transforms: [update('metric1', toggle), update('metric2', toggle)],
    metrics: [sum('metric1', int(1, 1, 1)), gauge('metric2', int(1, 1, 1))],
    result: [sum('metric1', double(1, 1, 1)), gauge('metric2', double(1, 1, 1))],
  },
  {
    name: 'doubles to integers',
    transforms: [update('metric1', toggle), update('metric2', toggle)],
    metrics: [sum('metric1', double(1, 1, 1)), gauge('metric2', double(1, 1, 1))],
    result: [sum('metric1', int(1, 1, 1)), gauge('metric2', int(1, 1, 1))],
  },
  {
    name: 'no type of histograms',
    transforms: [update('metric1', toggle)],
    metrics: [histogram('metric1', buckets(0, 2, { count: 3, sum: 6, bounds: [1, 2, 3], counts: [0, 1, 1, 1] }))],
    result: [histogram('metric1', buckets(0, 2, { count: 3, sum: 6, bounds: [1, 2, 3], counts: [0, 1, 1, 1] }))],
  },
  {
    name: 'the size of integers',
    transforms: [update('metric1', scale(100)), update('metric2', scale(10))],
    metrics: [sum('metric1', int(1, 1, 1)), gauge('metric2', int(1, 1, 3))],
    result: [sum('metric1', int(1, 1, 100)), gauge('metric2', int(1, 1, 30))],
  },
  {
    name: 'the size of doubles',
    transforms: [update('metric1', scale(100)), update('metric2', scale(0.1))],
    metrics: [sum('metric1', double(1, 1, 1)), gauge('metric2', double(1, 1, 300))],
    result: [sum('metric1', double(1, 1, 100)), gauge('metric2', double(1, 1, 30))],
  },
  {
    name: 'the size of histograms, with their extremes and exemplars',
    transforms: [update('metric1', scale(100)), update('metric2', scale(0.1))],
    metrics: [
      histogram(
        'metric1',
        buckets(1, 1, { count: 1, sum: 1, min: 1, max: 1, bounds: [1], counts: [1, 1], exemplars: [1] }),
      ),
      histogram(
        'metric2',
        buckets(2, 2, { count: 2, sum: 400, min: 100, max: 300, bounds: [200], counts: [1, 2], exemplars: [100, 300] }),
      ),
    ],
    result: [
      histogram(
        'metric1',
        buckets(1, 1, { count: 1, sum: 100, min: 100, max: 100, bounds: [100], counts: [1, 1], exemplars: [100] }),
      ),
      histogram(
        'metric2',
        buckets(2, 2, { count: 2, sum: 40, min: 10, max: 30, bounds: [20], counts: [1, 2], exemplars: [10, 30] }),
      ),
    ],
  },
  {
    name: 'only what matches',
    transforms: ['metric1', 'metric2'].map((include) => ({
      ...update(include, scale(10)),
      experimental_match_labels: { label1: 'a' },
    })),
    metrics: [
      sum('metric1', int(1, 1, 1, { label1: 'a' }), int(1, 1, 3, { label1: 'b' })),
      histogram(
        'metric2',
        buckets(1, 1, { count: 1, sum: 1, bounds: [1], counts: [1, 1] }, { label1: 'a' }),
        buckets(1, 1, { count: 2, sum: 4, bounds: [2], counts: [1, 2] }, { label1: 'b' }),
      ),
    ],
    result: [
      sum('metric1', int(1, 1, 10, { label1: 'a' }), int(1, 1, 3, { label1: 'b' })),
      histogram(
        'metric2',
        buckets(1, 1, { count: 1, sum: 10, bounds: [10], counts: [1, 1] }, { label1: 'a' }),
        buckets(1, 1, { count: 2, sum: 4, bounds: [2], counts: [1, 2] }, { label1: 'b' }),
      ),
    ],
  },
];

const add = (label: string, value: string): PlainObject => ({
  action: 'add_label',
  new_label: label,
  new_value: value,
});
const deletion = update('metric', { action: 'delete_label_value', label: 'label1', label_value: 'a' });

const labels: Case[] = [
  {
    name: 'a label where there are none',
    transforms: [update('metric1', add('foo', 'bar'))],
    metrics: [gauge('metric1', int(1, 2, 3))],
    result: [gauge('metric1', int(1, 2, 3, { foo: 'bar' }))],
  },
  {
    name: 'a label beside others',
    transforms: [update('metric1', add('foo', 'bar'))],
    metrics: [gauge('metric1', point)],
    result: [gauge('metric1', int(1, 2, 3, { label1: 'value1', label2: 'value2', foo: 'bar' }))],
  },
  {
    name: 'no label that is there',
    transforms: [update('metric1', add('label1', 'value3'))],
    metrics: [gauge('metric1', point)],
    result: [gauge('metric1', point)],
  },
  {
    name: 'no label of other metrics',
    transforms: [update('mymetric', add('foo', 'bar'))],
    metrics: [gauge('metric1', point)],
    result: [gauge('metric1', point)],
  },
  {
    name: 'no points with a value that is deleted',
    transforms: [deletion],
    metrics: [gauge('metric', int(1, 2, 3, { label1: 'a', label2: 'x' }), int(1, 2, 4, { label1: 'b', label2: 'x' }))],
    result: [gauge('metric', int(1, 2, 4, { label1: 'b', label2: 'x' }))],
  },
  {
    name: 'no metric all of whose points are deleted',
    transforms: [deletion],
    metrics: [gauge('metric', int(1, 2, 3, { label1: 'a', label2: 'x' }))],
    result: [],
  },
];

for (const [what, cases] of Object.entries({
  renames: renaming,
  aggregates: aggregating,
  inserts: inserting,
  combines: combining,
  changes: values,
  gives: labels,
})) {
  for (const { name, transforms, metrics, result } of cases) {
    test(`metrics_transform ${what} ${name}, as the Collector`, async () => {
      assert.deepEqual(await transform(transforms, metrics), expected(result));
    });
  }
}
