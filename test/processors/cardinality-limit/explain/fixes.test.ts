import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { components } from '../../../../src/components.ts';
import { loadPlan, type LoadOptions } from '../../../../src/config/plan.ts';
import { formatProblem } from '../../../../src/config/problem.ts';
import { isRecord } from '../../../../src/config/records.ts';
import { fixesFor, type Fix } from '../../../../src/processors/cardinality-limit/explain/fixes.ts';
import type { Findings, LabelFindings } from '../../../../src/processors/cardinality-limit/explain/findings.ts';
import { metricPattern } from '../../../../src/processors/cardinality-limit/metric-pattern.ts';
import type { LabelSource } from '../../../../src/processors/cardinality-limit/explain/point-labels.ts';

function label(key: string, from: LabelSource | 'none' = 'point'): LabelFindings {
  const source = from === 'none' ? undefined : from;
  return { label: key, key, source, values: 5000, seriesWithout: 12, samples: [] };
}

function findings(...labels: LabelFindings[]): Findings {
  return { series: 5012, labels, drivers: labels.length === 0 ? [] : [{ labels, seriesWithout: 12 }] };
}

function fixesOf(metric: string, ...labels: LabelFindings[]): Fix[] {
  return fixesFor({ processor: 'cardinality_limit/edge', metric, limit: 2000, findings: findings(...labels) });
}

/** A configuration whose pipeline has the processors of a fix, and the fix as one more `--config`. */
function optionsFor(yaml: string, used: readonly string[]): LoadOptions {
  const rest = `receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [otlp], processors: ${JSON.stringify(used)}, exporters: [debug]}}}
`;
  const texts: Readonly<Record<string, string>> = { 'rest.yaml': rest, 'fix.yaml': yaml };
  const readFile = (path: string): Promise<string> => Promise.resolve(texts[path.replace(/^.*\//, '')] ?? '');
  return { configs: ['rest.yaml', 'fix.yaml'], sets: [], env: {}, catalog: components, readFile };
}

async function problemsWith({ yaml }: Pick<Fix, 'yaml'>): Promise<string[]> {
  const fragment: unknown = parse(yaml);
  assert.ok(isRecord(fragment) && isRecord(fragment['processors']));
  const loaded = await loadPlan(optionsFor(yaml, Object.keys(fragment['processors'])));
  return [...(loaded.ok ? [] : loaded.problems), ...loaded.warnings].map(formatProblem);
}

const HOSTILE = [
  'http_requests_total',
  '*',
  'a?b',
  '/.*/',
  '${env:HOME}',
  '$HOME $$',
  'a: b # c',
  '- x',
  '"\'',
  '`yaml`: |\n  !!js/function',
  '\u202e\u2028\u0000\u001b[31m',
  '\u{e0001}',
  'null',
  '123',
  '{{x}}',
  '<b>',
  '&a *a',
  ' ',
  '~',
];

test('every fix is a configuration that is valid, whatever names say, and nothing hidden is in it', async () => {
  for (const text of HOSTILE) {
    const all = [
      ...fixesOf(text, label(text), label('b', 'resource')),
      ...fixesOf(text, { ...label(text), samples: ['/a/1', '/a/2', '/a/3'] }),
      ...fixesOf(text, label(text, 'resource')),
      ...fixesOf(text, label('_other', 'none')),
      ...fixesOf(text),
    ];
    assert.equal(all.length, 7);
    for (const fix of all) {
      assert.deepEqual(await problemsWith(fix), [], fix.yaml);
      assert.doesNotMatch(fix.yaml, /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
    }
  }
});

test('a fix is for exactly the metric and the labels that it is about, once the configuration is read', async () => {
  for (const text of HOSTILE) {
    const [fix] = fixesOf(text, label(text), label('b'));
    assert.ok(fix !== undefined);
    const rule = await ruleIn(fix);
    assert.deepEqual(rule['drop_labels'], [text, 'b']);
    const pattern = metricPattern(String(rule['match']));
    for (const other of HOSTILE) assert.equal(pattern.test(other), other === text, `${text} is not ${other}`);
  }
});

test('paths with ids are put in buckets, other values are not', () => {
  const first = (samples: string[]): string => fixesOf('m', { ...label('path'), samples })[0]?.yaml ?? '';
  assert.match(
    first(['/users/17', '/users/4', '/users/923']),
    /on_overflow: bucket\n\s+bucket:\n\s+labels:\n\s+- path\n/,
  );
  assert.match(first(['/users', '/carts', '/orders']), /drop_label/);
  assert.match(first(['u-1', 'u-2', 'u-3']), /drop_label/);
  assert.match(first([]), /drop_label/);
});

test('where no label of a point or a resource is to blame, the limit may be raised', async () => {
  for (const fixes of [
    fixesOf('m'),
    fixesOf('m', label('_other', 'none')),
    fixesOf('m', label('otel.scope.name', 'scope')),
  ]) {
    const [fix] = fixes;
    assert.ok(fix !== undefined && fixes.length === 1);
    assert.equal((await ruleIn(fix))['limit'], 7600);
  }
  assert.deepEqual(
    fixesOf('m', label('a', 'resource')).map(({ yaml }) => yaml.includes('limit')),
    [false],
  );
  assert.deepEqual(fixesOf(''), []);
  assert.deepEqual(fixesOf('x'.repeat(5000), label('a')), []);
});

/** The rule of the limiter, as it is after the configuration was read. */
async function ruleIn({ yaml }: Fix): Promise<Readonly<Record<string, unknown>>> {
  const expanded = await loadPlan(optionsFor(yaml, ['cardinality_limit/edge']));
  assert.ok(expanded.ok);
  const config = expanded.plan.processors.get('cardinality_limit/edge')?.prepared.config;
  assert.ok(isRecord(config) && Array.isArray(config['metrics']));
  const rules: readonly unknown[] = config['metrics'];
  const [rule] = rules;
  assert.ok(isRecord(rule));
  return rule;
}
