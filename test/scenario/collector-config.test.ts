import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { post } from '../receivers/otlp/running.ts';
import { grpcUpstream } from '../support/grpc-upstream.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { decodeRequest, encodeRequest, itemsOf } from '../support/otlp-proto.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

const COLLECTOR = fileURLToPath(new URL('../../pipelines/collector.yaml', import.meta.url));

test("a Collector's configuration runs: traces, a log line and a scraped page reach its two upstreams", async (t) => {
  const [grpc, http, page] = [await grpcUpstream(), await httpUpstream(), await httpUpstream()];
  t.after(() => Promise.all([grpc, http, page].map((one) => one[Symbol.asyncDispose]())));
  page.answer = (_request, response) =>
    void response
      .writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
      .end('# TYPE orders_total counter\norders_total{shop="a"} 42\n');
  const directory = await temporaryDirectory(t);
  const [grpcPort, httpPort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const job = `{job_name: app, scrape_interval: 1s, static_configs: [{targets: ['127.0.0.1:${page.port}'], labels: {env: production}}]}`;
  const remora = await startRemora(t, {
    configs: [COLLECTOR],
    env: { STATE_DIR: join(directory, 'state') },
    sets: [
      `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${grpcPort}`,
      `receivers.otlp.protocols.http.endpoint=127.0.0.1:${httpPort}`,
      `receivers.filelog.include=[${directory}/*.log]`,
      `receivers.filelog.exclude=[${directory}/debug.log]`,
      `receivers.prometheus.config.scrape_configs=[${job}]`,
      `exporters.otlp.endpoint=${grpc.endpoint}`,
      `exporters.otlphttp.endpoint=${http.url}`,
      `extensions.health_check.endpoint=127.0.0.1:${healthPort}`,
      metricsOn(await freePort()),
    ],
  });

  const key = 'http.request.header.authorization';
  const span = {
    name: 'GET /',
    traceId: Buffer.alloc(16, 1),
    spanId: Buffer.alloc(8, 2),
    attributes: [
      { key, value: { stringValue: 'Bearer canary' } },
      { key: 'kept', value: { intValue: 7 } },
    ],
  };
  const request = encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  assert.equal((await post({ http: `127.0.0.1:${httpPort}` }, request)).status, 200);
  await appendFile(join(directory, 'debug.log'), '2024-01-02T03:04:05.678Z ERROR not wanted\n');
  await appendFile(join(directory, 'app.log'), '2024-01-02T03:04:05.678Z ERROR the disk is full\n');

  const received = (path: string): Buffer[] =>
    http.seen.filter(({ url }) => url === path).map(({ body }) => gunzipSync(body));
  await until(() => grpc.seen.length > 0, 'the span arrived over gRPC');
  await until(() => received('/v1/logs').length > 0, 'the log line arrived over HTTP');
  await until(() => received('/v1/metrics').length > 0, 'the metrics arrived over HTTP');

  const [seen] = grpc.seen;
  assert.equal(seen?.signal, 'traces');
  const [spanText = ''] = itemsOf('traces', seen.body);
  assert.match(spanText, /"deployment.environment","value":\{"stringValue":"production"/);
  assert.match(spanText, /"key":"kept","value":\{"intValue":"7"/);
  assert.doesNotMatch(spanText, /canary|authorization/);

  assert.ok(http.seen.every(({ headers }) => headers['x-tenant'] === 'demo'));
  const [logs] = received('/v1/logs');
  assert.ok(logs);
  const [logText = '', ...others] = itemsOf('logs', logs);
  assert.deepEqual(others, []);
  const item = (JSON.parse(logText) as { item: Record<string, unknown> }).item;
  assert.equal(item['timeUnixNano'], '1704164645678000000');
  assert.equal(item['severityNumber'], 17);
  assert.match(JSON.stringify(item['attributes']), /"msg","value":\{"stringValue":"the disk is full"/);
  assert.match(JSON.stringify(item['attributes']), /"log.file.path","value":\{"stringValue":"[^"]*\/app.log"/);

  const metrics = JSON.stringify(received('/v1/metrics').map((body) => decodeRequest('metrics', body)));
  assert.match(metrics, /"name":"orders_total"/);
  assert.match(metrics, /"key":"shop","value":\{"stringValue":"a"/);
  assert.match(metrics, /"key":"env","value":\{"stringValue":"production"/);
  assert.match(metrics, /"name":"up"/);

  const health = await fetch(`http://127.0.0.1:${healthPort}/pipelines`);
  assert.equal(health.status, 200, await health.text());
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  assert.doesNotMatch(ended.stderr, / (WARN|ERROR) /);
});
