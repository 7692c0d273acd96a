import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { makeBatch } from '../../src/core/batch.ts';
import { countItems } from '../../src/otlp/count.ts';
import {
  CUMULATIVE,
  DELTA,
  metricsBatch,
  numberPoint,
  pointsOf,
  sum,
} from '../processors/temporality/metric-batches.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, type Remora } from '../support/remora.ts';

interface Running {
  readonly remora: Remora;
  readonly url: string;
  readonly metricsPort: number;
}

/** Nothing is answered with success that the upstream has not taken, and nothing is tried twice but by the sender. */
async function run(t: Test, upstream: HttpUpstream, processors: string): Promise<Running> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } }
processors:
  cumulativetodelta:
  deltatocumulative:
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    retry_on_failure: { enabled: false }
    sending_queue: { wait_for_result: true }
service:
  pipelines:
    metrics: { receivers: [otlp], processors: [${processors}], exporters: [otlphttp] }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  return { remora, url: `http://127.0.0.1:${port}/v1/metrics`, metricsPort };
}

/** An upstream that refuses every third request, and remembers what it took. */
async function refusingUpstream(t: Test): Promise<{ upstream: HttpUpstream; taken: Buffer[]; refused: () => number }> {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const taken: Buffer[] = [];
  let requests = 0;
  let refused = 0;
  upstream.answer = (_request, response, { body, headers }) => {
    requests += 1;
    if (requests % 3 === 0) {
      refused += 1;
      response.writeHead(503).end();
      return;
    }
    taken.push(headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
    response.end();
  };
  return { upstream, taken, refused: () => refused };
}

/** Sends until it is taken, as an SDK does; without its pauses. */
async function send(url: string, body: Uint8Array): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const headers = { 'content-type': 'application/x-protobuf' };
    const { status } = await fetch(url, { method: 'POST', headers, body: Buffer.from(body) });
    if (status === 200) return;
    assert.ok(status === 503 || status === 429, String(status));
  }
  assert.fail('It was never taken.');
}

/** Total of a counter at `index`, which is 10 s behind the one before. */
function report(index: number, startSeconds: number): Uint8Array {
  const value = 5 * index + (index % 4);
  const [chunk] = metricsBatch(
    sum('requests', CUMULATIVE, numberPoint(startSeconds, startSeconds + 10 * index, value)),
  ).chunks;
  return chunk ?? new Uint8Array(0);
}

function valuesOf(taken: readonly Buffer[], temporality: number): number[] {
  const batches = taken.map((body) => makeBatch('metrics', [body], countItems('metrics', body)));
  return pointsOf(batches).map((found) => {
    assert.equal(found.temporality, temporality);
    return Number(found.point['asInt']);
  });
}

async function end({ remora }: Running): Promise<void> {
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
}

test('deltas add up to the total whatever is refused and sent again, and nothing is sent twice over a restart', async (t) => {
  const { upstream, taken, refused } = await refusingUpstream(t);
  const first = await run(t, upstream, 'cumulativetodelta');
  // It began after this process did, so all of it is to go on.
  const start = Math.ceil(Date.now() / 1000) + 1;
  for (let index = 1; index <= 20; index++) await send(first.url, report(index, start));
  const page = await metricsPage(first.metricsPort);
  assert.equal(page.value('otelcol_cumulativetodelta_streams_tracked'), 1);
  await end(first);
  assert.ok(refused() >= 5, String(refused()));
  const before = valuesOf(taken, DELTA);
  assert.equal(before.length, 20);
  assert.equal(
    before.reduce((a, b) => a + b),
    100,
  );

  taken.length = 0;
  const second = await run(t, upstream, 'cumulativetodelta');
  // The application goes on as if nothing were: of what began before this process the first point only begins the stream.
  const old = start - 3600;
  for (let index = 21; index <= 30; index++) await send(second.url, report(index, old));
  const dropped = await metricsPage(second.metricsPort);
  assert.equal(dropped.value('otelcol_cumulativetodelta_datapoints_dropped_total', 'reason="initial_value"'), 1);
  await end(second);
  assert.equal(
    valuesOf(taken, DELTA).reduce((a, b) => a + b),
    152 - 106,
  );
});

test('totals of deltas of totals are those that were sent', async (t) => {
  const { upstream, taken } = await refusingUpstream(t);
  const running = await run(t, upstream, 'cumulativetodelta, deltatocumulative');
  const start = Math.ceil(Date.now() / 1000) + 1;
  for (let index = 1; index <= 10; index++) await send(running.url, report(index, start));
  await end(running);
  assert.deepEqual(
    valuesOf(taken, CUMULATIVE),
    Array.from({ length: 10 }, (_, at) => 5 * (at + 1) + ((at + 1) % 4)),
  );
});
