import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../src/components.ts';
import { loadPlan } from '../../src/config/plan.ts';
import { formatProblem } from '../../src/config/problem.ts';

/** What is said of a limiter with `settings` in a pipeline of each of `signals`. */
async function problemsWith(settings: string, ...signals: string[]): Promise<string[]> {
  const pipelines = signals.map(
    (signal) => `    ${signal}: {receivers: [otlp], processors: [cardinality_limit], exporters: [debug]}`,
  );
  const yaml = `receivers: {otlp: {protocols: {http: }}}
processors:
  cardinality_limit: ${settings}
exporters: {debug: }
service:
  pipelines:
${pipelines.join('\n')}
`;
  const readFile = (): Promise<string> => Promise.resolve(yaml);
  const loaded = await loadPlan({ configs: ['a.yaml'], sets: [], env: {}, catalog: components, readFile });
  return [...(loaded.ok ? [] : loaded.problems), ...loaded.warnings].map(formatProblem);
}

const SPANS = 'spans: {attributes: [{key: url}]}';
const LOGS = 'logs: {attributes: [{key: url}]}';

test('settings for the signals of all pipelines, and pipelines for all settings, are well', async () => {
  assert.deepEqual(await problemsWith(`{${SPANS}, ${LOGS}}`, 'traces', 'metrics', 'logs'), []);
  assert.deepEqual(await problemsWith('{}', 'metrics'), []);
});

test('a processor in a pipeline of a signal that it has no settings for is an error at its place there', async () => {
  const [problem = '', ...others] = await problemsWith(`{${SPANS}}`, 'traces', 'logs');
  assert.deepEqual(others, []);
  assert.match(problem, /service\.pipelines\.logs\.processors\[0\]: "cardinality_limit" says nothing of logs/);
});

test('settings for a signal without a pipeline are a warning at their place', async () => {
  const [problem = '', ...others] = await problemsWith(`{${SPANS}}`, 'metrics');
  assert.deepEqual(others, []);
  assert.match(problem, /processors\.cardinality_limit\.spans: spans does nothing/);
});

test('limits that contradict one another are errors where they stand', async () => {
  const wrong = [
    ['{spans: {}}', /spans: limits nothing/],
    ['{spans: {attributes: [{key: a}, {key: a}]}}', /attributes\[1\]\.key: has a limit above already/],
    ['{spans: {attributes: [{key: a, bucket: {}}]}}', /bucket: says nothing unless on_overflow is bucket/],
    ['{spans: {attributes: [{key: a, on_overflow: drop_attribute, placeholder: x}]}}', /placeholder: says nothing/],
    ['{spans: {name: {on_overflow: drop_attribute}}}', /name\.on_overflow/],
    ['{spans: {attributes: [{key: a, limit: 40000}, {key: b, limit: 20000}]}}', /spans: may keep 60000 values/],
  ] as const;
  for (const [settings, expected] of wrong) {
    const problems = await problemsWith(settings, 'traces');
    assert.match(problems.join('\n'), expected);
  }
});
