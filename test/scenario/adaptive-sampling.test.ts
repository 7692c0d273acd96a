import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { batchBytes, makeBatch } from '../../src/core/batch.ts';
import { seededRandom } from '../../src/core/random.ts';
import { countItems } from '../../src/otlp/count.ts';
import { keptSpans, randomId, spanBatch, type SampleSpan } from '../processors/adaptive-sampler/sampler-bed.ts';
import { post } from '../receivers/otlp/running.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora } from '../support/remora.ts';

const TARGET = 200;
const WINDOW_S = 1;
const SECONDS = Number(process.env['REMORA_ADAPTIVE_SECONDS'] ?? 5);
/** Hot spans in each of 20 requests a second: 20 times the target. */
const HOT = 200;

/** The time without requests, because a busy machine made a pause, with the window that was cut short and the next one. */
function pausesS(sentMs: readonly number[]): number {
  const gapsS = sentMs.slice(1).map((ms, at) => (ms - (sentMs[at] ?? ms)) / 1000);
  return gapsS.filter((gapS) => gapS > WINDOW_S / 5).reduce((sum, gapS) => sum + gapS + 2 * WINDOW_S, 0);
}

test('a real process holds the target, keeps rare routes and errors whole, and its sums are right', async (t) => {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const port = await freePort();
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
processors: { adaptive_sampler: { items_per_second: ${TARGET}, window: ${WINDOW_S}s } }
exporters: { otlphttp: { endpoint: ${upstream.url}, compression: none } }
service:
  pipelines: { traces: { receivers: [otlp], processors: [adaptive_sampler], exporters: [otlphttp] } }
`,
    ],
  });
  const random = seededRandom('adaptive scenario');
  const sent = { hot: 0, rare: 0, error: 0 };
  const startMs = performance.now();
  const sentMs = [startMs];
  for (let request = 0; performance.now() - startMs < SECONDS * 1000; request++) {
    const spans: SampleSpan[] = Array.from({ length: HOT }, () => ({ name: 'hot', traceId: randomId(random) }));
    sent.hot += HOT;
    if (request % 10 === 0) {
      spans.push({ name: 'rare', traceId: randomId(random) });
      spans.push({ name: 'hot', error: true, traceId: randomId(random) });
      sent.rare += 1;
      sent.error += 1;
    }
    const { status } = await post({ http: `127.0.0.1:${port}` }, Buffer.from(batchBytes(spanBatch(spans))));
    assert.equal(status, 200);
    await pause(50);
    sentMs.push(performance.now());
  }
  const elapsedS = (performance.now() - startMs) / 1000;
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  const arrived = upstream.seen.map(({ body }) => makeBatch('traces', [body], countItems('traces', body)));
  const kept = keptSpans(arrived);
  assert.equal(kept.filter(({ name }) => name === 'rare').length, sent.rare);
  assert.equal(kept.filter(({ isError }) => isError).length, sent.error);
  // What was not used of the window before may be made up for, once.
  assert.ok(kept.length <= TARGET * (elapsedS + WINDOW_S) * 1.2, `${kept.length} in ${elapsedS} s`);
  const steadyS = elapsedS - pausesS(sentMs);
  assert.ok(kept.length >= TARGET * steadyS * 0.6, `${kept.length} in ${steadyS} s`);
  const adjusted = kept.reduce((sum, span) => sum + span.adjusted, 0);
  const total = sent.hot + sent.rare + sent.error;
  // The variance of the sum is that of (1 - p) / p for each of those that came.
  const error = Math.sqrt(kept.reduce((sum, span) => sum + span.adjusted * (span.adjusted - 1), 0));
  assert.ok(Math.abs(adjusted - total) <= 6 * error, `${adjusted} +- ${error} of ${total}`);
});
