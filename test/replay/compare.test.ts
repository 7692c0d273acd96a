import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareOutcomes } from '../../src/replay/output/compare.ts';
import { countsText, differencesText } from '../../src/replay/report/text.ts';
import { ItemLines } from '../../src/replay/output/item-lines.ts';
import type { Outcome } from '../../src/replay/output/outcome.ts';
import type { Signal } from '../../src/core/signal.ts';
import { jsonToRequest } from '../../src/otlp/json.ts';

const SUMMARY = {
  ledgerCloses: true,
  nodes: [],
  requests: { answers: {}, retries: 0, unreceived: {} },
  unknownPages: [],
};

function span(id: number, attributes: Readonly<Record<string, string>>) {
  const list = Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  return { traceId: '1'.padStart(32, '0'), spanId: String(id).padStart(16, '0'), name: 'GET', attributes: list };
}

function outcome(...requests: (readonly object[])[]): Outcome {
  return outcomeOf(
    'traces',
    requests.map((spans) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] })),
  );
}

function outcomeOf(signal: Signal, requests: readonly object[]): Outcome {
  const format = new ItemLines(signal);
  const lines = Buffer.concat(
    requests.map((request) => Buffer.from(format.of(jsonToRequest(signal, Buffer.from(JSON.stringify(request)))))),
  );
  const output = { exporter: 'otlp', signal, items: lines.length, sha256: lines.toString('hex'), lines };
  return { outputs: [output], summary: SUMMARY, metrics: '' };
}

test('the order of items and attributes, and the division into requests, do not count', () => {
  const one = outcome([span(1, { a: '1', b: '2' }), span(2, {})]);
  const other = outcome([span(2, {})], [span(1, { b: '2', a: '1' })]);
  assert.deepEqual(compareOutcomes(one, other).differences, []);
});

test('an item that is missing, one too many, and one that changed are told apart', () => {
  const expected = outcome([span(1, { a: '1' }), span(2, {}), span(3, {})]);
  const actual = outcome([span(1, { a: 'x' }), span(3, {}), span(3, {})]);
  const where = 'exporter otlp traces';
  const title = (id: number): string => `span ${String(id).padStart(16, '0')} of trace ${'1'.padStart(32, '0')} "GET"`;
  assert.deepEqual(compareOutcomes(expected, actual).differences, [
    { where, kind: 'changed', what: title(1), details: ['attributes["a"]: "1" -> "x"'] },
    { where, kind: 'missing', what: title(2), details: [] },
    { where, kind: 'unexpected', what: title(3), details: [] },
  ]);
});

test('a log at another time is the same log, and one of two that say the same is the one of its time', () => {
  const logs = (...times: string[]): Outcome => {
    const logRecords = times.map((timeUnixNano) => ({ timeUnixNano, body: { stringValue: 'started' } }));
    return outcomeOf('logs', [{ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }]);
  };
  const where = 'exporter otlp logs';
  const what = 'log "started" at 1970-01-01T00:00:00.000Z';
  assert.deepEqual(compareOutcomes(logs('10', '20', '30'), logs('20', '31', '30')).differences, [
    { where, kind: 'changed', what, details: ['timeUnixNano: "10" -> "31"'] },
  ]);
  assert.deepEqual(compareOutcomes(logs('10', '20'), logs('20')).differences, [
    { where, kind: 'missing', what, details: [] },
  ]);
});

test('errors are told first among what is missing, and counted where the counts stand', () => {
  const logs = (...severities: number[]): Outcome => {
    const logRecords = severities.map((severityNumber, n) => ({
      timeUnixNano: `${n + 1}000000000`,
      severityNumber,
      body: { stringValue: `log ${severityNumber}` },
      ...(severityNumber === 18 ? { traceId: 'ab'.repeat(16) } : {}),
    }));
    return outcomeOf('logs', [{ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }]);
  };
  const spans = outcome([span(1, {}), { ...span(2, {}), status: { code: 2 } }]);
  const lostLogs = compareOutcomes(logs(...new Array<number>(30).fill(9), 17, 18), logs()).differences;
  const lostSpans = compareOutcomes(spans, outcome([])).differences;
  const text = differencesText([...lostSpans, ...lostLogs]);
  assert.match(text, /exporter otlp traces\n +- span 0{15}2 of .*\n +- span 0{15}1 /);
  assert.match(
    text,
    /exporter otlp logs\n +- log "log 17" at 1970-01-01T00:00:31\.000Z\n +- log "log 18" of trace (ab){16}\n +- log "log 9" at/,
  );
  assert.equal(
    countsText([...lostSpans, ...lostLogs]),
    'traces: 2 missing (1 with an error); logs: 32 missing (2 with an error)',
  );
});

test('a point at another time is of the same series', () => {
  const points = (...attempts: (readonly [at: string, route: string])[]): Outcome => {
    const dataPoints = attempts.map(([timeUnixNano, stringValue]) => {
      return { timeUnixNano, asInt: '1', attributes: [{ key: 'route', value: { stringValue } }] };
    });
    return outcomeOf('metrics', [
      { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'hits', gauge: { dataPoints } }] }] }] },
    ]);
  };
  const { differences } = compareOutcomes(points(['10', '/a'], ['10', '/b']), points(['12', '/b'], ['10', '/c']));
  assert.deepEqual(
    differences.map(({ kind, what, details }) => [kind, what, ...details]),
    [
      ['missing', 'metric hits{route="/a"} at 10'],
      ['changed', 'metric hits{route="/b"} at 10', 'timeUnixNano: "10" -> "12"'],
      ['unexpected', 'metric hits{route="/c"} at 10'],
    ],
  );
});

test('the same item twice is not the same as once', () => {
  const { differences } = compareOutcomes(outcome([span(1, {})]), outcome([span(1, {}), span(1, {})]));
  assert.deepEqual(
    differences.map(({ kind }) => kind),
    ['unexpected'],
  );
});

test('self metrics that differ are named', () => {
  const expected = { ...outcome(), metrics: 'a{x="1"} 1\nb 2\n' };
  const { differences } = compareOutcomes(expected, { ...outcome(), metrics: 'a{x="1"} 3\nc 2\n' });
  assert.deepEqual(differences, [
    { where: 'metrics', kind: 'changed', what: 'a{x="1"}', details: ['1 -> 3'] },
    { where: 'metrics', kind: 'missing', what: 'b', details: ['2 -> absent'] },
    { where: 'metrics', kind: 'unexpected', what: 'c', details: ['absent -> 2'] },
  ]);
});

test('the hash of the configuration in the self metrics does not count', () => {
  const of = (hash: string, spans: number): Outcome => ({
    ...outcome([span(1, {})]),
    metrics: `remora_config_info{hash="${hash}"} 1\notelcol_exporter_sent_spans{exporter="otlp"} ${spans}\n`,
  });
  assert.deepEqual(compareOutcomes(of('a', 1), of('b', 1)).differences, []);
  assert.equal(compareOutcomes(of('a', 1), of('b', 2)).differences.length, 1);
});
