import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GRPC } from '../../../src/net/grpc/codes.ts';
import { encodeResponse, encodeStatus } from '../../../src/otlp/response.ts';
import { framed, type GrpcCall, type GrpcFault } from '../../support/faulty-upstream.ts';
import { faultMatrix, KEPT, REFUSED, TAKEN, type FaultCase, type Outcome } from './matrix.ts';

type Rest = Pick<FaultCase, 'outcome' | 'health'> & Partial<FaultCase>;

function grpc(name: string, fault: GrpcFault, rest: Rest): FaultCase {
  return { name, exporter: 'otlp', upstream: { fault: { grpc: fault } }, ...rest };
}

type CodeName = keyof typeof GRPC;

function answers(code: CodeName, retryAfterMs?: number): GrpcFault {
  const details = retryAfterMs === undefined ? undefined : encodeStatus(GRPC[code], 'later', retryAfterMs, 'proto');
  return (call) => {
    call.end(GRPC[code], { message: 'because', ...(details === undefined ? {} : { details }) });
    return false;
  };
}

function status(code: CodeName, outcome: Outcome, retryAfterMs?: number): FaultCase {
  const name = retryAfterMs === undefined ? code : `${code} with RetryInfo`;
  const gap = retryAfterMs === undefined ? {} : { gapMs: retryAfterMs - 10 };
  return grpc(name, answers(code, retryAfterMs), { outcome, health: new RegExp(`answered ${code}: because`), ...gap });
}

/** The call is OK with this message, so the upstream has taken the data. */
function takesWith(body: Uint8Array): GrpcFault {
  return (call) => {
    call.end(0, { body });
    return true;
  };
}

/** An answer that does not come from gRPC, as proxies give. */
function proxied(httpStatus: number, contentType = 'text/html'): GrpcFault {
  return ({ stream }) => {
    stream.respond({ ':status': httpStatus, 'content-type': contentType });
    stream.end('<html></html>');
    return false;
  };
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** Response headers, and then these bytes. */
function responds({ stream }: GrpcCall, bytes: Uint8Array, headers: object = {}): void {
  stream.respond({ ...HEADERS, ...headers });
  stream.write(bytes);
}

const pouredBytes: number[] = [];

/** A message that says it has 4 GB, and 10 GB of it, or as much as the client takes. */
function pours(call: GrpcCall): boolean {
  const index = pouredBytes.push(0) - 1;
  const chunk = Buffer.alloc(64 * 1024);
  responds(call, Buffer.from([0, 255, 255, 255, 255]));
  const { stream } = call;
  const pour = (): void => {
    while (!stream.destroyed && !stream.closed && (pouredBytes[index] ?? 0) < 10e9) {
      pouredBytes[index] = (pouredBytes[index] ?? 0) + chunk.length;
      if (!stream.write(chunk)) return void stream.once('drain', pour);
    }
  };
  pour();
  return false;
}

const bomb = framed(gzipSync(Buffer.alloc(256 * 2 ** 20)), true);

function bombs(call: GrpcCall): boolean {
  const { stream } = call;
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ...HEADERS, 'grpc-encoding': 'gzip' }, { waitForTrailers: true });
  stream.end(bomb);
  return false;
}

function trickles(call: GrpcCall): boolean {
  responds(call, framed(new Uint8Array(1000)).subarray(0, 6));
  const timer = setInterval(() => call.stream.write('\0'), 1000);
  call.stream.on('close', () => clearInterval(timer));
  return false;
}

function goesAway(lastStream: 'this' | 'none'): GrpcFault {
  return ({ stream }) => {
    const { session } = stream;
    session?.goaway(constants.NGHTTP2_NO_ERROR, lastStream === 'none' ? 0 : (stream.id ?? 0));
    setTimeout(() => session?.destroy(), 50);
    return false;
  };
}

const BRIEF = (): object => ({ timeout: '400ms' });
const TIMED_OUT = /did not answer within 400 ms/;
const TOO_LARGE: Outcome = { kind: 'refused', reason: 'upstream_response_too_large' };

const cases: readonly FaultCase[] = [
  status('UNAVAILABLE', KEPT),
  status('UNAVAILABLE', KEPT, 700),
  status('RESOURCE_EXHAUSTED', REFUSED),
  status('RESOURCE_EXHAUSTED', KEPT, 700),
  status('DEADLINE_EXCEEDED', KEPT),
  status('CANCELLED', KEPT),
  status('ABORTED', KEPT),
  status('OUT_OF_RANGE', KEPT),
  status('DATA_LOSS', KEPT),
  ...(['UNKNOWN', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'] as const).map((code) =>
    status(code, REFUSED),
  ),
  ...(['FAILED_PRECONDITION', 'UNIMPLEMENTED', 'INTERNAL', 'UNAUTHENTICATED'] as const).map((code) =>
    status(code, REFUSED),
  ),
  grpc('partial success', takesWith(encodeResponse('logs', 4, 'quota', 'proto')), {
    outcome: { kind: 'partly', refusedItems: 4 },
    health: null,
  }),
  grpc('a truncated response', takesWith(encodeResponse('logs', 4, 'quota', 'proto').subarray(0, 5)), {
    outcome: TAKEN,
    health: null,
  }),
  grpc('a response of garbage', takesWith(Buffer.alloc(100, 0xff)), { outcome: TAKEN, health: null }),
  grpc('10 GB', pours, { outcome: TOO_LARGE, health: /larger than 4194304 bytes/ }),
  grpc('a bomb of gzip', bombs, { outcome: TOO_LARGE, health: /larger than 4194304 bytes/ }),
  grpc('a byte a second', trickles, { settings: BRIEF, outcome: KEPT, health: TIMED_OUT }),
  grpc('takes the request and never answers', () => false, { settings: BRIEF, outcome: KEPT, health: TIMED_OUT }),
  grpc('a proxy that answers 502', proxied(502), { outcome: KEPT, health: /UNAVAILABLE/ }),
  grpc('a proxy that answers 503', proxied(503), { outcome: KEPT, health: /UNAVAILABLE/ }),
  grpc('a proxy that answers 404', proxied(404), { outcome: REFUSED, health: /UNIMPLEMENTED/ }),
  // Its first bytes are read as the length of a message.
  grpc('a page instead of a response', proxied(200), { outcome: TOO_LARGE, health: /larger than 4194304 bytes/ }),
  grpc('GOAWAY before the stream', goesAway('none'), { outcome: KEPT, health: /did not answer/ }),
  grpc('GOAWAY amid the stream', goesAway('this'), { outcome: KEPT, health: /did not answer|CANCELLED/ }),
  grpc(
    'a refused stream',
    ({ stream }) => {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return false;
    },
    { outcome: KEPT, health: /UNAVAILABLE/ },
  ),
  grpc(
    'half an answer and a reset',
    (call) => {
      responds(call, framed(new Uint8Array(1000)).subarray(0, 50));
      setTimeout(() => call.stream.session?.destroy(), 20);
      return false;
    },
    { outcome: KEPT, health: /did not answer|CANCELLED/ },
  ),
];

test('answers over gRPC', async (t) => {
  await faultMatrix(t, cases);
  await t.test('of 10 GB no more is taken than the sockets hold', () => {
    for (const bytes of pouredBytes) assert.ok(bytes < 2 ** 30, `${bytes} bytes were taken.`);
  });
});
