import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { components } from '../../../../src/components.ts';
import { loadPlan } from '../../../../src/config/plan.ts';
import { formatProblem } from '../../../../src/config/problem.ts';
import { isRecord } from '../../../../src/config/records.ts';
import { cardinalityLimitConfig } from '../../../../src/processors/cardinality-limit/config.ts';
import { fixesFor, type Fix } from '../../../../src/processors/cardinality-limit/explain/fixes.ts';
import type { Findings, LabelFindings } from '../../../../src/processors/cardinality-limit/explain/findings.ts';
import type { LimitedValues } from '../../../../src/processors/cardinality-limit/explain/explanation.ts';
import type { LabelSource } from '../../../../src/processors/cardinality-limit/explain/point-labels.ts';
import { suggestionFor, type Limiter } from '../../../../src/processors/cardinality-limit/explain/suggestion.ts';
import { valueFixesFor } from '../../../../src/processors/cardinality-limit/explain/value-fixes.ts';

const OWN = `
limit: 2000
metrics:
  - { match: http.*, on_overflow: bucket, bucket: { patterns: ['/u/{id}'] } }
  - { match: '$cart', limit: 70 }
  - { match: '/jvm[.].*$/', limit: 50 }
spans:
  name: { limit: 300, on_overflow: bucket }
  attributes:
    - { key: url.full, limit: 100, on_overflow: drop_attribute }
    - { key: session.id, placeholder: other }
`;

function labelled(key: string, source: LabelSource, samples: readonly string[] = []): LabelFindings {
  return { label: key, key, source, values: 5000, seriesWithout: 12, samples };
}

function findings(...labels: LabelFindings[]): Findings {
  return { series: 5012, labels, drivers: labels.length === 0 ? [] : [{ labels, seriesWithout: 12 }] };
}

function limiterOf(processor: string, ...fixes: Fix[][]): Limiter {
  const own = cardinalityLimitConfig().parse(parse(OWN));
  return { own, report: { processor, metrics: fixes.map((each) => ({ fixes: each })) } };
}

function ofMetric(processor: string, metric: string, ...labels: LabelFindings[]): Fix[] {
  return fixesFor({ processor, metric, limit: 2000, findings: findings(...labels) });
}

function ofSpans(processor: string, list: LimitedValues['list'], key: string): Fix[] {
  const label = labelled(key, 'point', ['/a/1', '/a/2', '/a/3']);
  return valueFixesFor({ processor, values: { of: 'spans', list, key }, limit: 100, findings: findings(label) });
}

/** What the limiter has after the suggestion was given as one more --config. */
async function settingsWith(yaml: string, id: string): Promise<unknown> {
  const own = `processors: {${id}: ${JSON.stringify(parse(OWN.replaceAll('$', '$$$$')))}}`;
  const texts: Readonly<Record<string, string>> = {
    'rest.yaml': `${own}
receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
service:
  pipelines:
    metrics: {receivers: [otlp], processors: [resource/cardinality, ${id}], exporters: [debug]}
    traces: {receivers: [otlp], processors: [${id}], exporters: [debug]}
`,
    'more.yaml': yaml,
  };
  const readFile = (path: string): Promise<string> => Promise.resolve(texts[path.replace(/^.*\//, '')] ?? '');
  const options = { configs: ['rest.yaml', 'more.yaml'], sets: [], env: {}, catalog: components, readFile };
  const loaded = await loadPlan(options);
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.map(formatProblem).join('\n'));
  assert.deepEqual(loaded.warnings, []);
  return loaded.plan.processors.get(id)?.prepared.config;
}

test('the advice for several metrics and instances is one configuration, and keeps what the lists had', async () => {
  const id = 'cardinality_limit';
  const yaml = suggestionFor([
    limiterOf(
      id,
      ofMetric(id, 'http.requests', labelled('user', 'point')),
      ofMetric(id, '$cart', labelled('item', 'point')),
      ofMetric(id, 'other', labelled('pod', 'resource')),
    ),
    limiterOf(id, ofSpans(id, 'attributes', 'url.full'), ofSpans(id, 'name', 'span.name')),
  ]);
  assert.match(yaml, /^# Name resource\/cardinality in the pipelines, before the limiter\.\n/);
  const settings = await settingsWith(yaml, id);
  assert.ok(isRecord(settings) && isRecord(settings['spans']));
  assert.deepEqual(settings['metrics'], [
    { match: 'http.requests', on_overflow: 'drop_label', drop_labels: ['user'] },
    { match: '$cart', on_overflow: 'drop_label', drop_labels: ['item'], limit: 70 },
    { match: 'http.*', on_overflow: 'bucket', bucket: { patterns: ['/u/{id}'], ids: true } },
    { match: '/jvm[.].*$/', limit: 50 },
  ]);
  assert.deepEqual(settings['spans']['attributes'], [
    { key: 'url.full', limit: 100, on_overflow: 'bucket' },
    { key: 'session.id', limit: 1000, on_overflow: 'replace', placeholder: 'other' },
  ]);
  assert.deepEqual(settings['spans']['name'], { limit: 100, on_overflow: 'bucket' });
});

test('of limits that are asked for twice the higher one counts, and limiters with other ids stay apart', () => {
  const raise = (processor: string, limit: number): Fix[] =>
    fixesFor({ processor, metric: 'm', limit, findings: findings() });
  const yaml = suggestionFor([
    limiterOf('cardinality_limit/a', raise('cardinality_limit/a', 9000), raise('cardinality_limit/a', 20_000)),
    limiterOf('cardinality_limit/b', raise('cardinality_limit/b', 9000)),
  ]);
  const made: unknown = parse(yaml);
  assert.ok(isRecord(made) && isRecord(made['processors']));
  const first = Object.values(made['processors']).map((settings) => {
    assert.ok(isRecord(settings) && Array.isArray(settings['metrics']));
    assert.equal(settings['metrics'].length, 4);
    return settings['metrics'][0] as unknown;
  });
  assert.deepEqual(first, [
    { match: 'm', limit: 30_000 },
    { match: 'm', limit: 14_000 },
  ]);
});

test('without advice there is nothing to merge', () => {
  assert.equal(suggestionFor([limiterOf('cardinality_limit'), limiterOf('cardinality_limit', [])]), '');
});
