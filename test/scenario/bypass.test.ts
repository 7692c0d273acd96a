import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { isRecord } from '../../src/config/records.ts';
import { post } from '../receivers/otlp/running.ts';
import { lineUpstream, numberedRequest, type LineUpstream } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, remoraCommand, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

interface Scene {
  readonly remora: Remora;
  readonly upstream: LineUpstream;
  readonly http: string;
  readonly admin: string;
  readonly healthPort: number;
  readonly metricsPort: number;
}

/** A pipeline whose filter drops every line. */
async function scene(t: Test, admin = ''): Promise<Scene> {
  const upstream = await lineUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [httpPort, adminPort, healthPort, metricsPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const yaml = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
processors: { filter: { logs: { log_record: ['IsMatch(body, "^line")'] } } }
exporters: { otlphttp: { endpoint: ${upstream.url} } }
extensions:
  admin: { endpoint: 127.0.0.1:${adminPort}${admin} }
  health_check: { endpoint: 127.0.0.1:${healthPort} }
service:
  extensions: [admin, health_check]
  bypass: { max_duration: 1m }
  pipelines: { logs: { receivers: [otlp], processors: [filter], exporters: [otlphttp] } }
`;
  const remora = await startRemora(t, { configs: [yaml], sets: [metricsOn(metricsPort)] });
  const http = `127.0.0.1:${httpPort}`;
  return { remora, upstream, http, admin: `http://127.0.0.1:${adminPort}`, healthPort, metricsPort };
}

async function send(at: Scene, first: number): Promise<void> {
  assert.equal((await post(at, numberedRequest(first, 100), { path: '/v1/logs' })).status, 200);
}

test('SIGUSR2 lets everything through until the next one, which health, metrics and the ledger show', async (t) => {
  const at = await scene(t);
  const { remora, upstream } = at;
  await send(at, 0);
  remora.kill('SIGUSR2');
  await until(() => remora.stderr().includes('Bypass mode is on'), 'bypass mode is on');
  await send(at, 100);
  await until(() => upstream.counts.size === 100, 'what was sent in bypass mode arrived');
  const health = await (await fetch(`http://127.0.0.1:${at.healthPort}/`)).text();
  assert.match(health, /Bypass mode is on until \d{4}-.*, by signal/);
  const during = await metricsPage(at.metricsPort);
  assert.equal(during.value('remora_bypass_active'), 1);
  assert.equal(during.value('remora_bypassed_items_total', 'processor="filter"'), 100);
  assert.ok((during.value('remora_bypass_seconds_total') ?? 0) > 0);

  remora.kill('SIGUSR2');
  await until(() => remora.stderr().includes('Bypass mode is off'), 'bypass mode is off');
  await send(at, 200);
  assert.equal((await metricsPage(at.metricsPort)).value('remora_bypass_active'), 0);

  remora.kill('SIGUSR1');
  await until(() => remora.stderr().includes('SIGUSR1 does nothing'), 'SIGUSR1 was heard');
  const ended = await remora.stop();
  assert.equal(ended.code, 0);
  assert.doesNotMatch(ended.stderr, /Debugger listening/);
  assert.deepEqual(
    Array.from(upstream.counts, ([number]) => number).sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => 100 + i),
  );
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  const filter = lines.find(({ stage }) => stage === 'processor');
  assert.deepEqual([filter?.received, filter?.passed, filter?.dropped], [300, 100, { filtered: 200 }]);
});

test('remora bypass switches by the admin extension, with its token, for as long as it says', async (t) => {
  const at = await scene(t, ', token: k3y');
  const bypass = (args: string[], token = 'k3y') =>
    remoraCommand(t, ['bypass', ...args, '--endpoint', at.admin], { REMORA_ADMIN_TOKEN: token });
  const refused = await bypass(['on'], 'wrong');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /The token is missing or wrong/);
  const tooLong = await bypass(['on', '--for', '2m']);
  assert.equal(tooLong.code, 1);
  assert.match(tooLong.stderr, /60 s at most.*max_duration/);

  const begun = await bypass(['on', '--for', '50s']);
  assert.equal(begun.code, 0, begun.stderr);
  const state: unknown = JSON.parse(begun.stdout);
  assert.ok(isRecord(state) && state['active'] === true && state['by'] === 'admin');
  await send(at, 0);
  await until(() => at.upstream.counts.size === 100, 'what was sent in bypass mode arrived');
  const over = await bypass(['off']);
  assert.equal(over.code, 0);
  assert.match(over.stdout, /"active": false/);

  await bypass(['on', '--for', '10ms']);
  await until(() => at.remora.stderr().split('Bypass mode is off').length === 3, 'it ended by itself');
  const status = await bypass(['status']);
  assert.match(status.stdout, /"active": false/);
  const nobody = await remoraCommand(t, ['bypass', 'status', '--endpoint', `http://127.0.0.1:${await freePort()}`]);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /Is the admin extension in service.extensions\?/);
  assert.equal((await remoraCommand(t, ['bypass', 'of'])).code, 2);
});
