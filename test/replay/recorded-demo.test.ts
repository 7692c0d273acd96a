import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { compareItems } from '../../src/replay/output/compare.ts';
import type { Summary } from '../../src/replay/output/outcome.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { ledgerOf, type Ended } from '../support/remora.ts';
import { recordDemo } from './recorded-demo.ts';

/** How long the shop is open. */
const SECONDS = Number(process.env['RECORD_SECONDS'] ?? 3);

/** How much later than the live run its recording may begin: less than half the time between two scrapes. */
const START_NS = 200_000_000n;

const NO_LINES = new Uint8Array(0);

/**
 * What a replay, which is never late, does otherwise than a machine that is: scrapes take no time and begin when they
 * are due, which is counted from the start that was recorded, a moment after that of the live run; and a file is read before
 * it is rotated and not under its name afterwards.
 */
function isOfLateness(what: string, detail: string): boolean {
  if (what.startsWith('metric scrape_duration_seconds ') && detail.startsWith('asDouble: ')) return true;
  const [, live = '', replayed = ''] = /^(?:start)?[tT]imeUnixNano: "(\d+)" -> "(\d+)"$/.exec(detail) ?? [];
  if (what.startsWith('metric ') && live !== '') return BigInt(live) > BigInt(replayed) - START_NS;
  return /^attributes\["log\.file\.name"\]: "app\.log\.\d+" -> "app\.log"$/.test(detail);
}

/** A second application: spans and logs over OTLP/HTTP, as protobuf and as JSON. */
async function sendOverHttp(port: number, count: number): Promise<void> {
  const url = (path: string) => ({ url: `http://127.0.0.1:${port}${path}` });
  const resource = resourceFromAttributes({ 'service.name': 'worker' });
  const spans = new BatchSpanProcessor({ exporter: new OTLPTraceExporter(url('/v1/traces')) });
  const tracers = new TracerProvider({ resource, spanProcessors: [spans] });
  const records = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(url('/v1/logs')) });
  const loggers = new LoggerProvider({ resource, processors: [records] });
  for (let i = 0; i < count; i++) {
    const span = tracers.getTracer('worker').startSpan(`job ${i % 7}`, { attributes: { 'job.id': i } });
    loggers.getLogger('worker').emit({ body: { job: i, state: 'done' }, attributes: { 'job.id': i } });
    span.end();
    if (i % 50 === 49) await Promise.all([tracers.forceFlush(), loggers.forceFlush()]);
  }
  await Promise.all([tracers.shutdown(), loggers.shutdown()]);
}

/** What the ledger says of each node, as far as it is the same in a live run and in a replay. */
function booksOfRun(ended: Ended): Map<string, object> {
  const busy = ledgerOf(ended).lines.filter(({ received }) => received > 0);
  return new Map(
    busy.map(({ stage, node, signal, received, passed, dropped, rejected, held }) => [
      `${stage} ${node} ${signal}`,
      { received, passed, dropped, rejected, held },
    ]),
  );
}

function booksOfReplay({ nodes }: Summary): Map<string, object> {
  return new Map(
    nodes.map(({ stage, node, signal, received, passed, dropped = {}, rejected = {}, held = 0 }) => [
      `${stage} ${node} ${signal}`,
      { received, passed, dropped: { ...dropped }, rejected: { ...rejected }, held },
    ]),
  );
}

test('the demo is recorded, and its replay delivers what the live run delivered, item for item', async (t) => {
  const live = await recordDemo(t, {
    seconds: SECONDS,
    perSecond: 400,
    pipeline: 'sidecar',
    meanwhile: ({ otlpHttp }) => sendOverHttp(otlpHttp, 200),
  });
  assert.equal(live.recorder.code, 0, live.recorder.stderr);
  const { produced } = live;
  assert.ok((produced['rotations'] ?? 0) > 0 && (produced['scrapes'] ?? 0) > 1, JSON.stringify(produced));
  const fixture = await openFixture(live.folder);
  const settings = fixture.manifest.replays['recorded'];
  assert.ok(settings);
  const { outputs, summary } = await replayFixture(fixture, settings);

  assert.deepEqual(outputs.map(({ signal }) => signal).sort(), ['logs', 'metrics', 'traces']);
  for (const { signal, lines, items } of outputs) {
    assert.ok(items > 50, `${signal}: ${items}`);
    const differences = compareItems(signal, live.delivered.get(signal) ?? NO_LINES, lines ?? NO_LINES);
    const others = differences.filter(
      ({ kind, what, details }) => kind !== 'changed' || !details.every((detail) => isOfLateness(what, detail)),
    );
    assert.deepEqual(others, []);
    t.diagnostic(`${signal}: ${items} items, ${differences.length} differ by what was late in the live run`);
  }
  assert.equal(summary.ledgerCloses, true);
  assert.deepEqual(booksOfReplay(summary), booksOfRun(live.recorder));
  assert.deepEqual(summary.unknownPages, []);
});
