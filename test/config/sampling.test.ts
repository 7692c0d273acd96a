import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../src/components.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { load } from './load.ts';

/** Every mistake in a sampler's configuration is told before anything starts, at its place, with what to do. */

const indented = (text: string): string => text.trimEnd().replaceAll(/^/gm, '    ');

async function problemsOf(sampler: string, settings: string, signal = 'traces'): Promise<string[]> {
  const text = `receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
processors:
  ${sampler}:
${indented(settings)}
service:
  pipelines:
    ${signal}: {receivers: [otlp], processors: [${sampler}], exporters: [debug]}
`;
  const loaded = await load({ 'a.yaml': text }, { catalog: components });
  const found = loaded.ok ? [] : loaded.problems.map(formatProblem);
  return found.map((problem) => problem.replace(`processors.${sampler}.`, ''));
}

const HEAD: readonly (readonly [string, RegExp])[] = [
  ['sampling_percentage: -1', /^a\.yaml:5:26 sampling_percentage: expected at least 0/],
  ['sampling_percentage: 1e-20', /^a\.yaml:5:26 sampling_percentage: is smaller than the smallest share/],
  ['sampling_percentage: .nan', /^a\.yaml:5:26 sampling_percentage: /],
  ['sampling_percentage: .inf', /^a\.yaml:5:26 sampling_percentage: /],
  ['sampling_percentage: ten', /^a\.yaml:5:26 sampling_percentage: expected a number/],
  ['sampling_precision: 0', /^a\.yaml:5:25 sampling_precision: /],
  ['sampling_precision: 15', /^a\.yaml:5:25 sampling_precision: /],
  ['sampling_precision: 2.5', /^a\.yaml:5:25 sampling_precision: /],
  ['hash_seed: -1', /^a\.yaml:5:16 hash_seed: /],
  ['hash_seed: 4294967296', /^a\.yaml:5:16 hash_seed: /],
  ['mode: equalising', /^a\.yaml:5:11 mode: .*did you mean "equalizing"/],
  ['attribute_source: record', /^a\.yaml:5:23 attribute_source: record needs from_attribute/],
  ['sampling_percent: 10', /^a\.yaml:5:5 sampling_percent: unknown key, did you mean "sampling_percentage"/],
];

for (const [settings, expected] of HEAD) {
  test(`probabilistic_sampler refuses {${settings}}`, async () => {
    const [problem = '', ...others] = await problemsOf('probabilistic_sampler', settings);
    assert.match(problem, expected);
    assert.deepEqual(others, []);
  });
}

test('probabilistic_sampler takes what the Collector takes: 100 and more, and nothing at all', async () => {
  for (const settings of ['sampling_percentage: 150', 'sampling_percentage: 0', '{}']) {
    assert.deepEqual(await problemsOf('probabilistic_sampler', settings), [], settings);
  }
});

/** Under `policies`, one policy whose settings are these. */
const policy = (text: string): string => `policies:\n  - ${text.trim().replaceAll('\n', '\n    ')}`;

const TAIL: readonly (readonly [string, string, RegExp])[] = [
  ['no policies', 'policies: []', /^a\.yaml:5:15 policies: /],
  ['none said', 'decision_wait: 10s', /^a\.yaml:4:3 .*policies/],
  [
    'an invalid regular expression',
    policy(
      '{name: a, type: string_attribute, string_attribute: {key: k, values: ["a(b"], enabled_regex_matching: true}}',
    ),
    /^a\.yaml:6:\d+ policies\[0\]\.string_attribute\.values\[0\]: /,
  ],
  [
    'a percentage above 100',
    policy('{name: a, type: probabilistic, probabilistic: {sampling_percentage: 101}}'),
    /^a\.yaml:6:\d+ policies\[0\]\.probabilistic\.sampling_percentage: /,
  ],
  [
    'a percentage below 0',
    policy('{name: a, type: probabilistic, probabilistic: {sampling_percentage: -1}}'),
    /^a\.yaml:6:\d+ policies\[0\]\.probabilistic\.sampling_percentage: /,
  ],
  [
    'consistent with a salt, which contradict each other',
    policy('{name: a, type: probabilistic, probabilistic: {sampling_percentage: 1, consistent: true, hash_salt: x}}'),
    /hash_salt: has no effect with consistent/,
  ],
  [
    'a range of durations in which nothing is',
    policy('{name: a, type: latency, latency: {threshold_ms: 10, upper_threshold_ms: 5}}'),
    /upper_threshold_ms: must be above threshold_ms/,
  ],
  [
    'a range of numbers in which nothing is',
    policy('{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 4}}'),
    /max_value: must not be below min_value/,
  ],
  [
    'a range of counts in which nothing is',
    policy('{name: a, type: span_count, span_count: {min_spans: 5, max_spans: 4}}'),
    /^a\.yaml:6:\d+ policies\[0\]\.span_count\./,
  ],
  [
    'two policies of one name',
    'policies: [{name: a, type: always_sample}, {name: a, type: always_sample}]',
    /called "a" too/,
  ],
  ['a policy without a name', policy('{type: always_sample}'), /^a\.yaml:6:\d+ policies\[0\]\.name: /],
  ['an unknown policy', policy('{name: a, type: latenzy}'), /^a\.yaml:6:\d+ policies\[0\]\.type: .*latency/],
  [
    'a condition that cannot be read',
    policy(`{name: a, type: ottl_condition, ottl_condition: {span: ['attributes["a" ==']}}`),
    /^a\.yaml:6:\d+ policies\[0\]\.ottl_condition\.span\[0\]: /,
  ],
  [
    'a composite of more than 100 %',
    policy(
      '{name: a, type: composite, composite: {max_total_spans_per_second: 10, composite_sub_policy: [{name: x, type: always_sample}, {name: y, type: always_sample}], rate_allocation: [{policy: x, percent: 60}, {policy: y, percent: 60}]}}',
    ),
    /rate_allocation: adds up to 120 %/,
  ],
  [
    'a wait after the root that is longer',
    `${policy('{name: a, type: always_sample}')}\ndecision_wait: 1s\ndecision_wait_after_root_received: 2s`,
    /^a\.yaml:8:\d+ decision_wait_after_root_received: is longer/,
  ],
  [
    'a trace larger than the buffer',
    `${policy('{name: a, type: always_sample}')}\nmax_bytes: 8MiB\nmaximum_trace_size_bytes: 9MiB`,
    /maximum_trace_size_bytes: is more than max_bytes/,
  ],
  ['no room at all', `${policy('{name: a, type: always_sample}')}\nmax_bytes: 1MiB`, /max_bytes: must be 4MiB to 4GiB/],
];

for (const [what, settings, expected] of TAIL) {
  test(`tail_sampling refuses ${what}`, async () => {
    const [problem = '', ...others] = await problemsOf('tail_sampling', settings);
    assert.match(problem, expected);
    assert.deepEqual(others, []);
  });
}

const ADAPTIVE: readonly (readonly [string, RegExp])[] = [
  ['{}', /set items_per_second or bytes_per_second/],
  ['items_per_second: 0', /^a\.yaml:5:23 items_per_second: /],
  ['items_per_second: -5', /^a\.yaml:5:23 items_per_second: /],
  ['bytes_per_second: 0', /bytes_per_second: must be more than 0/],
  ['{items_per_second: 1, bytes_per_second: 1MiB}', /either items_per_second or bytes_per_second, not both/],
  ['{items_per_second: 1, priority_share: 1.5}', /priority_share: /],
  ['{items_per_second: 1, window: 10ms}', /window: must be at least 1s/],
  ['{items_per_second: 1, keys: [a, a]}', /keys: names "a" twice/],
  ['{items_per_second: 1, keys: []}', /^a\.yaml:5:\d+ keys: /],
];

for (const [settings, expected] of ADAPTIVE) {
  test(`adaptive_sampler refuses ${settings}`, async () => {
    const [problem = '', ...others] = await problemsOf('adaptive_sampler', settings);
    assert.match(problem, expected);
    assert.deepEqual(others, []);
  });
}

test('a sampler in a pipeline of a signal that it does not know is refused', async () => {
  const [problem = ''] = await problemsOf('tail_sampling', policy('{name: a, type: always_sample}'), 'logs');
  assert.match(problem, /^a\.yaml:9:\d+ service\.pipelines\.logs\.processors\[0\]: /);
  const [metrics = ''] = await problemsOf('probabilistic_sampler', '{}', 'metrics');
  assert.match(metrics, /^a\.yaml:8:\d+ service\.pipelines\.metrics\.processors\[0\]: /);
});
