import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Signal } from '../../../src/core/signal.ts';
import { retry } from '../../../src/core/verdict.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { filterProcessor } from '../../../src/processors/filter/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { encodeRequest, itemsOf, type PlainObject } from '../../support/otlp-proto.ts';

const never = new AbortController().signal;
const text = (key: string, stringValue: string): PlainObject => ({ key, value: { stringValue } });
const integer = (key: string, intValue: number): PlainObject => ({ key, value: { intValue } });

const RESOURCE = { attributes: [text('service.name', 'shop'), text('env', 'test')] };
const SCOPE = { name: 'http', version: '1.2', attributes: [text('s', 'x')] };

const SPANS = [
  {
    name: 'health',
    kind: 'SPAN_KIND_SERVER',
    traceId: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000002500000',
    attributes: [text('http.route', '/health'), integer('http.status_code', 200)],
  },
  {
    name: 'checkout',
    kind: 'SPAN_KIND_INTERNAL',
    parentSpanId: Buffer.from('1122334455667788', 'hex'),
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000001000000000',
    attributes: [
      text('http.route', '/checkout/7'),
      integer('http.status_code', 503),
      { key: 'big', value: { intValue: '9007199254740993' } },
      { key: 'ratio', value: { doubleValue: 0.5 } },
      { key: 'flag', value: { boolValue: true } },
      {
        key: 'map',
        value: {
          kvlistValue: { values: [text('a', 'b'), { key: 'l', value: { arrayValue: { values: [{ intValue: 4 }] } } }] },
        },
      },
    ],
    status: { code: 'STATUS_CODE_ERROR', message: 'boom' },
  },
];
const LOGS = [
  { severityNumber: 9, severityText: 'INFO', body: { stringValue: 'GET /health' }, attributes: [text('k', 'v')] },
  {
    severityNumber: 17,
    severityText: 'ERROR',
    body: { kvlistValue: { values: [text('msg', 'failed'), integer('code', 7)] } },
  },
  { eventName: 'empty' },
];
const METRICS = [
  {
    name: 'cpu',
    unit: '1',
    gauge: { dataPoints: [{ asDouble: 0.25, attributes: [text('core', '0')] }, { asInt: -3 }] },
  },
  { name: 'requests', sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ asInt: 9, flags: 1 }] } },
  { name: 'latency', histogram: { aggregationTemporality: 1, dataPoints: [{ count: 5, sum: 2.5, min: 0.1, max: 1 }] } },
  { name: 'size', exponentialHistogram: { dataPoints: [{ count: 6, attributes: [text('core', '1')] }] } },
  { name: 'quantiles', summary: { dataPoints: [{ count: 7, sum: 1 }] } },
];

const NAMES = {
  traces: ['resourceSpans', 'scopeSpans', 'spans', SPANS],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords', LOGS],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics', METRICS],
} as const;

function request(signal: Signal): Batch {
  const [resources, scopes, items, all] = NAMES[signal];
  const bytes = encodeRequest(signal, {
    [resources]: [{ resource: RESOURCE, scopeX: 0, [scopes]: [{ scope: SCOPE, [items]: all }] }],
  });
  return makeBatch(signal, [bytes], countItems(signal, bytes));
}

/** Which items are dropped, by their position in the request. */
async function droppedBy(signal: Signal, raw: Record<string, unknown>): Promise<number[]> {
  const next = new CollectingConsumer();
  const context = processorContext(signal, next, { id: 'filter' });
  const parsed = filterProcessor.parse(raw);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const processor = await parsed.prepared.create(context);
  const input = request(signal);
  const verdict = await processor.consume(input, never);
  assert.equal(verdict.status, 'accepted');
  const kept = next.batches.flatMap(({ chunks }) => itemsOf(signal, chunks));
  const before = itemsOf(signal, input.chunks);
  const dropped = before.flatMap((item, index) => (kept.includes(item) ? [] : [index]));
  assert.equal(context.account.dropped.get('filtered') ?? 0, dropped.length);
  assert.equal(next.items, before.length - dropped.length);
  return dropped;
}

const SPAN_CASES: [condition: string, dropped: number[]][] = [
  ['attributes["http.route"] == "/health"', [0]],
  ['attributes["http.route"] != "/health"', [1]],
  ['"/health" == attributes["http.route"]', [0]],
  ['span.attributes["http.status_code"] >= 500', [1]],
  ['500 > attributes["http.status_code"]', [0]],
  ['attributes["big"] == 9007199254740993', [1]],
  ['attributes["big"] > 9007199254740992', [1]],
  ['attributes["ratio"] == 0.5 and attributes["flag"] == true', [1]],
  ['attributes["ratio"] < 1', [1]],
  ['attributes["absent"] == nil', [0, 1]],
  ['attributes["absent"] != nil', []],
  ['attributes["http.route"] == 5', []],
  ['attributes["http.route"] != 5', [0, 1]],
  ['attributes["http.route"] < 5', []],
  ['attributes["map"]["a"] == "b"', [1]],
  ['attributes["map"]["l"][0] == 4', [1]],
  ['attributes["map"]["l"][9] == nil', [0, 1]],
  ['IsMap(attributes["map"]) or IsString(attributes["ratio"])', [1]],
  ['IsList(attributes["map"]["l"]) and IsBool(attributes["flag"])', [1]],
  ['name == "health"', [0]],
  ['span.name != "health"', [1]],
  ['name == ""', []],
  ['kind == SPAN_KIND_INTERNAL', [1]],
  ['kind == 2', [0]],
  ['status.code == STATUS_CODE_ERROR and status.message == "boom"', [1]],
  ['status.code == STATUS_CODE_UNSET', [0]],
  ['not (name == "health" or name == "x") and not attributes["ratio"] == 1', [1]],
  ['IsMatch(name, "^he.*th$")', [0]],
  ['IsMatch(attributes["http.status_code"], "^5\\\\d\\\\d$")', [1]],
  ['IsMatch(attributes["map"], "\\"a\\":\\"b\\"")', [1]],
  ['IsMatch(attributes["absent"], ".*")', []],
  ['IsMatch(name, "(?i)^HEALTH$")', [0]],
  ['HasPrefix(name, "check") or HasSuffix(attributes["http.route"], "alth")', [0, 1]],
  ['IsRootSpan()', [0]],
  ['trace_id.string == "00112233445566778899aabbccddeeff"', [0]],
  ['parent_span_id == ""', [0]],
  ['start_time_unix_nano == 1700000000000000000', [0, 1]],
  ['end_time_unix_nano > 1700000000002500000', [1]],
  ['duration > 2.4 and duration < 2.6', [0]],
  ['resource.attributes["service.name"] == "shop" and name == "health"', [0]],
  ['resource.attributes["service.name"] == "other"', []],
  ['instrumentation_scope.name == "http" and scope.version == "1.2"', [0, 1]],
  ['scope.attributes["s"] == "x" and kind == 1', [1]],
  ['true and name == "health"', [0]],
  ['false', []],
];

for (const [condition, expected] of SPAN_CASES) {
  test(`spans: ${condition}`, async () => {
    assert.deepEqual(await droppedBy('traces', { traces: { span: [condition] } }), expected);
  });
}

const LOG_CASES: [condition: string, dropped: number[]][] = [
  ['severity_number < SEVERITY_NUMBER_WARN', [0, 2]],
  ['severity_number != SEVERITY_NUMBER_UNSPECIFIED and severity_number < SEVERITY_NUMBER_WARN', [0]],
  ['log.severity_text == "ERROR"', [1]],
  ['body == "GET /health"', [0]],
  ['body.string != "GET /health"', [1, 2]],
  ['body == nil', [2]],
  ['body["msg"] == "failed" and body["code"] > 6', [1]],
  ['IsMatch(body, "failed")', [1]],
  ['event_name == "empty"', [2]],
  ['attributes["k"] == "v"', [0]],
  ['trace_id == ""', [0, 1, 2]],
];

for (const [condition, expected] of LOG_CASES) {
  test(`log records: ${condition}`, async () => {
    assert.deepEqual(await droppedBy('logs', { logs: { log_record: [condition] } }), expected);
  });
}

const POINT_CASES: [condition: string, dropped: number[]][] = [
  ['metric.name == "cpu"', [0, 1]],
  ['attributes["core"] != nil', [0, 4]],
  ['metric.type == METRIC_DATA_TYPE_SUM', [2]],
  ['metric.type == METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM', [4]],
  ['metric.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA', [3]],
  ['metric.is_monotonic == true', [2]],
  ['metric.unit == "1" and value_double == 0.25', [0]],
  ['value_int < 0', [1]],
  ['value > 0', [0, 2]],
  ['datapoint.flags == 1', [2]],
  ['count >= 6', [4, 5]],
  ['sum == 2.5', [3]],
  ['sum == nil', [0, 1, 2, 4]],
  ['min > 0 and max <= 1', [3]],
];

for (const [condition, expected] of POINT_CASES) {
  test(`data points: ${condition}`, async () => {
    assert.deepEqual(await droppedBy('metrics', { metrics: { datapoint: [condition] } }), expected);
  });
}

test('the context tells what bare names mean', async () => {
  assert.deepEqual(await droppedBy('metrics', { metrics: { metric: ['name == "cpu"'] } }), [0, 1]);
  assert.deepEqual(await droppedBy('logs', { logs: { resource: ['attributes["env"] == "test"'] } }), [0, 1, 2]);
  assert.deepEqual(await droppedBy('logs', { logs: { scope: ['name == "other"'] } }), []);
});

test('the newer lists of conditions are taken plain and in groups', async () => {
  assert.deepEqual(await droppedBy('traces', { trace_conditions: ['span.name == "health"'] }), [0]);
  const group = { context: 'resource', conditions: ['attributes["env"] == "test"'], error_mode: 'silent' };
  assert.deepEqual(await droppedBy('logs', { log_conditions: [group] }), [0, 1, 2]);
  assert.deepEqual(await droppedBy('metrics', { metric_conditions: ['metric.name == "size"'] }), [4]);
});

test('conditions on one signal leave the others alone, down to the same batch', async () => {
  const next = new CollectingConsumer();
  const parsed = filterProcessor.parse({ traces: { span: ['true'] } });
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(processorContext('logs', next));
  const input = request('logs');
  await processor.consume(input, never);
  assert.equal(next.batches[0], input);
});

const DROP_CASES: [signal: Signal, drop: unknown[], dropped: number[]][] = [
  ['traces', [{ field: 'name', value: 'health' }], [0]],
  ['traces', [{ field: 'kind', op: '==', value: 'SPAN_KIND_INTERNAL' }], [1]],
  ['traces', [{ field: 'duration', op: '>=', value: '1s' }], [1]],
  ['traces', [{ field: 'duration', op: '<', value: 3 }], [0]],
  ['traces', [{ field: 'attributes["http.status_code"]', op: 'in', value: [200, 404] }], [0]],
  ['traces', [{ field: 'attributes["ratio"]', op: 'exists' }], [1]],
  ['traces', [{ field: 'attributes["ratio"]', op: 'exists', value: false }], [0]],
  ['traces', [{ field: 'attributes["http.route"]', op: 'matches', value: '^/check' }], [1]],
  ['traces', [{ not: { field: 'status.code', value: 'STATUS_CODE_ERROR' } }], [0]],
  ['traces', [{ all: [{ field: 'name', op: '!=', value: 'x' }, { any: [{ field: 'kind', value: 2 }] }] }], [0]],
  ['logs', [{ field: 'severity_number', op: '<', value: 'SEVERITY_NUMBER_WARN' }], [0, 2]],
  ['logs', [{ field: 'resource.attributes["env"]', value: 'test' }], [0, 1, 2]],
  ['metrics', [{ field: 'metric.name', op: 'matches', value: 's$' }], [2, 5]],
  ['metrics', [{ field: 'severity_number', op: '<', value: 9 }], []],
  ['metrics', [{ not: { field: 'severity_number', op: '<', value: 9 } }], []],
];

for (const [signal, drop, expected] of DROP_CASES) {
  test(`drop in ${signal}: ${JSON.stringify(drop)}`, async () => {
    assert.deepEqual(await droppedBy(signal, { drop }), expected);
  });
}

const ERRORS: [raw: Record<string, unknown>, path: string, message: RegExp][] = [
  [{ traces: { span: ['name = "x"'] } }, 'traces.span.0', /character 6: expected a comparison/],
  [{ traces: { span: ['name == "x" name'] } }, 'traces.span.0', /character 13: expected "and", "or" or the end/],
  [{ traces: { span: ['(name == "x"'] } }, 'traces.span.0', /character 13: expected "\)"/],
  [{ traces: { span: ['severity_number == 1'] } }, 'traces.span.0', /severity_number is not a field of traces/],
  [{ traces: { span: ['kind == SPAN_KIND_OTHER'] } }, 'traces.span.0', /character 9: "SPAN_KIND_OTHER"/],
  [{ traces: { span: ['Len(name) == 1'] } }, 'traces.span.0', /character 1: function Len is not supported; there are/],
  [{ traces: { span: ['IsMatch(name, "(")'] } }, 'traces.span.0', /not a usable pattern/],
  [{ traces: { span: ['attributes[x] == 1'] } }, 'traces.span.0', /character 11: expected a key/],
  [{ traces: { span: ['name == '] } }, 'traces.span.0', /character 9: expected the name of a field/],
  [{ traces: { span: [`${'not '.repeat(60)}true`] } }, 'traces.span.0', /nested too deep/],
  [{ logs: { log_record: ['IsRootSpan()'] } }, 'logs.log_record.0', /about spans/],
  [{ traces: { spanevent: ['true'] } }, 'traces', /[Uu]nrecognized key/],
  [{ trace_conditions: ['span.nam == "x"'] }, 'trace_conditions.0', /span.nam is not a field/],
  [
    { log_conditions: [{ context: 'log', conditions: ['true', 'bdy == 1'] }] },
    'log_conditions.0.conditions.1',
    /bdy is not a field/,
  ],
  [{ drop: [{ field: 'nam' }] }, 'drop.0.field', /"nam" is not a field/],
  [{ drop: [{ field: 'name x', value: 1 }] }, 'drop.0.field', /character 5/],
  [{ drop: [{ all: [{ field: 'name' }] }] }, 'drop.0.all.0.value', /takes one text/],
  [{ drop: [{ field: 'name', op: 'in', value: 'x' }] }, 'drop.0.value', /in takes a list/],
  [{ drop: [{ field: 'name', op: 'matches', value: '(' }] }, 'drop.0.value', /not a usable pattern/],
  [{ drop: [{}] }, 'drop.0', /exactly one of field, any, all and not/],
];

for (const [raw, path, message] of ERRORS) {
  test(`a configuration error: ${JSON.stringify(raw).slice(0, 80)}`, () => {
    const parsed = filterProcessor.parse(raw);
    assert.ok(!parsed.ok);
    const [issue] = parsed.issues;
    assert.equal(issue?.path.join('.'), path);
    assert.match(issue.message, message);
  });
}

test('drops are booked only once the rest was accepted', async () => {
  const next = new CollectingConsumer();
  next.answer = () => retry(new Error('full'));
  const context = processorContext('traces', next);
  const parsed = filterProcessor.parse({ traces: { span: ['name == "health"'] } });
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(context);
  assert.equal((await processor.consume(request('traces'), never)).status, 'retry');
  assert.equal(context.account.dropped.size, 0);
});
