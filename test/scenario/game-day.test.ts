import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { post } from '../receivers/otlp/running.ts';
import { lineUpstream, numberedRequest, numbersOf, type LineUpstream } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

const ITEMS = 100;

interface Scene {
  readonly remora: Remora;
  readonly upstream: LineUpstream;
  /** Offers so many requests of lines from `first` on. */
  readonly send: (first: number, requests: number) => Promise<void>;
  readonly fault: (name: string, state: 'on' | 'off') => Promise<void>;
  readonly health: () => Promise<string>;
  readonly metric: (name: string, label?: string) => Promise<number>;
}

/** An upstream that refuses what does not arrive as it was sent. */
async function checkingUpstream(t: Test): Promise<LineUpstream> {
  const upstream = await lineUpstream((_request, response, { body }) => {
    const [first = 0] = numbersOf(body);
    const isWhole = body.equals(numberedRequest(first, ITEMS)) || body.length < numberedRequest(first, ITEMS).length;
    if (!isWhole) response.writeHead(400).end();
    return !isWhole;
  });
  t.after(() => upstream[Symbol.asyncDispose]());
  return upstream;
}

async function scene(t: Test): Promise<Scene> {
  const upstream = await checkingUpstream(t);
  const [port, admin, health, metrics] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const fault = (name: string, does: string): string =>
    `{ name: ${name}, exporters: [otlphttp/backend], ${does}, schedule: { start_after: 24h } }`;
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
  otlphttp/backend:
    endpoint: ${upstream.url}
    compression: none
    retry_on_failure: { initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0 }
extensions:
  health_check: { endpoint: 127.0.0.1:${health} }
  admin: { endpoint: 127.0.0.1:${admin} }
  fault_injection:
    seed: scenario
    faults:
      - ${fault('outage', 'fail: { code: 503 }')}
      - ${fault('partial', 'partial: { share: 0.5 }')}
      - ${fault('refused', 'fail: { code: 400 }')}
      - ${fault('corrupt', 'corrupt: {}')}
service:
  extensions: [health_check, admin, fault_injection]
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp/backend] } }
`,
    ],
    sets: [metricsOn(metrics)],
  });
  return {
    remora,
    upstream,
    send: async (first, requests) => {
      for (let request = 0; request < requests; request++) {
        const body = numberedRequest(first + request * ITEMS, ITEMS);
        assert.equal((await post({ http: `127.0.0.1:${port}` }, body, { path: '/v1/logs' })).status, 200);
      }
    },
    fault: async (name, state) => {
      const reply = await fetch(`http://127.0.0.1:${admin}/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ fault: name, state }),
      });
      assert.equal(reply.status, 200, await reply.text());
    },
    health: async () => (await fetch(`http://127.0.0.1:${health}/pipelines`)).text(),
    metric: async (name, label) => (await metricsPage(metrics)).value(name, label) ?? 0,
  };
}

test('a game day: the outage is seen, all of it arrives afterwards, and what other faults lose is counted as injected', async (t) => {
  const { remora, upstream, send, fault, health, metric } = await scene(t);
  const injected = (kind: string): Promise<number> => metric('remora_fault_injection_requests_total', `kind="${kind}"`);
  const active = (name: string): Promise<number> => metric('remora_fault_injection_active', `fault="${name}"`);
  const refusedItems = (): Promise<number> => metric('remora_exporter_rejected_items_total');
  assert.doesNotMatch(await health(), /fault injection/);

  await fault('outage', 'on');
  await send(0, 20);
  await until(async () => (await injected('fail')) > 20, 'requests fail');
  assert.match(await health(), /fault injection is active: outage \(fail 100 % with 503\)/);
  assert.deepEqual([await active('outage'), await active('partial'), upstream.counts.size], [1, 0, 0]);
  await fault('outage', 'off');
  await until(() => upstream.counts.size === 20 * ITEMS, 'everything arrived');
  await until(async () => !(await health()).includes('exporter otlphttp/backend'), 'health is well again');

  await fault('partial', 'on');
  await send(10_000, 1);
  await until(async () => (await refusedItems()) >= ITEMS / 2, 'half of it is refused');
  await fault('partial', 'off');
  const partly = upstream.counts.size - 20 * ITEMS;
  for (const name of ['refused', 'corrupt']) {
    const before = await refusedItems();
    await fault(name, 'on');
    await send(20_000, 1);
    await until(async () => (await refusedItems()) === before + ITEMS, `${name} is counted`);
    await fault(name, 'off');
  }
  assert.equal(upstream.counts.size, 20 * ITEMS + partly);
  assert.deepEqual([await injected('partial'), await injected('corrupt')], [1, 1]);

  const ended = await remora.stop();
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed && ended.code === 0, ended.stderr);
  const line = lines.find(({ stage }) => stage === 'exporter');
  assert.deepEqual(
    [line?.passed, line?.rejected],
    [20 * ITEMS + partly, { partial_success: ITEMS - partly, fault_injected: ITEMS, upstream_rejected: ITEMS }],
  );
  for (const name of ['outage', 'partial', 'refused', 'corrupt']) {
    const mentions = ended.stderr.split('\n').filter((text) => text.includes(`fault=${name}`) && text.includes('WARN'));
    assert.ok(mentions.length >= 3, `${name} is in the log when it is configured, begins and ends: ${mentions.length}`);
  }
});
