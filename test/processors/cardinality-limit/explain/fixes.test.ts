import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { components } from '../../../../src/components.ts';
import { loadPlan } from '../../../../src/config/plan.ts';
import { formatProblem } from '../../../../src/config/problem.ts';
import { isRecord } from '../../../../src/config/records.ts';
import { fixesFor, type Fix } from '../../../../src/processors/cardinality-limit/explain/fixes.ts';
import type { Findings, LabelFindings } from '../../../../src/processors/cardinality-limit/explain/findings.ts';
import type { LabelSource } from '../../../../src/processors/cardinality-limit/explain/point-labels.ts';

function label(key: string, source: LabelSource | undefined = 'point'): LabelFindings {
  return { label: key, key, source, values: 5000, seriesWithout: 12, samples: [] };
}

function findings(...labels: LabelFindings[]): Findings {
  return { series: 5012, labels, drivers: labels.length === 0 ? [] : [{ labels, seriesWithout: 12 }] };
}

function fixesOf(metric: string, ...labels: LabelFindings[]): Fix[] {
  return fixesFor({ processor: 'cardinality_limit/edge', metric, limit: 2000, findings: findings(...labels) });
}

/** What is wrong with a fix that is merged into a configuration whose pipeline has the processor. */
async function problemsWith({ yaml }: Fix): Promise<string[]> {
  const fragment: unknown = parse(yaml);
  assert.ok(isRecord(fragment) && isRecord(fragment['processors']));
  const used = JSON.stringify(Object.keys(fragment['processors']));
  const rest = `receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [otlp], processors: ${used}, exporters: [debug]}}}
`;
  const texts: Record<string, string> = { 'rest.yaml': rest, 'fix.yaml': yaml };
  const readFile = (path: string): Promise<string> => Promise.resolve(texts[path.replace(/^.*\//, '')] ?? '');
  const loaded = await loadPlan({
    configs: ['rest.yaml', 'fix.yaml'],
    sets: [],
    env: {},
    catalog: components,
    readFile,
  });
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

test('every fix is a configuration that is valid and says what the names were, whatever they are', async () => {
  for (const text of HOSTILE) {
    const all = [
      ...fixesOf(text, label(text)),
      ...fixesOf(text, label(text), label('b', 'resource')),
      ...fixesOf(text, label('_other', undefined)),
      ...fixesOf(text),
    ];
    assert.ok(all.length >= 5);
    for (const fix of all.filter(({ yaml }) => yaml.includes('resource/'))) {
      assert.deepEqual(await problemsWith(fix), [], fix.yaml);
      assert.doesNotMatch(fix.yaml, /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
    }
  }
});
