import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { ROOT_CONTEXT, SeverityNumber, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { arrivedIn, type Arrived } from '../../src/demo/arrived.ts';
import { freePort } from '../support/ports.ts';
import {
  ledgerOf,
  metricsOn,
  metricsPage,
  startRemora,
  temporaryDirectory,
  type Ended,
  type Remora,
} from '../support/remora.ts';
import { until } from '../support/until.ts';

/** A program with the SDK, whose logs go over OTLP and into a file, and a sidecar that samples its traces. */
interface Scene {
  readonly remora: Remora;
  readonly app: App;
  readonly metricsPort: number;
  readonly arrived: () => Promise<Arrived>;
}

async function scene(t: Test, decisionWait: string): Promise<Scene> {
  const directory = await temporaryDirectory(t);
  const [http, metricsPort] = [await freePort(), await freePort()];
  const out = join(directory, 'out.jsonl');
  const remora = await startRemora(t, {
    sets: [metricsOn(metricsPort)],
    configs: [
      `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${http} } } }
  filelog: { include: ['${directory}/*.log'], start_at: beginning, operators: [{ type: json_parser }] }
processors:
  tail_sampling:
    decision_wait: ${decisionWait}
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: share, type: probabilistic, probabilistic: { sampling_percentage: 20 } }
  # Longer than this machine may be busy.
  trace_based_sampler: { follow: tail_sampling, wait: 60s }
exporters:
  file: { path: ${out} }
service:
  pipelines:
    logs: { receivers: [otlp, filelog], processors: [trace_based_sampler], exporters: [file] }
    traces: { receivers: [otlp], processors: [tail_sampling], exporters: [file] }
`,
    ],
  });
  return {
    remora,
    app: new App(`http://127.0.0.1:${http}`, join(directory, 'app.log')),
    metricsPort,
    arrived: () => arrivedIn(out),
  };
}

interface Made {
  readonly span: Span;
  readonly error: boolean;
  logs: number;
}

const SPANS = 3;
const ONLY_WHEN_TOLD = { scheduledDelayMillis: 600_000 };

class App {
  readonly made = new Map<string, Made>();
  readonly #file: string;
  readonly #spans: BatchSpanProcessor;
  readonly #tracers: TracerProvider;
  readonly #logs: BatchLogRecordProcessor;
  readonly #loggers: LoggerProvider;

  constructor(url: string, file: string) {
    this.#file = file;
    this.#spans = new BatchSpanProcessor({
      exporter: new OTLPTraceExporter({ url: `${url}/v1/traces` }),
      ...ONLY_WHEN_TOLD,
    });
    this.#tracers = new TracerProvider({ spanProcessors: [this.#spans] });
    this.#logs = new BatchLogRecordProcessor({
      exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }),
      ...ONLY_WHEN_TOLD,
    });
    this.#loggers = new LoggerProvider({ processors: [this.#logs] });
  }

  /** A trace of three spans, the last of which may have an error, and a log over OTLP. */
  request(error: boolean): Made {
    const tracer = this.#tracers.getTracer('shop');
    const root = tracer.startSpan('GET /');
    const inside = trace.setSpan(ROOT_CONTEXT, root);
    tracer.startSpan('select', {}, inside).end();
    const last = tracer.startSpan('pay', {}, inside);
    if (error) last.setStatus({ code: SpanStatusCode.ERROR });
    last.end();
    root.end();
    const made: Made = { span: root, error, logs: 0 };
    this.made.set(root.spanContext().traceId, made);
    this.log(made);
    return made;
  }

  log(made: Made): void {
    made.logs += 1;
    const context = trace.setSpan(ROOT_CONTEXT, made.span);
    this.#loggers.getLogger('shop').emit({ context, severityNumber: SeverityNumber.INFO, body: 'paid' });
  }

  logWithoutTrace(): void {
    this.#loggers.getLogger('shop').emit({ context: ROOT_CONTEXT, severityNumber: SeverityNumber.INFO, body: 'up' });
  }

  async writeLines(): Promise<void> {
    const lines = Array.from(this.made, ([id, made]) => {
      made.logs += 1;
      return `${JSON.stringify({ msg: 'line', trace_id: id, span_id: made.span.spanContext().spanId })}\n`;
    });
    await appendFile(this.#file, lines.join(''));
  }

  flushSpans(): Promise<void> {
    return this.#spans.forceFlush();
  }

  flushLogs(): Promise<void> {
    return this.#logs.forceFlush();
  }

  async end(): Promise<void> {
    await this.#tracers.shutdown();
    await this.#loggers.shutdown();
  }
}

/** Every trace arrived whole with all its logs, or not at all; those with an error arrived. Returns how many there were. */
function checkTraces({ made }: App, { traces }: Arrived): { kept: number; dropped: number } {
  const counts = { kept: 0, dropped: 0 };
  for (const [id, { error, logs }] of made) {
    const came = traces.get(id);
    if (came === undefined) {
      assert.equal(error, false, `${id} had an error and did not arrive`);
      counts.dropped += 1;
    } else {
      assert.deepEqual(came, { spans: SPANS, logs }, `${id} arrived in part`);
      counts.kept += 1;
    }
  }
  return counts;
}

function checkLedger(ended: Ended, spans: number, logs: number): void {
  assert.equal(ended.code, 0, ended.stderr);
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  const dropped = new Map(lines.map(({ node, dropped: reasons }) => [node, reasons]));
  assert.deepEqual(dropped.get('traces/tail_sampling'), { sampling: spans });
  assert.deepEqual(dropped.get('logs/trace_based_sampler'), { sampling: logs });
}

test('every trace with an error arrives whole with its logs, of a dropped one nothing does', async (t) => {
  const { remora, app, metricsPort, arrived } = await scene(t, '1s');
  const early = app.request(true);
  // Their logs are there before any span of theirs, and one comes twice.
  for (let i = 0; i < 50; i++) app.log(app.request(i % 10 === 0));
  await app.flushLogs();
  await app.writeLines();
  const held = async (): Promise<number | undefined> =>
    (await metricsPage(metricsPort)).value('remora_coherence_held_items');
  await until(async () => ((await held()) ?? 0) >= 3 * 50, 'logs wait for their traces');
  await app.flushSpans();
  // These come the other way round.
  for (let i = 0; i < 50; i++) app.request(i % 10 === 0);
  await app.flushSpans();
  await until(async () => (await held()) === 0, 'all that waited is decided');
  const decided = 'otelcol_processor_tail_sampling_global_count_traces_sampled_total';
  await until(async () => (await metricsPage(metricsPort)).value(decided) === 101, 'all traces are decided');
  // Later than the decision.
  app.logWithoutTrace();
  app.log(early);
  await app.writeLines();
  await app.end();
  const items = 'remora_coherence_items_total';
  const logs = [...app.made.values()].reduce((sum, made) => sum + made.logs, 0);
  await until(async () => (await metricsPage(metricsPort)).value(items) === logs + 1, 'all logs are decided');

  const page = await metricsPage(metricsPort);
  assert.equal(page.value('remora_coherence_orphan_items_total'), 0);
  assert.equal(page.value('remora_coherence_orphan_ratio'), 0);
  assert.equal(page.value(items, 'reason="without_trace"'), 1);
  assert.equal(page.value(items, 'reason="wait"'), undefined);
  const ended = await remora.stop();
  const came = await arrived();
  const { kept, dropped } = checkTraces(app, came);
  assert.ok(kept > 11 && dropped > 40, `${kept} kept, ${dropped} dropped`);
  const droppedLogs = page.value(items, 'outcome="dropped"') ?? 0;
  assert.equal(came.logRecords, logs + 1 - droppedLogs);
  checkLedger(ended, dropped * SPANS, droppedLogs);
});

test('SIGTERM before anything is decided: traces are decided with what came of them, and logs follow', async (t) => {
  const { remora, app, metricsPort, arrived } = await scene(t, '10m');
  for (let i = 0; i < 60; i++) app.request(i % 10 === 0);
  await app.writeLines();
  await app.end();
  const held = async (): Promise<number | undefined> =>
    (await metricsPage(metricsPort)).value('remora_coherence_held_items');
  await until(async () => (await held()) === 120, 'all logs wait');
  const ended = await remora.stop();
  const came = await arrived();
  const { kept, dropped } = checkTraces(app, came);
  assert.deepEqual([kept >= 6, dropped > 20, came.spans], [true, true, kept * SPANS]);
  checkLedger(ended, dropped * SPANS, dropped * 2);
});
