import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** A flood of series, and what an operator finds out about it from a real process. */

test('after a flood the page, the metrics and the log name the label, the metric beside it is not told of', async (t) => {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [http, admin, metrics] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${http} } } } }
processors:
  cardinality_limit: { limit: 100, window: 5s }
exporters: { otlphttp: { endpoint: '${upstream.url}', sending_queue: { queue_size: 1000 } } }
extensions: { admin: { endpoint: 127.0.0.1:${admin} } }
service:
  extensions: [admin]
  pipelines: { metrics: { receivers: [otlp], processors: [cardinality_limit], exporters: [otlphttp] } }
`,
    ],
    sets: [metricsOn(metrics)],
  });
  const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  const send = async (name: string, points: readonly object[][]): Promise<void> => {
    const dataPoints = points.map((attributes) => ({ asInt: '1', attributes }));
    const sum = { aggregationTemporality: 1, isMonotonic: true, dataPoints };
    const resource = { attributes: [attribute('service.name', 'shop')] };
    const body = { resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name, sum }] }] }] };
    const headers = { 'Content-Type': 'application/json' };
    const url = `http://127.0.0.1:${http}/v1/metrics`;
    assert.equal((await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status, 200);
  };
  const points = Array.from({ length: 1200 }, (_, i) => [
    attribute('user_id', `<i>user-${i}</i>`),
    attribute('method', i % 2 === 0 ? 'GET' : 'PUT'),
  ]);
  await send('requests', points);
  await send('calm', points.slice(0, 5));

  const page = `http://127.0.0.1:${admin}/cardinality`;
  const json = await (await fetch(page)).text();
  assert.match(
    json,
    /"explanation": "user_id drives it: about 1,\d\d0 values among about 1,\d\d0 series; without it 2 would be left\."/,
  );
  assert.match(json, /on_overflow: drop_label/);
  assert.doesNotMatch(json, /calm/);
  const html = await (await fetch(page, { headers: { Accept: 'text/html' } })).text();
  assert.match(html, /&lt;i&gt;user-\d+&lt;\/i&gt;/);
  assert.doesNotMatch(html, /<i>user/);
  const own = await metricsPage(metrics);
  assert.equal(own.value('remora_cardinality_metrics', 'state="over"'), 1);
  assert.equal(own.value('remora_cardinality_series', 'metric="requests"'), 100);
  assert.ok((own.value('remora_cardinality_label_values', 'label="user_id"') ?? 0) > 1000);
  await until(
    () => /WARN .*A metric has more series than its limit\..* labels=user_id/.test(remora.stderr()),
    'the log',
  );
  assert.ok(ledgerOf(await remora.stop()).closed);
});
