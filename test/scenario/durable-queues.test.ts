import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { httpSend, LineClient } from '../support/line-clients.ts';
import { lineUpstream, miscounted, numberedRequest } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, temporaryDirectory, type Ended } from '../support/remora.ts';
import { until } from '../support/until.ts';

const PER_REQUEST = 50;

/** An upstream that is away while its power is off. */
async function upstreamOf(t: TestContext, isUp: boolean) {
  const power = { isUp };
  const upstream = await lineUpstream((_, response) => {
    if (!power.isUp) response.writeHead(503).end();
    return !power.isUp;
  });
  t.after(() => upstream[Symbol.asyncDispose]());
  return { power, url: upstream.url, counts: upstream.counts };
}

interface Exporting {
  readonly name: string;
  readonly url: string;
  readonly queue: string;
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly metricsPort: number;
}

async function place(t: TestContext): Promise<Place> {
  return { directory: await temporaryDirectory(t), port: await freePort(), metricsPort: await freePort() };
}

function remoraAt(t: TestContext, { directory, port, metricsPort }: Place, exporters: readonly Exporting[]) {
  const blocks = exporters.map(
    ({ name, url, queue }) => `
  otlphttp/${name}:
    endpoint: ${url}
    sending_queue: { ${queue} }
    retry_on_failure: { initial_interval: 50ms, max_interval: 200ms }`,
  );
  const names = exporters.map(({ name }) => `otlphttp/${name}`).join(', ');
  const config = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:${blocks.join('')}
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service:
  extensions: [file_storage]
  shutdown_timeout: 2s
  pipelines: { logs: { receivers: [otlp], exporters: [${names}] } }
`;
  return startRemora(t, { configs: [config], sets: [metricsOn(metricsPort)] });
}

function exporterLine(ended: Ended, name: string) {
  const line = ledgerOf(ended).lines.find(({ stage, node }) => stage === 'exporter' && node === `otlphttp/${name}`);
  assert.ok(line !== undefined, ended.stderr);
  return line;
}

/** Sends requests one after the other, each once; how many were acknowledged before one was not. */
async function sendUntilRefused(port: number, from: number, atMost: number): Promise<number> {
  const send = httpSend(port);
  for (let sent = 0; sent < atMost; sent++) {
    if (!(await send(numberedRequest((from + sent) * PER_REQUEST, PER_REQUEST)))) return sent;
  }
  return atMost;
}

test('an exporter that is optional and away stalls nobody, and what it did not get is counted', async (t) => {
  const [live, dead] = [await upstreamOf(t, true), await upstreamOf(t, false)];
  const at = await place(t);
  const remora = await remoraAt(t, at, [
    { name: 'live', url: live.url, queue: '' },
    { name: 'dead', url: dead.url, queue: 'storage: file_storage, optional: true, queue_size: 10' },
  ]);
  const client = new LineClient(httpSend(at.port), { atOnce: 4, perRequest: PER_REQUEST });
  await until(() => live.counts.size >= 200 * PER_REQUEST, 'the other exporter sent');
  client.end();
  await client.done;
  await until(() => live.counts.size === client.sent, 'all of it arrived');
  assert.equal(client.repeats, 0, 'nobody was told to retry');
  assert.equal(miscounted(live.counts, client.sent), '');
  const ended = await remora.stop();
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  const { received, dropped, held } = exporterLine(ended, 'dead');
  assert.deepEqual([received, held], [client.sent, 10 * PER_REQUEST]);
  assert.deepEqual(dropped, { queue_full: client.sent - 10 * PER_REQUEST });
});

test('an exporter that is away and not optional fills its queue, then senders wait; nothing is lost when it is back', async (t) => {
  const [live, dead] = [await upstreamOf(t, true), await upstreamOf(t, false)];
  const at = await place(t);
  const remora = await remoraAt(t, at, [
    { name: 'live', url: live.url, queue: '' },
    { name: 'dead', url: dead.url, queue: 'storage: file_storage, queue_size: 20' },
  ]);
  const taken = await sendUntilRefused(at.port, 0, 100);
  assert.equal(taken, 20, 'as many as the queue of the dead one holds');
  const refused = await fetch(`http://127.0.0.1:${at.port}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(numberedRequest(taken * PER_REQUEST, PER_REQUEST)),
  });
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  await until(() => live.counts.size === taken * PER_REQUEST, 'the other exporter sent what was taken');
  dead.power.isUp = true;
  await until(() => dead.counts.size === taken * PER_REQUEST, 'what waited arrived');
  let sent = taken;
  await until(async () => (sent += await sendUntilRefused(at.port, sent, 60 - sent)) === 60, 'all is taken');
  await until(() => dead.counts.size === 60 * PER_REQUEST, 'all arrived');
  const ended = await remora.stop();
  for (const { counts } of [live, dead]) assert.equal(miscounted(counts, 60 * PER_REQUEST), '');
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  assert.deepEqual([exporterLine(ended, 'dead').dropped, exporterLine(ended, 'live').dropped], [{}, {}]);
});

test('a queue that is smaller after the restart than what is in it drains, and takes nothing before it has room', async (t) => {
  const upstream = await upstreamOf(t, false);
  const at = await place(t);
  const first = await remoraAt(t, at, [{ name: 'up', url: upstream.url, queue: 'storage: file_storage' }]);
  const sentMs = Date.now();
  assert.equal(await sendUntilRefused(at.port, 0, 30), 30);
  const stopped = await first.stop();
  assert.equal(exporterLine(stopped, 'up').held, 30 * PER_REQUEST);
  assert.ok(ledgerOf(stopped).closed, stopped.stderr);
  assert.match(stopped.stderr, /data in the queue on disk; it is sent after the restart.*items=1500/);

  const queue = 'storage: file_storage, sizer: requests, queue_size: 5';
  const second = await remoraAt(t, at, [{ name: 'up', url: upstream.url, queue }]);
  const page = await metricsPage(at.metricsPort);
  assert.equal(page.value('otelcol_exporter_queue_size'), 30);
  assert.equal(page.value('otelcol_exporter_queue_capacity'), 5);
  assert.equal(page.value('remora_exporter_queue_recovered_items_total'), 30 * PER_REQUEST);
  const ageSeconds = page.value('remora_exporter_queue_oldest_age_seconds') ?? 0;
  const sinceSeconds = (Date.now() - sentMs) / 1000;
  assert.ok(ageSeconds > 1 && ageSeconds < sinceSeconds + 1, `it is as old as it was, ${ageSeconds} s`);
  assert.equal(await sendUntilRefused(at.port, 30, 1), 0);
  upstream.power.isUp = true;
  await until(() => upstream.counts.size === 30 * PER_REQUEST, 'what was inside arrived');
  await until(async () => (await sendUntilRefused(at.port, 30, 1)) === 1, 'there is room again');
  await until(() => upstream.counts.size === 31 * PER_REQUEST, 'what came after it arrived');
  const ended = await second.stop();
  assert.equal(miscounted(upstream.counts, 31 * PER_REQUEST, 2), '');
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  assert.equal(exporterLine(ended, 'up').received, 31 * PER_REQUEST);
});
