import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext as Test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { otlphttpExporter } from '../../src/exporters/otlphttp/index.ts';
import { numberedLogs } from '../support/batches.ts';
import { startExporter } from '../support/exporters.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { senderRig } from '../support/sender.ts';
import { until } from '../support/until.ts';

const WORKERS = 4;
const SERVICE_MS = 100;
const CONSUMERS = 40;

/** A sink over real sockets with a pool of workers and a line in front of it. */
async function pool(t: Test) {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const line: ServerResponse[] = [];
  const counts = { busy: 0, served: 0, busyMs: 0, waiting: () => line.length };
  const serve = (): void => {
    while (counts.busy < WORKERS) {
      const response = line.shift();
      if (response === undefined) return;
      counts.busy += 1;
      const fromMs = performance.now();
      setTimeout(() => {
        counts.busy -= 1;
        counts.served += 1;
        counts.busyMs += performance.now() - fromMs;
        response.end();
        serve();
      }, SERVICE_MS);
    }
  };
  upstream.answer = (_request, response) => {
    upstream.seen.length = 0;
    line.push(response);
    serve();
  };
  return { url: upstream.url, counts };
}

test('over real sockets a sender finds the workers of its upstream and keeps their line short', async (t) => {
  const { url, counts } = await pool(t);
  const exporter = await startExporter(otlphttpExporter, { endpoint: url, compression: 'none' });
  t.after(() => exporter[Symbol.asyncDispose]());
  const rig = senderRig(
    { timeout: '20s', sending_queue: { num_consumers: CONSUMERS, queue_size: 1000 } },
    { clock: systemClock, exporter },
  );
  await rig.sender.start();
  const feed = async (): Promise<void> => {
    while ((rig.sender.queue?.requests ?? 0) < 400) await rig.consumer.consume(numberedLogs(1, 5), rig.caller.signal);
  };
  await feed();
  await until(() => counts.served >= 3 * CONSUMERS, 'the sender has found its pace');
  const [fromMs, before] = [performance.now(), { ...counts }];
  const lines: number[] = [];
  await until(async () => {
    await feed();
    lines.push(counts.waiting());
    return counts.served >= before.served + 100;
  }, 'a hundred more were served');
  // Of the time that a worker really takes, which on a busy machine is longer.
  const busyShare = (counts.busyMs - before.busyMs) / (WORKERS * (performance.now() - fromMs));
  const meanLine = lines.reduce((sum, length) => sum + length, 0) / lines.length;
  t.diagnostic(`workers are busy ${(100 * busyShare).toFixed(0)} % of the time, ${meanLine.toFixed(1)} in line`);
  await rig.sender.stop(AbortSignal.abort());
  assert.ok(busyShare > 0.6, `workers are busy ${busyShare} of the time`);
  assert.ok(meanLine < (CONSUMERS - WORKERS) / 2, `${meanLine} in line, of ${CONSUMERS - WORKERS} without a limit`);
  assert.equal(rig.account.imbalance, 0);
});
