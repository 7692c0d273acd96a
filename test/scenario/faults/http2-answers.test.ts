import { constants } from 'node:http2';
import { test } from 'node:test';
import { faultIdentity, pemPath } from '../../support/fault-identity.ts';
import type { Http2Fault } from '../../support/faulty-upstream.ts';
import { faultMatrix, KEPT, REFUSED, type FaultCase } from './matrix.ts';

const RENEWED = faultIdentity('renewed');

type Rest = Pick<FaultCase, 'outcome' | 'health'> & { readonly stays?: true; readonly timeout?: string };

/** OTLP/HTTP over HTTP/2, which is spoken over TLS. */
function http2(name: string, fault: Http2Fault, { stays, timeout, ...rest }: Rest): FaultCase {
  return {
    name,
    exporter: 'otlphttp',
    upstream: {
      protocol: 'http2',
      fault: { http2: fault, ...(stays === undefined ? {} : { stays }) },
      tls: RENEWED,
    },
    settings: (port) => ({
      endpoint: `https://127.0.0.1:${port}`,
      force_attempt_http2: true,
      tls: { ca_file: pemPath('fault-ca') },
      ...(timeout === undefined ? {} : { timeout }),
    }),
    ...rest,
  };
}

function answers(status: number): Http2Fault {
  return (stream) => {
    stream.respond({ ':status': status });
    stream.end();
    return false;
  };
}

function goesAway(lastStream: 'this' | 'none'): Http2Fault {
  return ({ session, id = 0 }) => {
    session?.goaway(constants.NGHTTP2_NO_ERROR, lastStream === 'none' ? 0 : id);
    setTimeout(() => session?.destroy(), 50);
    return false;
  };
}

function closesWith(code: number): Http2Fault {
  return (stream) => {
    stream.close(code);
    return false;
  };
}

const TIMED_OUT = /did not answer within 400 ms/;
const BROKEN = /did not answer/;

const cases: readonly FaultCase[] = [
  http2('503', answers(503), { outcome: KEPT, health: /answered 503/ }),
  http2('400', answers(400), { outcome: REFUSED, health: /answered 400/ }),
  http2('GOAWAY before the stream', goesAway('none'), { outcome: KEPT, health: BROKEN }),
  http2('GOAWAY amid the stream', goesAway('this'), { outcome: KEPT, health: BROKEN }),
  http2('a refused stream', closesWith(constants.NGHTTP2_REFUSED_STREAM), { outcome: KEPT, health: BROKEN }),
  http2('a stream that is closed', closesWith(constants.NGHTTP2_NO_ERROR), { outcome: KEPT, health: BROKEN }),
  http2('takes the request and never answers', () => false, { timeout: '400ms', outcome: KEPT, health: TIMED_OUT }),
  http2('a connection that went silent and stays so', () => false, {
    stays: true,
    timeout: '400ms',
    outcome: KEPT,
    health: TIMED_OUT,
  }),
];

test('answers over HTTP/2', (t) => faultMatrix(t, cases));
