import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/** Spans, log lines and a page of a small application; nothing is expected yet. */
export const MANIFEST = `format: 1
title: A small application
start: '2026-06-01T00:00:00Z'
until: 40s
replays:
  app: { config: [config.yaml] }
`;

export const CONFIG = `receivers:
  otlp: { protocols: { http: {} } }
  filelog: { include: [/var/log/app/*.log], start_at: beginning }
  prometheus:
    config:
      scrape_configs: [{ job_name: app, scrape_interval: 15s, static_configs: [{ targets: ['app:9090'] }] }]
processors:
  batch: { timeout: 1s }
exporters:
  otlphttp: { endpoint: http://upstream:4318 }
service:
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlphttp] }
    logs: { receivers: [filelog, otlp], processors: [batch], exporters: [otlphttp] }
    metrics: { receivers: [prometheus, otlp], processors: [batch], exporters: [otlphttp] }
`;

export interface SpanParts {
  readonly trace: number;
  readonly id: number;
  readonly name?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly isError?: boolean;
  readonly service?: string;
}

/** A line of requests.jsonl. */
export function spansLine(at: number, spans: readonly SpanParts[]): string {
  const resourceSpans = spans.map(({ service = 'shop', ...span }) => ({
    resource: { attributes: attributesOf({ 'service.name': service }) },
    scopeSpans: [{ spans: [spanOf(at, span)] }],
  }));
  const envelope = { at, receiver: 'otlp', transport: 'http', signal: 'traces', headers: {} };
  return `${JSON.stringify({ ...envelope, body: { resourceSpans } })}\n`;
}

function spanOf(at: number, { trace, id, name = 'GET /cart', attributes = {}, isError = false }: SpanParts): object {
  const nano = (seconds: number): string => String((Date.UTC(2026, 5, 1) + seconds * 1000) * 1000) + '000';
  return {
    traceId: trace.toString(16).padStart(32, '0'),
    spanId: id.toString(16).padStart(16, '0'),
    name,
    startTimeUnixNano: nano(at),
    endTimeUnixNano: nano(at),
    attributes: attributesOf(attributes),
    status: isError ? { code: 2 } : {},
  };
}

function attributesOf(values: Readonly<Record<string, string>>): object[] {
  return Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

export function appendLine(at: number, text: string, path = '/var/log/app/app.log'): string {
  return `${JSON.stringify({ at, path, op: 'append', text })}\n`;
}

export function pageLine(at: number, body: string): string {
  const reply = { status: 200, contentType: 'text/plain; version=0.0.4', body };
  return `${JSON.stringify({ at, url: 'http://app:9090/metrics', ...reply })}\n`;
}

/** What the small application does. */
export const INPUT: Readonly<Record<string, string>> = {
  'requests.jsonl': [1, 2, 3].map((n) => spansLine(n, [{ trace: n, id: n }])).join(''),
  'files.jsonl': [1, 2, 3].map((n) => appendLine(n, `line ${n}\n`)).join(''),
  'pages.jsonl': [0, 15, 30].map((n) => pageLine(n, `# TYPE hits counter\nhits ${n}\n`)).join(''),
};

/** Paths and contents; undefined: it is not there. */
export type Files = Readonly<Record<string, string | Uint8Array | undefined>>;

/** A fixture in a folder of its own, removed after the test; `files` stand beside or in the place of the usual ones. */
export async function fixtureFolder(t: TestContext, files: Files = {}, name = 'app'): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'remora-fixture-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, name);
  const all: Files = { 'manifest.yaml': MANIFEST, 'config.yaml': CONFIG, ...INPUT, ...files };
  for (const [path, content] of Object.entries(all)) {
    if (content === undefined) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}
