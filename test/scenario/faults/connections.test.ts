import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { test } from 'node:test';
import type { Socket } from 'node:net';
import type { UpstreamFault } from '../../support/faulty-upstream.ts';
import { faultMatrix, KEPT, type FaultCase } from './matrix.ts';

/** In the words of the kernel, of undici and of grpc-js. */
const RESET = /ECONNRESET|EPIPE|other side closed|Failed to connect|closed|Connection dropped/;

const BRIEF = (): object => ({ timeout: '400ms' });
const TIMED_OUT = /did not answer within 400 ms/;

type Rest = Pick<FaultCase, 'health'> & Partial<FaultCase>;

/** The same fault in front of both exporters. */
function both(name: string, fault: UpstreamFault, rest: Rest): FaultCase[] {
  const exporters = ['otlp', 'otlphttp'] as const;
  return exporters.map((exporter) => ({ name, exporter, upstream: { fault }, outcome: KEPT, ...rest }));
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

/** Once the client has begun to send. */
function amid(then: (socket: Socket) => void): UpstreamFault {
  return { socket: (socket) => void socket.once('data', () => then(socket)) };
}

function says(bytes: Uint8Array | string): UpstreamFault {
  return amid((socket) => void socket.write(bytes));
}

const NOISE = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 167 + 13) % 256));
/** An empty SETTINGS frame, and one that says it has 16 MB. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const BROKEN_FRAME = Buffer.from([255, 255, 255, 1, 4, 0, 0, 0, 1]);

const http1 = createHttp((_request, response) => void response.end());
const http2 = createHttp2((_request, response) => void response.end());
http2.on('sessionError', () => undefined);

const cases: readonly FaultCase[] = [
  ...both('refuses connections', { absent: true }, { health: /ECONNREFUSED/ }),
  ...both('accepts and resets', { socket: reset }, { health: RESET }),
  ...both('resets amid the request', amid(reset), { health: RESET }),
  ...both(
    'accepts and never answers',
    { socket: (socket) => void socket.resume() },
    { settings: BRIEF, health: TIMED_OUT },
  ),
  ...both(
    'closes its side and goes on reading',
    {
      socket: (socket) => {
        socket.resume();
        socket.end();
      },
    },
    { health: RESET },
  ),
  ...both('answers with noise', says(NOISE), { health: /Parse Error|HPE|[Pp]rotocol|Expected|Failed to connect/ }),
  ...both('answers with a line that is no protocol', says('220 mail.example ESMTP\r\n'), {
    health: /Parse Error|HPE|[Pp]rotocol|Expected|Failed to connect/,
  }),
  {
    name: 'answers with a broken frame of HTTP/2',
    exporter: 'otlp',
    upstream: { fault: says(Buffer.concat([SETTINGS, BROKEN_FRAME])) },
    outcome: KEPT,
    health: /did not answer|cannot be reached|Stream refused/,
  },
  {
    name: 'greets and hangs up',
    exporter: 'otlp',
    upstream: { fault: amid((socket) => void socket.end(SETTINGS)) },
    outcome: KEPT,
    health: /did not answer|cannot be reached/,
  },
  {
    name: 'speaks HTTP/1 where gRPC is expected',
    exporter: 'otlp',
    upstream: { fault: { socket: (socket) => void http1.emit('connection', socket) } },
    outcome: KEPT,
    health: /cannot be reached|did not answer/,
  },
  {
    name: 'speaks HTTP/2 where HTTP/1 is expected',
    exporter: 'otlphttp',
    upstream: { fault: { socket: (socket) => void http2.emit('connection', socket) } },
    outcome: KEPT,
    health: /Parse Error|HPE|Expected|closed/,
  },
  {
    name: 'a connection that went silent and stays so',
    exporter: 'otlp',
    upstream: { fault: { grpc: () => false, stays: true } },
    settings: BRIEF,
    outcome: KEPT,
    health: TIMED_OUT,
  },
  {
    name: 'a connection that went silent and stays so',
    exporter: 'otlphttp',
    upstream: { fault: { http: () => false, stays: true } },
    settings: BRIEF,
    outcome: KEPT,
    health: TIMED_OUT,
  },
];

test('connections that fail', (t) => faultMatrix(t, cases));
