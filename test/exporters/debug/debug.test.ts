import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Signal } from '../../../src/core/signal.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { debugExporter } from '../../../src/exporters/debug.ts';
import { DebugExporter, type DebugSettings } from '../../../src/exporters/debug/exporter.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { jsonToRequest } from '../../../src/otlp/json.ts';
import { testContext } from '../../support/context.ts';
import { codeOf, createExporter, NEVER, problems } from '../../support/exporters.ts';
import { traceBatch } from '../../support/otlp-requests.ts';

function fromJson(signal: Signal, json: object): Batch {
  const bytes = jsonToRequest(signal, Buffer.from(JSON.stringify(json)));
  return makeBatch(signal, [bytes], countItems(signal, bytes));
}

async function shown(batch: Batch, verbosity: DebugSettings['verbosity']): Promise<string> {
  let output = '';
  const settings = { verbosity, sampling_initial: 2, sampling_thereafter: 1 };
  const exporter = new DebugExporter(settings, testContext(), (text) => {
    output += text;
    return Promise.resolve();
  });
  await exporter.start();
  assert.deepEqual(await exporter.send(batch), { status: 'accepted', rejectedItems: 0 });
  return output;
}

const LOGS = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeLogs: [
        {
          scope: { name: 'app', version: '1.2' },
          logRecords: [
            {
              timeUnixNano: '1767225600000000321',
              severityNumber: 10,
              severityText: 'Info2',
              body: { stringValue: 'first\nsecond \u001b[31mred' },
              attributes: [
                { key: 'n', value: { intValue: '9007199254740993' } },
                { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { boolValue: true }] } } },
              ],
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '0102030405060708',
            },
          ],
        },
      ],
    },
  ],
};

const METRICS = {
  resourceMetrics: [
    {
      scopeMetrics: [
        {
          metrics: [
            {
              name: 'requests',
              unit: '1',
              sum: {
                isMonotonic: true,
                aggregationTemporality: 2,
                dataPoints: [{ asInt: '12', attributes: [{ key: 'code', value: { intValue: '200' } }] }],
              },
            },
            {
              name: 'latency',
              histogram: {
                aggregationTemporality: 1,
                dataPoints: [{ count: '3', sum: 4.5, bucketCounts: ['1', '2'], explicitBounds: [10] }],
              },
            },
          ],
        },
      ],
    },
  ],
};

test('basic shows one line of counts a batch', async () => {
  assert.match(await shown(traceBatch(512, 3), 'basic'), /^traces: 512 spans in 3 resources, \d+ bytes\n$/);
  assert.match(await shown(fromJson('metrics', METRICS), 'basic'), /^metrics: 2 data points in 1 resources/);
});

test('normal shows one line an item', async () => {
  const spans = (await shown(traceBatch(3), 'normal')).trimEnd().split('\n');
  assert.equal(spans.length, 4);
  assert.match(spans[1] ?? '', /^GET \/\S+ [0-9a-f]{32} [0-9a-f]{16} http\.request\.method=GET /);
  const points = await shown(fromJson('metrics', METRICS), 'normal');
  assert.match(points, /\nrequests\{code=200\} 12\nlatency\{\} count=3 sum=4\.5\n$/);
});

test('detailed shows every field of a log record, with control characters escaped and integers exact', async () => {
  const output = await shown(fromJson('logs', LOGS), 'detailed');
  for (const line of [
    '     -> service.name: Str(shop)',
    'InstrumentationScope app 1.2',
    'Timestamp: 2026-01-01 00:00:00.000000321 +0000 UTC',
    'SeverityNumber: Info2(10)',
    'Body: Str(first\\nsecond \\u001b[31mred)',
    '     -> n: Int(9007199254740993)',
    '     -> list: Slice(["a",true])',
    'Trace ID: 0102030405060708090a0b0c0d0e0f10',
    'Span ID: 0102030405060708',
  ]) {
    assert.ok(output.split('\n').includes(line), `${line} is missing from\n${output}`);
  }
  assert.ok(!output.includes('\u001b'));
});

test('detailed shows spans and metrics as the Collector does', async () => {
  const spans = await shown(traceBatch(1), 'detailed');
  assert.match(
    spans,
    /ResourceSpans #0\nResource SchemaURL: \nResource attributes:\n {5}-> service.name: Str\(checkout/,
  );
  assert.match(spans, /Span #0\n {4}Trace ID {7}: [0-9a-f]{32}\n {4}Parent ID {6}: [0-9a-f]{16}\n/);
  assert.match(spans, / {4}Kind {11}: Server\n/);
  const metrics = await shown(fromJson('metrics', METRICS), 'detailed');
  assert.match(metrics, /DataType: Sum\n {5}-> IsMonotonic: true\n {5}-> AggregationTemporality: Cumulative\n/);
  assert.match(metrics, /ExplicitBounds #0: 10\nBuckets #0, Count: 1\nBuckets #1, Count: 2\n/);
});

test('the output of one batch is bounded', async () => {
  const output = await shown(traceBatch(5000), 'detailed');
  assert.ok(output.length < 1.1 * 1024 * 1024, `${output.length} characters`);
  assert.match(output, /more is not shown/);
});

test('a batch that is not OTLP is shown as such and accepted', async () => {
  const output = await shown(makeBatch('traces', [Uint8Array.of(0x0a, 0x7f, 1)], 1), 'detailed');
  assert.match(output, /^traces: 3 bytes that cannot be shown/);
});

test('after the first of each second every n-th batch is shown', async () => {
  const clock = new VirtualClock();
  let output = 0;
  const settings = { verbosity: 'basic', sampling_initial: 2, sampling_thereafter: 5 } as const;
  const exporter = new DebugExporter(settings, testContext({ clock }), () => {
    output += 1;
    return Promise.resolve();
  });
  await exporter.start();
  for (let i = 0; i < 12; i++) await exporter.send(traceBatch(1));
  assert.equal(output, 4);
  await clock.advance(1000);
  await exporter.send(traceBatch(1));
  assert.equal(output, 5);
});

test('output that cannot be written does not hold telemetry back', async () => {
  const settings = { verbosity: 'basic', sampling_initial: 2, sampling_thereafter: 1 } as const;
  const exporter = new DebugExporter(settings, testContext(), () => Promise.reject(new Error('EPIPE')));
  await exporter.start();
  assert.equal((await exporter.send(traceBatch(1))).status, 'accepted');
});

test('create is inert, stop before start and twice are fine, send after stop is retry', async () => {
  const exporter = await createExporter(debugExporter, null);
  await exporter.stop?.(NEVER);
  await exporter.stop?.(NEVER);
  assert.equal(codeOf(await exporter.send(traceBatch(1), NEVER)), 'shutting_down');
});

test('the configuration is that of the Collector', () => {
  const keys = { verbosity: 'detailed', sampling_initial: 5, sampling_thereafter: 200, use_internal_logger: false };
  assert.deepEqual(problems(debugExporter, { ...keys, output_paths: ['stdout'] }), []);
  assert.match(problems(debugExporter, { output_paths: ['/tmp/x'] }).join(), /file exporter/);
  const parsed = debugExporter.parse(null);
  assert.ok(parsed.ok);
  assert.equal(parsed.prepared.sending?.sending_queue.enabled, false);
});
