import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RemoraError } from '../../src/core/errors.ts';
import type { Signal } from '../../src/core/signal.ts';
import { jsonToRequest, requestToJson } from '../../src/otlp/json.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../support/otlp-proto.ts';

const FIXTURES = new URL('../../fixtures/otlp-json/', import.meta.url);

const read = (signal: Signal, json: string | Uint8Array): PlainObject =>
  decodeRequest(signal, jsonToRequest(signal, typeof json === 'string' ? Buffer.from(json) : json));
const write = (signal: Signal, request: Uint8Array): string => Buffer.from(requestToJson(signal, request)).toString();

/** What becomes of one span, log record or gauge point. */
const SPAN = ['{"resourceSpans":[{"scopeSpans":[{"spans":[', ']}]}]}'] as const;
const LOG = ['{"resourceLogs":[{"scopeLogs":[{"logRecords":[', ']}]}]}'] as const;
const POINT = ['{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[', ']}}]}]}]}'] as const;
const within = ([before, after]: readonly [string, string], item: string) => before + item + after;

function dig(value: unknown, ...path: (string | number)[]): unknown {
  let at = value;
  for (const step of path) at = (at as Record<string | number, unknown>)[step];
  return at;
}
const spanOf = (item: string) =>
  dig(read('traces', within(SPAN, item)), 'resourceSpans', 0, 'scopeSpans', 0, 'spans', 0) as PlainObject;
const logOf = (item: string) =>
  dig(read('logs', within(LOG, item)), 'resourceLogs', 0, 'scopeLogs', 0, 'logRecords', 0) as PlainObject;
const pointOf = (item: string) =>
  dig(
    read('metrics', within(POINT, item)),
    ...['resourceMetrics', 0, 'scopeMetrics', 0, 'metrics', 0, 'gauge', 'dataPoints', 0],
  ) as PlainObject;
const bodyOf = (value: string) => dig(logOf(`{"body":${value}}`), 'body') as PlainObject;

function assertMalformed(work: () => unknown, what?: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof RemoraError && error.code === 'payload_malformed', String(error));
    if (what !== undefined) assert.match(error.message, what);
    return true;
  });
}

for (const [name, signal] of [
  ['trace', 'traces'],
  ['metrics', 'metrics'],
  ['logs', 'logs'],
  ['events', 'logs'],
] as const) {
  test(`the specification's example ${name}.json is read and written with the same meaning`, () => {
    const json = readFileSync(new URL(`${name}.json`, FIXTURES));
    const written: unknown = JSON.parse(write(signal, jsonToRequest(signal, json)));
    assert.deepEqual(written, withoutDefaults(JSON.parse(json.toString())));
  });
}

/** The example as we write it: ids in lower case, numbers that hold the default left out. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key, inner]) => inner !== 0 || key === 'min');
  return Object.fromEntries(
    kept.map(([key, inner]: [string, unknown]) => [
      key,
      /^(trace|span|parentSpan)Id$/.test(key) ? String(inner).toLowerCase() : withoutDefaults(inner),
    ]),
  );
}

test('64-bit integers are exact as number and as string', () => {
  for (const value of ['9007199254740993', '9223372036854775807', '-9223372036854775808', '-1', '0']) {
    assert.equal(bodyOf(`{"intValue":${value}}`)['intValue'], value);
    assert.equal(bodyOf(`{"intValue":"${value}"}`)['intValue'], value);
    assert.equal(pointOf(`{"asInt":${value}}`)['asInt'], value);
  }
  assert.equal(spanOf('{"startTimeUnixNano":18446744073709551615}')['startTimeUnixNano'], '18446744073709551615');
  assert.equal(spanOf('{"startTimeUnixNano":"1544712660300000001"}')['startTimeUnixNano'], '1544712660300000001');
});

test('integers written with a fraction or an exponent are read when they are integers', () => {
  assert.equal(bodyOf('{"intValue":1.0}')['intValue'], '1');
  assert.equal(bodyOf('{"intValue":-12.5e1}')['intValue'], '-125');
  assert.equal(bodyOf('{"intValue":9.223372036854775807e18}')['intValue'], '9223372036854775807');
  assert.equal(bodyOf('{"intValue":0e99999}')['intValue'], '0');
  assertMalformed(() => bodyOf('{"intValue":1.5}'));
  assertMalformed(() => bodyOf('{"intValue":1e300}'));
});

test('integers out of the range of their field are malformed', () => {
  for (const item of [
    '{"startTimeUnixNano":18446744073709551616}',
    '{"startTimeUnixNano":-1}',
    '{"droppedAttributesCount":4294967296}',
    '{"droppedAttributesCount":-1}',
    '{"flags":4294967296}',
    '{"kind":2147483648}',
    '{"kind":-2147483649}',
    '{"kind":""}',
  ]) {
    assertMalformed(() => spanOf(item));
  }
  assertMalformed(() => bodyOf('{"intValue":9223372036854775808}'));
  assertMalformed(() => bodyOf('{"intValue":-9223372036854775809}'));
  assert.equal(spanOf('{"kind":-2147483648}')['kind'], -2147483648);
});

test('doubles may be numbers, numbers in strings, NaN and the infinities', () => {
  for (const [text, value] of [
    ['637.704', 637.704],
    ['"637.704"', 637.704],
    ['0.1', 0.1],
    ['-0', -0],
    ['-0.0', -0],
    ['5e-324', 5e-324],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['123456789012345678', 123456789012345678],
    ['0.000000000000001', 1e-15],
    ['"NaN"', NaN],
    ['"Infinity"', Infinity],
    ['"-Infinity"', -Infinity],
  ] as const) {
    assert.ok(Object.is(pointOf(`{"asDouble":${text}}`)['asDouble'], value), text);
  }
  for (const text of ['1e400', '"nan"', '""', '"1 "', '"0x1"', 'NaN', '.5', '1.', '01', '+1', '-', '1e', 'true']) {
    assertMalformed(() => pointOf(`{"asDouble":${text}}`));
  }
});

test('ids are hex of either case, of their length or empty', () => {
  const span = spanOf('{"traceId":"5B8efff798038103d269b633813fc60c","spanId":"","parentSpanId":"EEE19B7EC3C1B173"}');
  assert.equal(Buffer.from(String(span['traceId']), 'base64').toString('hex'), '5b8efff798038103d269b633813fc60c');
  assert.equal(span['spanId'], '');
  for (const id of [
    '5b8e',
    'zz8efff798038103d269b633813fc60c',
    '5b8efff798038103d269b633813fc60c00',
    'W47/95gDgQPSabYzgT/GDA==',
  ]) {
    assertMalformed(() => spanOf(`{"traceId":"${id}"}`), /traceId/);
  }
  assertMalformed(() => spanOf('{"spanId":"5b8efff798038103d269b633813fc60c"}'), /spanId/);
});

test('other bytes are base64 of either alphabet, padded or not', () => {
  for (const text of ['+/8=', '-_8=', '+/8', '-_8', '\\u002b/8=']) {
    assert.equal(bodyOf(`{"bytesValue":"${text}"}`)['bytesValue'], '+/8=');
  }
  assert.equal(bodyOf('{"bytesValue":""}')['bytesValue'], '');
  for (const text of ['+', '+/8==', '+/8===', '=', '+ /8', 'é===']) {
    assertMalformed(() => bodyOf(`{"bytesValue":"${text}"}`));
  }
});

test('enums are integers, and names are tolerated', () => {
  assert.equal(spanOf('{"kind":"SPAN_KIND_SERVER"}')['kind'], 2);
  assert.equal(spanOf('{"kind":77}')['kind'], 77);
  assert.equal(dig(spanOf('{"status":{"code":"STATUS_CODE_ERROR"}}'), 'status', 'code'), 2);
  assert.equal(logOf('{"severityNumber":"SEVERITY_NUMBER_FATAL4"}')['severityNumber'], 24);
  assert.equal(logOf('{"severityNumber":"SEVERITY_NUMBER_INFO"}')['severityNumber'], 9);
  assertMalformed(() => spanOf('{"kind":"SPAN_KIND_NONE"}'), /kind/);
});

test('unknown members and snake_case names are passed over', () => {
  const span = spanOf(
    '{"trace_id":1,"Name":"x","zzz":[{"a":[null,true,"\\"",-1.5e3]},{}],"name":"n","constructor":{}}',
  );
  assert.equal(span['name'], 'n');
  assert.equal(span['traceId'], '');
});

test('names may be written with escapes', () => {
  assert.equal(spanOf('{"na\\u006de":"n"}')['name'], 'n');
});

test('null is the same as absent, also in place of a message or a list', () => {
  const span = spanOf('{"name":null,"attributes":null,"status":null,"kind":null}');
  assert.deepEqual(span, spanOf('{}'));
  assert.equal(jsonToRequest('traces', Buffer.from('{"resourceSpans":null}')).length, 0);
  assertMalformed(() => spanOf('{"attributes":[null]}'));
});

test('of a member that comes twice the last stands, even when it is the default', () => {
  assert.equal(spanOf('{"name":"a","name":"b"}')['name'], 'b');
  assert.equal(spanOf('{"name":"a","kind":2,"name":"","kind":0}')['name'], '');
  assert.equal(spanOf('{"kind":2,"kind":0}')['kind'], 0);
  const body = bodyOf('{"stringValue":"a","intValue":"5"}');
  assert.equal(body['intValue'], '5');
});

test('an empty value stays an empty value and an empty string a string', () => {
  assert.deepEqual(bodyOf('{}'), {});
  assert.deepEqual(bodyOf('{"stringValue":""}'), { stringValue: '' });
  assert.deepEqual(bodyOf('{"boolValue":false}'), { boolValue: false });
  for (const body of ['{}', '{"stringValue":""}', '{"boolValue":false}', '{"intValue":"0"}', '{"arrayValue":{}}']) {
    const json = within(LOG, `{"body":${body}}`);
    assert.equal(write('logs', jsonToRequest('logs', Buffer.from(json))), json);
  }
});

test('escapes and surrogate pairs are read, halves of a pair become U+FFFD', () => {
  assert.equal(
    spanOf('{"name":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u65e5\\ud83d\\ude00"}')['name'],
    '"\\/\b\f\n\r\té日😀',
  );
  assert.equal(spanOf('{"name":"a\\ud83d|\\ude00b\\ud83d\\u0041"}')['name'], 'a\ufffd|\ufffdb\ufffdA');
  for (const name of ['\\x', '\\u12', '\\u12g4', '\\', 'a\nb', '\t'])
    assertMalformed(() => spanOf(`{"name":"${name}"}`));
});

test('text that is not UTF-8 becomes U+FFFD both ways', () => {
  const [before, after] = within(SPAN, '{"name":"@"}').split('@');
  const json = Buffer.concat([Buffer.from(before!), Buffer.from([0x61, 0xff, 0xc0, 0x62]), Buffer.from(after!)]);
  assert.equal(dig(read('traces', json), 'resourceSpans', 0, 'scopeSpans', 0, 'spans', 0, 'name'), 'a\ufffd\ufffdb');
  const request = Buffer.from('0a0a1208120629042a02c328', 'hex');
  assertMalformed(() => requestToJson('traces', request));
  assert.equal(write('traces', Buffer.from('0a0812061204' + '2a02c328', 'hex')), within(SPAN, '{"name":"\ufffd("}'));
});

test('text that is no JSON object is malformed', () => {
  for (const json of [
    '',
    ' ',
    'null',
    '[]',
    '""',
    '{',
    '{}x',
    '{},',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '\ufeff{}',
    '{"a":1 "b":2}',
    "{'a':1}",
    '{"a":[1,]}',
    '{"a":tru}',
  ]) {
    assertMalformed(() => jsonToRequest('logs', Buffer.from(json)));
  }
  assert.equal(jsonToRequest('logs', Buffer.from(' \r\n\t{ } \n')).length, 0);
});

test('a value of the wrong kind is malformed', () => {
  for (const item of [
    '{"name":1}',
    '{"name":{}}',
    '{"attributes":{}}',
    '{"status":[]}',
    '{"traceId":5}',
    '"x"',
    '5',
    '[]',
  ]) {
    assertMalformed(() => spanOf(item));
  }
  assertMalformed(() => bodyOf('{"boolValue":"true"}'));
});

test('repeated numbers are read packed and unpacked', () => {
  const histogram = (point: string) =>
    Buffer.from(`0a${hexLength(`12${hexLength(`12${hexLength(`4a${hexLength(`0a${hexLength(point)}`)}`)}`)}`)}`, 'hex');
  const packed = '3210' + '0100000000000000' + '0200000000000000';
  const unpacked = '31' + '0100000000000000' + '31' + '0200000000000000';
  const expected =
    '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":["1","2"]}]}}]}]}]}';
  assert.equal(write('metrics', histogram(packed)), expected);
  assert.equal(write('metrics', histogram(unpacked)), expected);
  assertMalformed(() => requestToJson('metrics', histogram('320f' + '00'.repeat(15))));
});

function hexLength(hex: string): string {
  return (hex.length / 2).toString(16).padStart(2, '0') + hex;
}

test('messages that come in pieces and fields in any order are written as one', () => {
  const first = encodeRequest('traces', { resourceSpans: [{ resource: { attributes: [{ key: 'a' }] } }] });
  const second = encodeRequest('traces', { resourceSpans: [{ resource: { attributes: [{ key: 'b' }] } }] });
  const content = Buffer.concat([first.subarray(2), Buffer.from('1a0173', 'hex'), second.subarray(2)]);
  const request = Buffer.concat([Buffer.from([0x0a, content.length]), content]);
  assert.equal(
    write('traces', request),
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"a"},{"key":"b"}]},"schemaUrl":"s"}]}',
  );
});

test('of a oneof only the member that came last is written', () => {
  // AnyValue { string_value = "a", bool_value = true }
  const request = Buffer.from('0a0b1209' + '1207' + '2a05' + '0a0161' + '1001', 'hex');
  assert.equal(write('logs', request), within(LOG, '{"body":{"boolValue":true}}'));
});

test('a known field of the wrong wire type is malformed', () => {
  for (const hex of ['0801', '0a021001', '0a0412021001', '0a06120412022801', '0a0612041202' + '0801']) {
    assertMalformed(() => requestToJson('traces', Buffer.from(hex, 'hex')));
  }
});

test('what is written carries no control character and no line end', () => {
  const name = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code)).join('');
  const request = encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ name }] }] }] });
  const json = write('traces', request);
  assert.doesNotMatch(json, /[^\x20-\x7f]/);
  assert.equal(dig(JSON.parse(json), 'resourceSpans', 0, 'scopeSpans', 0, 'spans', 0, 'name'), name);
});
