import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { httpUpstream } from './http-upstream.ts';
import { LineCounts } from './line-counts.ts';
import { numbersOf } from './line-upstream.ts';

/** How far behind its rate it may catch up, so that a busy machine costs nothing of it. */
const SLACK_MS = 250;

export interface LimitedUpstream extends AsyncDisposable {
  readonly url: string;
  readonly counts: LineCounts;
  /** Bytes taken so far. */
  bytes: number;
  /** Bytes that it takes in a second; 0 hangs, Infinity is no limit. */
  perSecond: number;
  /** Requests that are being taken or wait for it. */
  present: number;
}

/** An OTLP/HTTP upstream of numbered lines that takes so many bytes in a second and not more. */
export async function limitedUpstream(perSecond: number): Promise<LimitedUpstream> {
  const upstream = await httpUpstream();
  const limited = { url: upstream.url, counts: new LineCounts(), bytes: 0, perSecond, present: 0 };
  let freeMs = 0;
  const turn = async (bytes: number): Promise<void> => {
    while (limited.perSecond === 0) await pause(20);
    if (limited.perSecond === Infinity) return;
    freeMs = Math.max(freeMs, performance.now() - SLACK_MS) + (1000 * bytes) / limited.perSecond;
    await pause(Math.max(0, freeMs - performance.now()));
  };
  upstream.answer = (_request, response, { headers, body }) => {
    upstream.seen.length = 0;
    limited.present += 1;
    void turn(body.length).then(() => {
      limited.present -= 1;
      if (response.destroyed) return;
      const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      for (const number of numbersOf(plain)) limited.counts.add(number);
      limited.bytes += body.length;
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  };
  return Object.assign(limited, { [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose]() });
}
