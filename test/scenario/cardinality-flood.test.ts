import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { batchBytes, makeBatch } from '../../src/core/batch.ts';
import { countItems } from '../../src/otlp/count.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { isOverflow, metricBatch, pointsIn, seriesOf, type MetricPoint } from '../support/metric-points.ts';
import { MetricTotals } from '../support/metric-totals.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora } from '../support/remora.ts';

const USERS = 20_000;
const PER_REQUEST = 1000;
const LIMIT = 100;

const base = { kind: 'sum', resource: { 'service.name': 'shop' }, start: 1000 } as const;

/** A counter with a label that nobody should have, and others that are well. */
function request(first: number, time: number): MetricPoint[] {
  const points: MetricPoint[] = [];
  for (let user = first; user < first + PER_REQUEST; user++) {
    const attributes = [
      ['method', user % 2 === 0 ? 'GET' : 'POST'],
      ['user.id', `user-${user}`],
    ] as const;
    points.push({ ...base, metric: 'requests', temporality: 'delta', attributes, time, value: 1 + (user % 3) });
    if (user >= first + 200) continue;
    points.push({ ...base, metric: 'logins', temporality: 'cumulative', attributes, time, value: time });
  }
  for (const route of ['/', '/cart']) {
    const attributes = [['http.route', route]] as const;
    points.push({ ...base, metric: 'orders', temporality: 'cumulative', attributes, time, value: time });
  }
  return points;
}

test('a flood of label values: totals are what was sent, the label is named, other metrics are untouched', async (t) => {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [http, metricsPort, admin] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${http} } } }
processors:
  cardinality_limit: { limit: ${LIMIT}, max_bytes: 8MiB, max_series: 10_000 }
exporters:
  otlphttp: { endpoint: ${upstream.url} }
extensions:
  admin: { endpoint: 127.0.0.1:${admin} }
service:
  extensions: [admin]
  pipelines:
    metrics: { receivers: [otlp], processors: [cardinality_limit], exporters: [otlphttp] }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });

  const sent = new MetricTotals();
  let [ordersSent, sentPoints] = [0, 0];
  for (let first = 0, time = 2000; first < USERS; first += PER_REQUEST, time += 10) {
    const points = request(first, time);
    const body = Buffer.from(batchBytes(metricBatch(points)));
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(`http://127.0.0.1:${http}/v1/metrics`, { method: 'POST', headers, body });
    assert.equal(answer.status, 200);
    sent.add(points);
    ordersSent += 2;
    sentPoints += points.length;
  }
  const page = await metricsPage(metricsPort);
  assert.ok((page.value('remora_cardinality_table_bytes') ?? Infinity) <= 8 * 2 ** 20);
  assert.equal(page.value('remora_cardinality_tracked_series', 'state="kept"'), 2 * LIMIT + 2);
  const explained = await (await fetch(`http://127.0.0.1:${admin}/cardinality`)).text();
  assert.match(explained, /"requests"/);
  assert.match(explained, /user\.id/);
  assert.doesNotMatch(explained, /"orders"/);
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);

  const arrived = upstream.seen.flatMap(({ body, headers }) => {
    const bytes = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    return pointsIn(makeBatch('metrics', [bytes], countItems('metrics', bytes)));
  });
  const received = new MetricTotals();
  received.add(arrived);
  assert.deepEqual(received.all, sent.all);
  for (const name of ['requests', 'logins']) {
    const own = arrived.filter(({ metric }) => metric === name);
    assert.equal(new Set(own.map(seriesOf)).size, LIMIT + 1);
  }
  const orders = arrived.filter(({ metric }) => metric === 'orders');
  assert.equal(orders.length, ordersSent);
  assert.ok(!orders.some(isOverflow));
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  const limiter = lines.find(({ stage }) => stage === 'processor');
  assert.equal(limiter?.received, sentPoints, JSON.stringify(limiter));
  assert.deepEqual(Object.keys(limiter.dropped), ['cardinality_merged']);
});
