import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../src/components.ts';
import { loadPlan, type Plan } from '../../src/config/plan.ts';
import { requestToJson } from '../../src/otlp/json.ts';
import type { InputEvent, PageRecord, UpstreamPhase } from '../../src/replay/input.ts';
import { OutputBook } from '../../src/replay/output/outcome.ts';
import { replay, type Replayed } from '../../src/replay/replay.ts';
import type { OnDelivered } from '../../src/replay/world/upstream.ts';
import { spanRequest } from './requests.ts';

const CONFIG = `
extensions:
  file_storage: { directory: /var/lib/remora }
  health_check:
receivers:
  otlp: { protocols: { http: {}, grpc: {} } }
  filelog:
    include: [/var/log/app/*.log]
    start_at: beginning
    storage: file_storage
  prometheus:
    config:
      scrape_configs:
        - job_name: app
          scrape_interval: 15s
          static_configs: [{ targets: ['app:9090'] }]
processors:
  batch: { timeout: 1s }
exporters:
  otlphttp:
    endpoint: http://upstream:4318
    sending_queue: { storage: file_storage }
  debug:
service:
  extensions: [file_storage, health_check]
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlphttp] }
    logs: { receivers: [filelog, otlp], processors: [batch], exporters: [otlphttp, debug] }
    metrics: { receivers: [prometheus], processors: [batch], exporters: [otlphttp] }
`;

async function planOf(config: string): Promise<Plan> {
  const loaded = await loadPlan({
    configs: [`yaml:${config}`],
    sets: [],
    env: {},
    catalog: components,
    checkDirectories: false,
    available: { bytes: 2 ** 30, from: 'machine' },
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.plan;
}

const START_MS = Date.UTC(2026, 5, 1);

function events(): InputEvent[] {
  const list: InputEvent[] = [];
  for (let i = 0; i < 60; i++) {
    const atMs = i * 1000 + 137;
    const at = {
      kind: 'request',
      atMs,
      receiver: 'otlp',
      transport: i % 2 === 0 ? 'http' : 'grpc',
      headers: {},
    } as const;
    list.push({ ...at, signal: 'traces', bytes: spanRequest(`request ${i}`, 3) });
    const content = Buffer.from(`line ${i}\n`);
    list.push({ kind: 'file', atMs: atMs + 200, path: '/var/log/app/app.log', op: 'append', content });
    if (i === 30)
      list.push({
        kind: 'file',
        atMs: atMs + 300,
        path: '/var/log/app/app.log',
        op: 'rename',
        to: '/var/log/app/app.log.1',
      });
  }
  return list;
}

const PAGES: PageRecord[] = [0, 1, 2, 3].map((n) => ({
  atMs: n * 15_000,
  url: 'http://app:9090/metrics',
  reply: {
    status: 200,
    contentType: 'text/plain; version=0.0.4',
    body: Buffer.from(`# TYPE hits counter\nhits ${n * 10}\n`),
  },
}));

const OUTAGE: UpstreamPhase = {
  exporter: 'otlphttp',
  fromMs: 20_000,
  untilMs: 35_000,
  delayMs: 10,
  answer: { kind: 'unreachable' },
};

async function run(plan: Plan): Promise<{ replayed: Replayed; output: string }> {
  const lines: string[] = [];
  const replayed = await replay({
    plan,
    input: { startMs: START_MS, instanceId: 'replay', events: events(), pages: PAGES, upstream: [OUTAGE] },
    limitMs: 3_600_000,
    onDelivered: ({ exporterId, signal, chunks, atMs }) =>
      lines.push(`${atMs} ${exporterId} ${signal} ${requestToJson(signal, Buffer.concat(chunks)).toString()}`),
  });
  return { replayed, output: lines.join('\n') };
}

test('a replay runs every kind of input through the graph, over an outage and a rotation, and loses nothing', async () => {
  const { replayed, output } = await run(await planOf(CONFIG));
  assert.equal(replayed.ledgerCloses, true);
  for (let i = 0; i < 60; i++) {
    assert.match(output, new RegExp(`otlphttp traces .*request ${i}"`));
    assert.match(output, new RegExp(`otlphttp logs .*line ${i}"`));
    assert.match(output, new RegExp(`debug logs .*line ${i}"`));
  }
  assert.match(output, /otlphttp metrics .*"name":"hits"/);
  assert.deepEqual(replayed.unknownPages, []);
  assert.equal(replayed.clients.answers.get('accepted'), 60);
  const outage = output.split('\n').filter((line) => /^(2[1-9]|3[0-4])\d\d\d otlphttp/.test(line));
  assert.deepEqual(outage, [], 'nothing is delivered while the upstream is away');
});

test('the same input gives the same bytes', async () => {
  const plan = await planOf(CONFIG);
  const first = await run(plan);
  const second = await run(await planOf(CONFIG));
  assert.equal(first.output, second.output);
  assert.equal(first.replayed.tookMs, second.replayed.tookMs);
});

test('an hour without input passes as well', async () => {
  const plan = await planOf(CONFIG);
  const input = { startMs: START_MS, instanceId: 'x', events: [], pages: PAGES, upstream: [], untilMs: 3_600_000 };
  const replayed = await replay({ plan, input, limitMs: 7_200_000, onDelivered: () => undefined });
  assert.ok(replayed.tookMs >= 3_600_000 && replayed.tookMs < 3_700_000);
  assert.ok(replayed.registry.total('remora_scrape_scrapes') >= 240);
});

test('a bound on virtual time stops what would go on, and says what it waited for', async () => {
  const plan = await planOf(CONFIG.replace('  pipelines:', '  shutdown_timeout: 10h\n  pipelines:'));
  const upstream = [{ ...OUTAGE, exporter: undefined, fromMs: 0, untilMs: Number.POSITIVE_INFINITY }];
  const input = { startMs: START_MS, instanceId: 'x', events: events(), pages: PAGES, upstream };
  await assert.rejects(replay({ plan, input, limitMs: 600_000, onDelivered: () => undefined }), {
    code: 'replay_stuck',
    message: /held by exporter otlphttp.*beyond the bound of 600s of virtual time/,
  });
});

test('what fails when it is told of a delivery ends the replay, and is not taken for an exporter that failed', async () => {
  const plan = await planOf(CONFIG);
  const input = { startMs: START_MS, instanceId: 'x', events: events(), pages: PAGES, upstream: [] };
  const onDelivered = (): void => {
    throw new RangeError('no room');
  };
  await assert.rejects(replay({ plan, input, limitMs: 600_000, onDelivered }), {
    name: 'RangeError',
    message: 'no room',
  });
});

test('a request that is under way when the input ends is answered, and delivered', async () => {
  const plan = await planOf(CONFIG);
  const last = { kind: 'request', atMs: 5000, receiver: 'otlp', transport: 'http', headers: {} } as const;
  const input = {
    startMs: START_MS,
    instanceId: 'x',
    events: [{ ...last, signal: 'traces', bytes: spanRequest('the last', 3) } as const],
    pages: PAGES,
    upstream: [],
  };
  let spans = 0;
  const onDelivered: OnDelivered = ({ signal, items }) => (spans += signal === 'traces' ? items : 0);
  const { clients } = await replay({ plan, input, limitMs: 3_600_000, onDelivered });
  assert.equal(spans, 3);
  assert.deepEqual([...clients.answers], [['accepted', 1]]);
});

test('a file that is rotated away soon after its directory appeared is read', async () => {
  const path = '/var/log/app/app.log';
  const at = (atMs: number) => ({ kind: 'file', atMs, path }) as const;
  const input: InputEvent[] = [
    { ...at(100), op: 'append', content: Buffer.from('first\n') },
    { ...at(200), op: 'rename', to: `${path}.1` },
    { ...at(210), op: 'append', content: Buffer.from('second\n') },
    { ...at(300), op: 'rename', to: `${path}.2` },
  ];
  let lines = '';
  await replay({
    plan: await planOf(CONFIG),
    input: { startMs: START_MS, instanceId: 'x', events: input, pages: PAGES, upstream: [], untilMs: 5000 },
    limitMs: 600_000,
    onDelivered: ({ signal, chunks }) => {
      if (signal === 'logs') lines += requestToJson(signal, Buffer.concat(chunks)).toString();
    },
  });
  for (const line of ['first', 'second']) assert.match(lines, new RegExp(`"${line}"`));
});

test('what an exporter delivers and is not OTLP is told with its name', () => {
  const book = new OutputBook(true);
  const garbage = {
    exporterId: 'otlp/backend',
    signal: 'logs',
    chunks: [Uint8Array.of(0x0a, 0x7f)],
    items: 1,
  } as const;
  assert.throws(() => book.add({ ...garbage, atMs: 0, rejectedItems: 0 }), {
    code: 'payload_malformed',
    message: /^Exporter otlp\/backend delivered logs that are not OTLP: /,
  });
});
