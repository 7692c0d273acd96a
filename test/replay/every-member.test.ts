import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Signal } from '../../src/core/signal.ts';
import { jsonToRequest } from '../../src/otlp/json.ts';
import { compareItems } from '../../src/replay/output/compare.ts';
import { ItemLines } from '../../src/replay/output/item-lines.ts';

/** One request of each signal in which every member of its messages has a value that is not its default. */
const ATTRIBUTES = [
  { key: 'text', value: { stringValue: 'a' } },
  { key: 'whole', value: { intValue: '5' } },
  { key: 'broken', value: { doubleValue: 2.5 } },
  { key: 'flag', value: { boolValue: true } },
  { key: 'bytes', value: { bytesValue: 'AQID' } },
  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }, { intValue: '6' }] } } },
  { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } } },
];
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const RESOURCE = { attributes: ATTRIBUTES, droppedAttributesCount: 1 };
const SCOPE = { name: 'library', version: '1.0', attributes: ATTRIBUTES, droppedAttributesCount: 2 };

const SPAN = {
  traceId: TRACE_ID,
  spanId: SPAN_ID,
  traceState: 'a=b',
  parentSpanId: '53995c3f42cd8ad8',
  flags: 257,
  name: 'GET /cart',
  kind: 2,
  startTimeUnixNano: '1780272000123456789',
  endTimeUnixNano: '1780272000223456789',
  attributes: ATTRIBUTES,
  droppedAttributesCount: 3,
  events: [{ timeUnixNano: '1780272000123456790', name: 'retry', attributes: ATTRIBUTES, droppedAttributesCount: 4 }],
  droppedEventsCount: 5,
  links: [
    {
      traceId: TRACE_ID,
      spanId: SPAN_ID,
      traceState: 'c=d',
      attributes: ATTRIBUTES,
      droppedAttributesCount: 6,
      flags: 1,
    },
  ],
  droppedLinksCount: 7,
  status: { message: 'no', code: 2 },
};

const LOG = {
  timeUnixNano: '1780272000123456789',
  observedTimeUnixNano: '1780272000123456790',
  severityNumber: 17,
  severityText: 'ERROR',
  body: { kvlistValue: { values: ATTRIBUTES } },
  attributes: ATTRIBUTES,
  droppedAttributesCount: 1,
  flags: 1,
  traceId: TRACE_ID,
  spanId: SPAN_ID,
  eventName: 'payment.failed',
};

const TIMES = { startTimeUnixNano: '1780272000000000000', timeUnixNano: '1780272000123456789', flags: 1 };
const EXEMPLAR = {
  filteredAttributes: ATTRIBUTES,
  timeUnixNano: '1780272000123456788',
  spanId: SPAN_ID,
  traceId: TRACE_ID,
};
const EXEMPLARS = [
  { ...EXEMPLAR, asDouble: 1.5 },
  { ...EXEMPLAR, asInt: '3' },
];
const POINT = { attributes: ATTRIBUTES, ...TIMES };
const NAMED = { description: 'what it is', unit: 's', metadata: ATTRIBUTES };
const METRICS = [
  { name: 'gauge', ...NAMED, gauge: { dataPoints: [{ ...POINT, asDouble: 0.25, exemplars: EXEMPLARS }] } },
  {
    name: 'sum',
    ...NAMED,
    sum: { dataPoints: [{ ...POINT, asInt: '9' }], aggregationTemporality: 2, isMonotonic: true },
  },
  {
    name: 'histogram',
    ...NAMED,
    histogram: {
      dataPoints: [
        {
          ...POINT,
          count: '3',
          sum: 4.5,
          bucketCounts: ['1', '2'],
          explicitBounds: [1.5],
          min: 0.5,
          max: 2,
          exemplars: EXEMPLARS,
        },
      ],
      aggregationTemporality: 1,
    },
  },
  {
    name: 'exponential',
    ...NAMED,
    exponentialHistogram: {
      dataPoints: [
        {
          ...POINT,
          count: '7',
          sum: 4.5,
          scale: 3,
          zeroCount: '1',
          zeroThreshold: 0.001,
          positive: { offset: 2, bucketCounts: ['1', '2'] },
          negative: { offset: -2, bucketCounts: ['3'] },
          min: -3,
          max: 4,
          exemplars: EXEMPLARS,
        },
      ],
      aggregationTemporality: 2,
    },
  },
  {
    name: 'summary',
    ...NAMED,
    summary: { dataPoints: [{ ...POINT, count: '2', sum: 3, quantileValues: [{ quantile: 0.5, value: 1 }] }] },
  },
];

const REQUESTS = {
  traces: {
    resourceSpans: [
      { resource: RESOURCE, schemaUrl: 'r', scopeSpans: [{ scope: SCOPE, schemaUrl: 's', spans: [SPAN] }] },
    ],
  },
  logs: {
    resourceLogs: [
      { resource: RESOURCE, schemaUrl: 'r', scopeLogs: [{ scope: SCOPE, schemaUrl: 's', logRecords: [LOG] }] },
    ],
  },
  metrics: {
    resourceMetrics: [
      { resource: RESOURCE, schemaUrl: 'r', scopeMetrics: [{ scope: SCOPE, schemaUrl: 's', metrics: METRICS }] },
    ],
  },
} as const satisfies Record<Signal, object>;

interface Change {
  readonly path: string;
  readonly changed: unknown;
}

/** Each way to leave out or change one value, wherever it stands. */
function* changesOf(value: unknown, path = ''): Generator<Change, undefined> {
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    for (const [index, member] of list.entries()) {
      yield { path: `${path}[${index}] left out`, changed: list.toSpliced(index, 1) };
      yield { path: `${path}[${index}] twice`, changed: list.toSpliced(index, 0, member) };
      for (const one of changesOf(member, `${path}[${index}]`))
        yield { path: one.path, changed: list.with(index, one.changed) };
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      const rest = Object.fromEntries(Object.entries(value).filter(([other]) => other !== key));
      yield { path: `${path}.${key} left out`, changed: rest };
      for (const one of changesOf(member, `${path}.${key}`))
        yield { path: one.path, changed: { ...value, [key]: one.changed } };
    }
    yield* ofAnotherType(value, path);
  } else yield { path: `${path} changed`, changed: another(value) };
  return undefined;
}

/** The same text or number, of another type. */
function* ofAnotherType(value: object, path: string): Generator<Change, undefined> {
  if ('intValue' in value) yield { path: `${path} as double`, changed: { doubleValue: Number(value.intValue) } };
  if ('intValue' in value) yield { path: `${path} as text`, changed: { stringValue: value.intValue } };
  if ('bytesValue' in value) yield { path: `${path} as text`, changed: { stringValue: value.bytesValue } };
  if ('asInt' in value) {
    const { asInt, ...rest } = value;
    yield { path: `${path} as double`, changed: { ...rest, asDouble: Number(asInt) } };
  }
  return undefined;
}

function another(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  const text = String(value);
  return /^[0-9A-Za-z]+$/.test(text) ? (text.startsWith('1') ? '2' : '1') + text.slice(1) : `${text}x`;
}

function linesOf(signal: Signal, request: unknown): Buffer {
  return Buffer.from(new ItemLines(signal).of(jsonToRequest(signal, Buffer.from(JSON.stringify(request)))));
}

for (const [signal, request] of [
  ['traces', REQUESTS.traces],
  ['logs', REQUESTS.logs],
  ['metrics', REQUESTS.metrics],
] as const) {
  test(`no value of ${signal} is left out, doubled or changed without a difference that names it`, () => {
    const expected = linesOf(signal, request);
    let changes = 0;
    for (const { path, changed } of changesOf(request)) {
      const differences = compareItems('here', expected, linesOf(signal, changed));
      assert.ok(differences.length > 0, `${path}: no difference`);
      for (const { kind, what, details } of differences)
        if (kind === 'changed') assert.ok(details.length > 0, `${path}: "${what}" changed, and it is not told where`);
      changes += 1;
    }
    assert.ok(changes > 100, String(changes));
    assert.deepEqual(compareItems('here', expected, expected), []);
  });
}
