import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RemoraError } from '../../src/core/errors.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { decodeResponse, decodeStatus, encodeResponse, encodeStatus } from '../../src/otlp/response.ts';
import { decodeMessage, encodeMessage, type PlainObject } from '../support/otlp-proto.ts';

const ENCODINGS = ['proto', 'json'] as const;
const json = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const isMalformed = (error: unknown) => error instanceof RemoraError && error.code === 'payload_malformed';

test('full success leaves partial_success unset', () => {
  for (const signal of SIGNALS) {
    assert.equal(encodeResponse(signal, 0, '', 'proto').length, 0);
    assert.deepEqual(json(encodeResponse(signal, 0, '', 'json')), {});
    for (const encoding of ENCODINGS) {
      const response = decodeResponse(signal, encodeResponse(signal, 0, '', encoding), encoding);
      assert.deepEqual(response, { rejectedItems: 0, message: '' });
    }
  }
});

test('partial success is written in the words of its signal', () => {
  assert.deepEqual(json(encodeResponse('traces', 5, 'bad', 'json')), {
    partialSuccess: { rejectedSpans: '5', errorMessage: 'bad' },
  });
  assert.deepEqual(json(encodeResponse('metrics', 1, '', 'json')), { partialSuccess: { rejectedDataPoints: '1' } });
  assert.deepEqual(json(encodeResponse('logs', 2, 'x', 'json')), {
    partialSuccess: { rejectedLogRecords: '2', errorMessage: 'x' },
  });
  const partial = decodeMessage('ExportTraceServiceResponse', encodeResponse('traces', 300, 'no', 'proto'));
  assert.deepEqual(partial, { partialSuccess: { rejected: '300', errorMessage: 'no' } });
});

test('a response is read back in both encodings, also a warning without rejected items', () => {
  for (const signal of SIGNALS) {
    for (const encoding of ENCODINGS) {
      for (const [rejectedItems, message] of [
        [7, 'some'],
        [0, 'a warning'],
        [2 ** 40, ''],
      ] as const) {
        const encoded = encodeResponse(signal, rejectedItems, message, encoding);
        assert.deepEqual(decodeResponse(signal, encoded, encoding), { rejectedItems, message });
      }
    }
  }
});

test('a response that makes no sense counts nothing as rejected', () => {
  const negative = encodeMessage('ExportLogsServiceResponse', { partialSuccess: { rejected: -3, errorMessage: 'e' } });
  assert.deepEqual(decodeResponse('logs', negative, 'proto'), { rejectedItems: 0, message: 'e' });
  for (const partialSuccess of [null, 5, [], { rejectedLogRecords: 'many' }, { rejectedLogRecords: {} }]) {
    assert.deepEqual(decodeResponse('logs', bytes({ partialSuccess }), 'json'), { rejectedItems: 0, message: '' });
  }
  assert.deepEqual(decodeResponse('logs', bytes({ partialSuccess: { rejectedLogRecords: 3 } }), 'json'), {
    rejectedItems: 3,
    message: '',
  });
});

test('an unreadable answer is malformed', () => {
  for (const text of ['', 'null', '[]', '<html>', '{']) {
    assert.throws(() => decodeResponse('logs', Buffer.from(text), 'json'), isMalformed);
    assert.throws(() => decodeStatus(Buffer.from(text), 'json'), isMalformed);
  }
  for (const hex of ['0a7f', '0801', '0a0212ff']) {
    assert.throws(() => decodeResponse('logs', Buffer.from(hex, 'hex'), 'proto'), isMalformed);
  }
  assert.throws(() => decodeStatus(Buffer.from('1affffffff7f', 'hex'), 'proto'), isMalformed);
});

test('a status carries code, message and RetryInfo in both encodings', () => {
  for (const encoding of ENCODINGS) {
    for (const retryAfterMs of [undefined, 0, 1, 1500, 3_600_000]) {
      const expected = { code: 14, message: 'busy', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      assert.deepEqual(decodeStatus(encodeStatus(14, 'busy', retryAfterMs, encoding), encoding), expected);
    }
  }
  assert.deepEqual(json(encodeStatus(14, 'busy', 1500, 'json')), {
    code: 14,
    message: 'busy',
    details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.5s' }],
  });
});

test('protobufjs reads the status as google.rpc.Status with RetryInfo', () => {
  const status = decodeMessage('RpcStatus', encodeStatus(8, 'full', 2250, 'proto'));
  assert.equal(status['code'], 8);
  assert.equal(status['message'], 'full');
  const [detail] = status['details'] as PlainObject[];
  assert.equal(detail?.['typeUrl'], 'type.googleapis.com/google.rpc.RetryInfo');
  const info = decodeMessage('RetryInfo', Buffer.from(String(detail['value']), 'base64'));
  assert.deepEqual(info, { retryDelay: { seconds: '2', nanos: 250_000_000 } });
});

test('details of other kinds and delays that make no sense are passed over', () => {
  const retryInfo = (seconds: number) => encodeMessage('RetryInfo', { retryDelay: { seconds } });
  const typeUrl = 'type.googleapis.com/google.rpc.RetryInfo';
  const status = (...details: PlainObject[]) =>
    decodeStatus(encodeMessage('RpcStatus', { code: 14, details }), 'proto');
  assert.equal(status({ typeUrl: 'x/google.rpc.BadRequest', value: retryInfo(1) }).retryAfterMs, undefined);
  assert.equal(status({ typeUrl, value: retryInfo(-1) }).retryAfterMs, undefined);
  assert.equal(
    status({ typeUrl: 'x/y', value: Buffer.from([255]) }, { typeUrl, value: retryInfo(3) }).retryAfterMs,
    3000,
  );
  for (const retryDelay of ['soon', '-1s', 5, null, '1e9s']) {
    const body = bytes({ code: 14, details: [null, 5, { '@type': typeUrl, retryDelay }] });
    assert.deepEqual(decodeStatus(body, 'json'), { code: 14, message: '' });
  }
  assert.deepEqual(decodeStatus(bytes({ error: 'x', code: 'y' }), 'json'), { code: 0, message: '' });
});
