import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineProcessor } from '../../../../src/core/component.ts';
import { ACCEPTED } from '../../../../src/core/verdict.ts';
import { catalog } from '../../../config/catalog.ts';
import { problemsOf } from '../../../config/load.ts';
import { settingsSchema } from './traces.ts';

/** Only the settings that decide, without a sampler. */
const decider = defineProcessor({
  type: 'tail_sampling',
  summary: 'Decides.',
  signals: ['traces'],
  config: () => settingsSchema,
  bypass: 'skip',
  create: () => ({ consume: () => Promise.resolve(ACCEPTED) }),
});

/** The problems of one list of policies, each with the line and column that it is at and the path within the list. */
async function problems(policies: string): Promise<string> {
  const lines = policies.trim().split('\n');
  const text = `receivers: {otlp: {protocols: {grpc: }}}
processors:
  tail_sampling:
    policies:
${lines.map((line) => `      ${line}`).join('\n')}
exporters: {debug: }
service: {pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}}
`;
  const found = await problemsOf(
    { 'a.yaml': text },
    { catalog: { ...catalog, processors: [...catalog.processors, decider] } },
  );
  return found.map((line) => line.replace('a.yaml:', '').replace('processors.tail_sampling.policies', '')).join('\n');
}

const NESTED_TYPES = [
  'always_sample',
  'latency',
  'numeric_attribute',
  'boolean_attribute',
  'string_attribute',
  'status_code',
  'probabilistic',
  'rate_limiting',
  'bytes_limiting',
  'span_count',
  'trace_state',
  'trace_flags',
  'ottl_condition',
  'and',
  'not',
]
  .map((type) => `"${type}"`)
  .join(', ');
const TYPES = `${NESTED_TYPES}, "drop", "composite"`;

const cases: readonly (readonly [name: string, policies: string, expected: string])[] = [
  ['no policies', '[]', '5:7 : expected at least 1 entry, found a list'],
  [
    'an unknown type',
    '- {name: a, type: latencies}',
    `5:25 [0].type: expected one of ${TYPES}, found the text "latencies", did you mean "latency"?`,
  ],
  ['no type', '- {name: a}', `5:9 [0].type: is required: one of ${TYPES}`],
  ['no name', '- {type: always_sample}', '5:9 [0].name: is required: text'],
  [
    'two policies of one name',
    '- {name: a, type: always_sample}\n- {name: a, type: trace_flags}',
    '6:16 [1].name: another policy is called "a" too; metrics would mix them',
  ],
  [
    'the key of another type',
    '- {name: a, type: always_sample, latency: {threshold_ms: 5}}',
    '5:40 [0].latency: unknown key; the keys here are name, type',
  ],
  ['nothing of its own type', '- {name: a, type: status_code}', '5:9 [0].status_code: is required: a map'],
  [
    'a misspelt key',
    '- {name: a, type: latency, latency: {treshold_ms: 5}}',
    '5:44 [0].latency.treshold_ms: unknown key, did you mean "threshold_ms"?',
  ],
  [
    'an upper threshold below the lower',
    '- {name: a, type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 5}}',
    '5:81 [0].latency.upper_threshold_ms: must be above threshold_ms, or no trace is sampled',
  ],
  [
    'no bound',
    '- {name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 0}}',
    '5:83 [0].numeric_attribute.min_value: set min_value, max_value or both; 0 sets no bound',
  ],
  [
    'a maximum below the minimum',
    '- {name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 4}}',
    '5:97 [0].numeric_attribute.max_value: must not be below min_value, or nothing matches',
  ],
  [
    'no values',
    '- {name: a, type: string_attribute, string_attribute: {key: k, values: []}}',
    '5:78 [0].string_attribute.values: expected at least 1 entry, found a list',
  ],
  [
    'an invalid pattern',
    "- name: a\n  type: string_attribute\n  string_attribute:\n    key: k\n    enabled_regex_matching: true\n    values: [ok, '(']",
    '10:24 [0].string_attribute.values[1]: "(" is not a usable pattern: Unterminated group',
  ],
  [
    'a number for a text',
    '- {name: a, type: string_attribute, string_attribute: {key: k, values: [404]}}',
    '5:79 [0].string_attribute.values[0]: expected text, found the number 404; put it in quotes',
  ],
  [
    'an unknown status',
    '- {name: a, type: status_code, status_code: {status_codes: [ERRO]}}',
    '5:67 [0].status_code.status_codes[0]: expected one of "OK", "ERROR", "UNSET", found the text "ERRO", did you mean "ERROR"?',
  ],
  [
    'too many percent',
    '- {name: a, type: probabilistic, probabilistic: {sampling_percentage: 101}}',
    '5:77 [0].probabilistic.sampling_percentage: expected at most 100, found the number 101',
  ],
  [
    'a negative percentage',
    '- {name: a, type: probabilistic, probabilistic: {sampling_percentage: -1}}',
    '5:77 [0].probabilistic.sampling_percentage: expected at least 0, found the number -1',
  ],
  [
    'a salt for what is not hashed',
    '- {name: a, type: probabilistic, probabilistic: {sampling_percentage: 1, hash_salt: x, consistent: true}}',
    '5:91 [0].probabilistic.hash_salt: has no effect with consistent, which hashes nothing',
  ],
  [
    'no rate',
    '- {name: a, type: rate_limiting, rate_limiting: {spans_per_second: 0}}',
    '5:74 [0].rate_limiting.spans_per_second: expected more than 0, found the number 0',
  ],
  [
    'no rate of bytes',
    '- {name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: 0}}',
    '5:76 [0].bytes_limiting.bytes_per_second: must be more than 0, or no trace is sampled',
  ],
  [
    'no count',
    '- {name: a, type: span_count, span_count: {}}',
    '5:37 [0].span_count.min_spans: set min_spans, max_spans or both; 0 sets no bound',
  ],
  [
    'a most below the fewest',
    '- {name: a, type: span_count, span_count: {min_spans: 3, max_spans: 2}}',
    '5:75 [0].span_count.max_spans: must not be below min_spans, or no trace is sampled',
  ],
  [
    'a condition that cannot be read',
    '- name: a\n  type: ottl_condition\n  ottl_condition: {span: [\'attributes["a"] =\']}',
    '7:33 [0].ottl_condition.span[0]: condition at character 17: expected a comparison (==, !=, <, <=, >, >=)',
  ],
  [
    'a field that events do not have',
    "- name: a\n  type: ottl_condition\n  ottl_condition: {spanevent: ['kind == 1']}",
    '7:38 [0].ottl_condition.spanevent[0]: condition at character 1: kind is not a field of span events; there are attributes["key"], name, time_unix_nano, dropped_attributes_count, and those of span., scope. and resource',
  ],
  [
    'no conditions',
    '- {name: a, type: ottl_condition, ottl_condition: {}}',
    '5:41 [0].ottl_condition.span: write conditions on spans, on span events (spanevent) or on both',
  ],
  [
    'and of nothing',
    '- {name: a, type: and, and: {and_sub_policy: []}}',
    '5:52 [0].and.and_sub_policy: expected at least 1 entry, found a list',
  ],
  ['not of nothing', '- {name: a, type: not, not: {}}', '5:30 [0].not.not_sub_policy: is required: a map'],
  [
    'drop inside and',
    '- {name: a, type: and, and: {and_sub_policy: [{type: drop, drop: {}}]}}',
    `5:60 [0].and.and_sub_policy[0].type: expected one of ${NESTED_TYPES}, found the text "drop"`,
  ],
  [
    'a mistake deep inside',
    '- name: a\n  type: drop\n  drop:\n    drop_sub_policy:\n      - type: not\n        not:\n          not_sub_policy: {type: latency, latency: {threshold_ms: fast}}',
    '11:73 [0].drop.drop_sub_policy[0].not.not_sub_policy.latency.threshold_ms: expected a number, found the text "fast"',
  ],
];

const COMPOSITE = `- name: a
  type: composite
  composite:
    max_total_spans_per_second: 100
    composite_sub_policy:
      - {name: x, type: always_sample}
      - {name: y, type: trace_flags}
`;
const composites: typeof cases = [
  [
    'an order of unknown policies',
    `${COMPOSITE}    policy_order: [x, z]`,
    '12:29 [0].composite.policy_order[1]: no policy of this composite is called "z"; its policies are x, y',
  ],
  [
    'an order with a policy twice',
    `${COMPOSITE}    policy_order: [x, y, x]`,
    '12:32 [0].composite.policy_order[2]: "x" comes twice',
  ],
  [
    'a share for an unknown policy',
    `${COMPOSITE}    rate_allocation: [{policy: z, percent: 5}]`,
    '12:38 [0].composite.rate_allocation[0].policy: no policy of this composite is called "z"; its policies are x, y',
  ],
  [
    'two shares for one policy',
    `${COMPOSITE}    rate_allocation: [{policy: x, percent: 5}, {policy: x, percent: 6}]`,
    '12:63 [0].composite.rate_allocation[1].policy: "x" comes twice',
  ],
  [
    'shares of more than everything',
    `${COMPOSITE}    rate_allocation: [{policy: x, percent: 60}, {policy: y, percent: 50}]`,
    '12:28 [0].composite.rate_allocation: adds up to 110 %, which is more than 100',
  ],
  [
    'two policies of a composite of one name',
    `${COMPOSITE}      - {name: x, type: trace_flags}`,
    '12:22 [0].composite.composite_sub_policy[2].name: another policy of this composite is called "x" too',
  ],
];

for (const [name, policies, expected] of [...cases, ...composites]) {
  test(`a list of policies is refused: ${name}`, async () => {
    assert.equal(await problems(policies), expected);
  });
}

test('what a policy leaves out is as in the Collector', () => {
  const sections = [
    { type: 'latency', latency: {} },
    { type: 'string_attribute', string_attribute: { key: 'k', values: ['v'] } },
    { type: 'probabilistic', probabilistic: { sampling_percentage: 5 } },
    { type: 'boolean_attribute', boolean_attribute: { key: 'k' } },
  ];
  const settings = settingsSchema.parse({ policies: sections.map((each) => ({ ...each, name: each.type })) });
  const [latency, text, share, truth] = settings.policies;
  assert.partialDeepStrictEqual(latency, { latency: { threshold_ms: 0, upper_threshold_ms: 0 } });
  const texts = { enabled_regex_matching: false, cache_max_size: 0, invert_match: false };
  assert.partialDeepStrictEqual(text, { string_attribute: texts });
  assert.partialDeepStrictEqual(share, { probabilistic: { hash_salt: '', consistent: false } });
  assert.partialDeepStrictEqual(truth, { boolean_attribute: { value: false, invert_match: false } });
  assert.deepEqual([settings.sample_on_first_match, settings.inverted_decisions], [false, false]);
});
