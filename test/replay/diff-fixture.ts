import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Plan } from '../../src/config/plan.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { plansOf } from '../../src/replay/effect/plans.ts';
import type { Side } from '../../src/replay/effect/span-table.ts';
import type { Fixture } from '../../src/replay/fixture/fixture.ts';

/** A pipeline of all signals that keeps so many percent of the traces and of the logs of traces. */
export function samplingConfig(percent: number): string {
  return `
receivers:
  otlp: { protocols: { http: {} } }
processors:
  probabilistic_sampler: { sampling_percentage: ${percent}, mode: proportional }
exporters:
  otlphttp: { endpoint: '\${env:UPSTREAM}' }
  debug:
service:
  pipelines:
    traces: { receivers: [otlp], processors: [probabilistic_sampler], exporters: [otlphttp, debug] }
    logs: { receivers: [otlp], exporters: [otlphttp] }
    metrics: { receivers: [otlp], exporters: [otlphttp] }
`;
}

/** What drops single spans, and logs of ERROR: it breaks traces and loses errors. */
export const FILTERING = `
receivers:
  otlp: { protocols: { http: {} } }
processors:
  filter:
    traces: { span: ['name == "db"'] }
    logs: { log_record: ['severity_number >= SEVERITY_NUMBER_ERROR'] }
exporters:
  otlphttp: { endpoint: '\${env:UPSTREAM}' }
service:
  pipelines:
    traces: { receivers: [otlp], processors: [filter], exporters: [otlphttp] }
    logs: { receivers: [otlp], processors: [filter], exporters: [otlphttp] }
    metrics: { receivers: [otlp], exporters: [otlphttp] }
`;

export interface DiffFixture {
  readonly folder: string;
  readonly fixture: string;
  /** Paths of the configurations by name. */
  readonly configs: Readonly<Record<'all' | 'tenth' | 'filter', string>>;
}

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');
const nanos = (atMs: number) => `${1_780_272_000_000 + atMs}000000`;

/** A fixture of so many traces of three spans in a minute, every 10th with an error, with logs and metrics. */
export async function diffFixture(t: TestContext, traces = 200, name = 'shop'): Promise<DiffFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'remora-diff-'));
  t.after(() => rm(folder, { recursive: true }));
  const fixture = join(folder, 'fixture');
  await mkdir(fixture);
  const lines = Array.from({ length: traces }, (_, n) => requestsOf(n, (n * 60) / traces, name)).flat();
  const manifest = `format: 1\ntitle: shop\nstart: 2026-06-01T00:00:00Z\nuntil: 60s\nreplays:\n  all:\n    config: [../all.yaml]\n    env: { UPSTREAM: 'http://upstream:4318' }\n`;
  const configs = { all: samplingConfig(100), tenth: samplingConfig(10), filter: FILTERING };
  await Promise.all([
    writeFile(join(fixture, 'manifest.yaml'), manifest),
    writeFile(join(fixture, 'requests.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
    ...Object.entries(configs).map(([key, text]) => writeFile(join(folder, `${key}.yaml`), text)),
  ]);
  const path = (key: string) => join(folder, `${key}.yaml`);
  return { folder, fixture, configs: { all: path('all'), tenth: path('tenth'), filter: path('filter') } };
}

/** A trace and a log of it, and now and then data points. */
function requestsOf(n: number, at: number, service: string): object[] {
  const resource = { attributes: [attribute('service.name', service)] };
  const envelope = { at, receiver: 'otlp', transport: 'http', headers: {} };
  const traceId = createHash('md5').update(String(n)).digest('hex');
  const time = { startTimeUnixNano: nanos(at * 1000), endTimeUnixNano: nanos(at * 1000 + 20) };
  const span = (id: number, parent: number, more: object) => ({
    traceId,
    spanId: hex(n * 8 + id, 16),
    ...(parent === 0 ? {} : { parentSpanId: hex(n * 8 + parent, 16) }),
    ...time,
    ...more,
  });
  const isError = n % 10 === 0;
  const spans = [
    span(1, 0, { name: 'GET', attributes: [attribute('http.route', n % 2 === 0 ? '/cart' : '/pay')] }),
    span(2, 1, { name: 'db', ...(isError ? { status: { code: 2 } } : {}) }),
    span(3, 2, { name: 'read' }),
  ];
  const severity = isError ? { severityNumber: 17, severityText: 'ERROR' } : { severityNumber: 9 };
  const logRecords = [{ timeUnixNano: nanos(at * 1000), ...severity, body: { stringValue: `order ${n}` }, traceId }];
  const dataPoints = [
    { timeUnixNano: nanos(at * 1000), asInt: String(n), attributes: [attribute('user', String(n % 40))] },
  ];
  const metrics = [{ name: 'orders', gauge: { dataPoints } }];
  return [
    { ...envelope, signal: 'traces', body: { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] } },
    { ...envelope, signal: 'logs', body: { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] } },
    { ...envelope, signal: 'metrics', body: { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] } },
  ];
}

/** The plans of two configuration files. */
export async function plansFor(
  fixture: Fixture,
  old: string,
  now: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<Side, Plan>>> {
  const side = (config: string) => ({ configs: [config], sets: [], env });
  const { plans, errors } = await plansOf(fixture, { old: side(old), new: side(now) });
  assert.ok(plans !== undefined, errors.map(formatProblem).join('\n'));
  return plans;
}
