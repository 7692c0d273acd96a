import assert from 'node:assert/strict';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeResponse, encodeStatus } from '../../../src/otlp/response.ts';
import type { HttpFault } from '../../support/faulty-upstream.ts';
import { faultMatrix, KEPT, REFUSED, TAKEN, type FaultCase, type Outcome } from './matrix.ts';

const PROTO = { 'content-type': 'application/x-protobuf' };
const TOO_LARGE: Outcome = { kind: 'refused', reason: 'upstream_response_too_large' };

type Rest = Pick<FaultCase, 'outcome' | 'health'> & Partial<FaultCase>;

function http(name: string, fault: HttpFault, rest: Rest): FaultCase {
  return { name, exporter: 'otlphttp', upstream: { fault: { http: fault } }, ...rest };
}

/** The same answer to every request. */
function answers(status: number, headers: OutgoingHttpHeaders = {}, body: string | Uint8Array = ''): HttpFault {
  return (response) => {
    response.writeHead(status, headers).end(body);
    return false;
  };
}

/** It is a 2xx, so the upstream has taken the data. */
function takesWith(body: string | Uint8Array, headers: OutgoingHttpHeaders = PROTO): HttpFault {
  return (response) => {
    response.writeHead(200, headers).end(body);
    return true;
  };
}

function kept(
  name: string,
  status: number,
  headers: OutgoingHttpHeaders = {},
  rest: Partial<FaultCase> = {},
): FaultCase {
  return http(name, answers(status, headers), { outcome: KEPT, health: new RegExp(`answered ${status}`), ...rest });
}

/** A date in whole seconds, at least a second ahead. */
function dated(status: number): HttpFault {
  return (response) => {
    const date = new Date(Date.now() + 2000).toUTCString();
    response.writeHead(status, { 'retry-after': date }).end();
    return false;
  };
}

const pouredBytes: number[] = [];

/** 10 GB, or as much as the client takes. */
function pours(status: number): HttpFault {
  return (response) => {
    const index = pouredBytes.push(0) - 1;
    const chunk = Buffer.alloc(64 * 1024);
    response.writeHead(status, PROTO);
    const pour = (): void => {
      while (!response.destroyed && (pouredBytes[index] ?? 0) < 10e9) {
        pouredBytes[index] = (pouredBytes[index] ?? 0) + chunk.length;
        if (!response.write(chunk)) return void response.once('drain', pour);
      }
    };
    pour();
    return false;
  };
}

/** A byte now and then, for ever. */
function trickle(response: ServerResponse): boolean {
  response.writeHead(200, { ...PROTO, 'content-length': 1000 });
  const timer = setInterval(() => response.write('\0'), 1000);
  response.write('\0');
  response.on('close', () => clearInterval(timer));
  return false;
}

const BRIEF = (): object => ({ timeout: '400ms' });
const TIMED_OUT = /did not answer within 400 ms/;
const gone = { kind: 'partly', refusedItems: 4 } as const;

const cases: readonly FaultCase[] = [
  kept('503', 503),
  kept('503 with Retry-After in seconds', 503, { 'retry-after': '1' }, { gapMs: 990, recoveryMs: 5000 }),
  http('503 with Retry-After as a date', dated(503), {
    outcome: KEPT,
    health: /answered 503/,
    gapMs: 900,
    recoveryMs: 6000,
  }),
  http('503 with RetryInfo', answers(503, PROTO, encodeStatus(14, 'later', 500, 'proto')), {
    outcome: KEPT,
    health: /answered 503: later/,
    gapMs: 490,
  }),
  kept('429', 429),
  kept('429 with Retry-After', 429, { 'retry-after': '1' }, { gapMs: 990, recoveryMs: 5000 }),
  kept('502', 502),
  kept('504', 504),
  ...[400, 401, 403, 404, 413, 500, 501, 505].map((status) =>
    http(`${status}`, answers(status), { outcome: REFUSED, health: new RegExp(`answered ${status}`) }),
  ),
  http('partial success', takesWith(encodeResponse('logs', 4, 'quota', 'proto')), { outcome: gone, health: null }),
  http(
    'partial success in JSON',
    takesWith(encodeResponse('logs', 4, 'quota', 'json'), { 'content-type': 'application/json' }),
    { outcome: gone, health: null },
  ),
  http('partial success of more than was sent', takesWith(encodeResponse('logs', 4000, 'quota', 'proto')), {
    outcome: { kind: 'partly', refusedItems: 10 },
    health: null,
  }),
  http('10 GB with 200', pours(200), { outcome: TOO_LARGE, health: /larger than 4194304 bytes/ }),
  http('10 GB with 503', pours(503), { outcome: TOO_LARGE, health: /larger than 4194304 bytes/ }),
  http('a bomb of gzip', takesWith(gzipSync(Buffer.alloc(64 * 2 ** 20)), { ...PROTO, 'content-encoding': 'gzip' }), {
    outcome: TAKEN,
    health: null,
  }),
  http('a page instead of a response', takesWith('<html>welcome</html>', { 'content-type': 'text/html' }), {
    outcome: TAKEN,
    health: null,
  }),
  http('a truncated response', takesWith(encodeResponse('logs', 4, 'quota', 'proto').subarray(0, 5)), {
    outcome: TAKEN,
    health: null,
  }),
  http('JSON that is none', takesWith('{"partialSuccess":', { 'content-type': 'application/json' }), {
    outcome: TAKEN,
    health: null,
  }),
  http('a redirect to itself', answers(307, { location: '/v1/logs' }), { outcome: REFUSED, health: /answered 307/ }),
  http('a redirect elsewhere', answers(302, { location: 'http://127.0.0.1:9/' }), {
    outcome: REFUSED,
    health: /answered 302/,
  }),
  http('a byte a second', trickle, { settings: BRIEF, outcome: KEPT, health: TIMED_OUT }),
  http(
    'half an answer and a reset',
    (response) => {
      response.writeHead(200, { ...PROTO, 'content-length': 1000 });
      response.write('half', () => response.socket?.resetAndDestroy());
      return false;
    },
    { outcome: KEPT, health: /ECONNRESET|closed|terminated/ },
  ),
  http('takes the request and never answers', () => false, { settings: BRIEF, outcome: KEPT, health: TIMED_OUT }),
];

test('answers over HTTP', async (t) => {
  await faultMatrix(t, cases);
  await t.test('of 10 GB no more is taken than the sockets hold', () => {
    for (const bytes of pouredBytes) assert.ok(bytes < 2 ** 30, `${bytes} bytes were taken.`);
  });
});
