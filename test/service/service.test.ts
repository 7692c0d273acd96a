import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Catalog } from '../../src/config/plan.ts';
import { loadPlan } from '../../src/config/plan.ts';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { defineExporter, defineProcessor, defineReceiver, type ReceiverContext } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { sendingShape } from '../../src/core/sending.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { transformer } from '../../src/core/transform.ts';
import { ACCEPTED, retry } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { ledgerLine, ledgerText } from '../../src/service/ledger-text.ts';
import { createService, type Service } from '../../src/service/service.ts';
import { makeExposition } from '../../src/telemetry/exposition.ts';
import { Log } from '../../src/telemetry/log.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const NEVER = new AbortController().signal;

/** A catalog of components that the test holds in its hands. */
class Bench {
  readonly clock = new VirtualClock();
  readonly events: string[] = [];
  readonly lines: string[] = [];
  readonly upstreams = new Map<string, ScriptedExporter>();
  readonly receivers = new Map<string, ReceiverContext>();
  /** Exporters have started once this resolves. */
  mayStart: Promise<undefined> = Promise.resolve(undefined);

  upstream(id: string): ScriptedExporter {
    let upstream = this.upstreams.get(id);
    if (upstream === undefined) this.upstreams.set(id, (upstream = new ScriptedExporter()));
    return upstream;
  }

  readonly catalog: Catalog = {
    receivers: [
      defineReceiver({
        type: 'hand',
        summary: 'Gives what the test gives.',
        signals: SIGNALS,
        config: () => z.strictObject({ fail: z.boolean().default(false).describe('Whether start fails.') }),
        create: ({ fail }, context) => {
          this.receivers.set(context.id, context);
          return {
            start: () => {
              this.events.push(`start ${context.id}`);
              return fail ? Promise.reject(new RemoraError('config_invalid', 'It will not start.')) : Promise.resolve();
            },
            drain: () => void this.events.push(`drain ${context.id}`),
            stop: () => {
              this.events.push(`stop ${context.id}`);
              return Promise.resolve();
            },
          };
        },
      }),
    ],
    processors: [
      defineProcessor({
        type: 'halve',
        bypass: 'skip',
        summary: 'Drops half of the items.',
        signals: SIGNALS,
        config: () => z.strictObject({}),
        create: (_config, context) =>
          transformer(context, (batch) => {
            const kept = Math.ceil(batch.items / 2);
            return { batch: { ...batch, items: kept }, dropped: { halved: batch.items - kept } };
          }),
      }),
      defineProcessor({
        type: 'keep',
        summary: 'Keeps everything until it is stopped.',
        signals: SIGNALS,
        config: () => z.strictObject({}),
        create: (_config, { next, account }) => {
          const kept: Batch[] = [];
          account.held = () => kept.reduce((items, batch) => items + batch.items, 0);
          return {
            consume: (batch) => {
              kept.push(batch);
              return Promise.resolve(ACCEPTED);
            },
            stop: async (deadline) => {
              for (let batch = kept[0]; batch !== undefined; batch = kept[0]) {
                await next.consume(batch, deadline);
                kept.shift();
              }
            },
          };
        },
      }),
    ],
    exporters: [
      defineExporter({
        type: 'up',
        summary: 'Sends to the test.',
        signals: SIGNALS,
        config: () => z.strictObject(sendingShape('5s')),
        sending: (config) => config,
        create: (_config, { id }) => {
          const upstream = this.upstream(id);
          const { events } = this;
          return {
            send: (batch, abort) => upstream.send(batch, abort),
            start: () => {
              events.push(`start ${id}`);
              return this.mayStart;
            },
            stop: () => Promise.resolve(void events.push(`stop ${id}`)),
          };
        },
      }),
    ],
    connectors: [],
    extensions: [],
  };

  async service(yaml: string): Promise<Service> {
    const text = `yaml:${yaml}`;
    const loaded = await loadPlan({
      configs: [text],
      sets: ['service.telemetry.metrics.level=none'],
      env: {},
      catalog: this.catalog,
    });
    assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
    const log = new Log({
      level: 'debug',
      encoding: 'text',
      clock: this.clock,
      write: (line) => this.lines.push(line),
    });
    return createService({ plan: loaded.plan, clock: this.clock, log, instanceId: 'test' });
  }

  next(id = 'hand') {
    const next = this.receivers.get(id)?.next;
    assert.ok(next);
    return next;
  }
}

function spans(items: number): Batch {
  return makeBatch('traces', [new Uint8Array(items * 10)], items);
}

const PIPELINE = `
receivers: { hand: }
processors: { halve: }
exporters: { up: { retry_on_failure: { initial_interval: 1s } } }
service: { pipelines: { traces: { receivers: [hand], processors: [halve], exporters: [up] } } }
`;

test('items are counted at every edge and the ledger closes', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  await service.start();
  const verdict = await bench.next().traces?.consume(spans(10), NEVER);
  assert.equal(verdict?.status, 'accepted');
  await bench.clock.advance(0);
  assert.equal(bench.upstream('up').delivered.length, 1);
  const rows = service.ledger.rows();
  const of = (stage: string) => rows.find((row) => row.stage === stage);
  assert.deepEqual([of('receiver')?.received, of('receiver')?.passed], [10, 10]);
  assert.deepEqual([of('processor')?.received, of('processor')?.passed], [10, 5]);
  assert.deepEqual(of('processor')?.dropped, { halved: 5 });
  assert.deepEqual([of('exporter')?.received, of('exporter')?.passed, of('exporter')?.held], [5, 5, 0]);
  assert.ok(service.ledger.closed);
  const { registry } = service;
  assert.equal(registry.total('otelcol_receiver_accepted_spans'), 10);
  assert.equal(registry.total('otelcol_processor_incoming_items'), 10);
  assert.equal(registry.total('otelcol_processor_outgoing_items'), 5);
  assert.equal(registry.total('otelcol_exporter_sent_spans'), 5);
  const halved = { stage: 'processor', node: 'traces/halve', otel_signal: 'traces', reason: 'halved' };
  assert.equal(registry.value('remora_dropped_items', halved), 5);
  await service.stop(NEVER);
});

test('an upstream that is away shows as held items, and a drop at the deadline is named', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  bench.upstream('up').fallback = retry(new RemoraError('upstream_unavailable', 'Away.'));
  await service.start();
  await bench.next().traces?.consume(spans(10), NEVER);
  await bench.clock.advance(100);
  assert.equal(service.ledger.rows().find(({ stage }) => stage === 'exporter')?.held, 5);
  assert.ok(service.ledger.closed);
  const stopped = service.stop(NEVER);
  await bench.clock.advance(30_000);
  await stopped;
  const exporter = service.ledger.rows().find(({ stage }) => stage === 'exporter');
  assert.deepEqual(exporter?.dropped, { shutdown: 5 });
  assert.equal(exporter.held, 0);
  assert.ok(service.ledger.closed);
});

test('a second request to stop ends the waiting at once', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  bench.upstream('up').fallback = 'never';
  await service.start();
  await bench.next().traces?.consume(spans(4), NEVER);
  const hurry = new AbortController();
  const stopped = service.stop(hurry.signal);
  await bench.clock.advance(1000);
  hurry.abort();
  await bench.clock.advance(1000);
  await stopped;
  assert.ok(service.ledger.closed);
});

test('receivers start last and stop first', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  await service.start();
  assert.equal(service.health().phase, 'running');
  const stopped = service.stop(NEVER);
  await bench.clock.advance(0);
  await stopped;
  assert.deepEqual(bench.events, ['start up', 'start hand', 'stop hand', 'stop up']);
  assert.equal(service.health().phase, 'stopped');
});

const LINGERING = PIPELINE.replace('service: {', 'service: { drain: { linger: 10s, linger_idle: 2s },');

test('a service that lingers takes what still comes, says that it is stopping, and goes on stopping when it is quiet', async () => {
  const bench = new Bench();
  const service = await bench.service(LINGERING);
  await service.start();
  const stopped = service.stop(NEVER);
  for (let turn = 0; turn < 3; turn++) {
    await bench.clock.advance(1500);
    assert.equal(service.health().phase, 'stopping');
    assert.equal((await bench.next().traces?.consume(spans(4), NEVER))?.status, 'accepted');
  }
  assert.deepEqual(bench.events, ['start up', 'start hand', 'drain hand']);
  await bench.clock.advance(2500);
  await stopped;
  assert.deepEqual(bench.events.slice(3), ['stop hand', 'stop up']);
  assert.equal(bench.upstream('up').delivered.length, 3);
  assert.ok(service.ledger.closed);
  assert.equal(bench.clock.pending, 0);
  const said = bench.lines.filter((line) => line.includes('rain')).join('');
  assert.match(said, /Draining\. .*queuedItems=0 lingerMs=10000 deadlineMs=25000/);
  assert.match(said, /Drained an exporter\. .*exporter=up signal=traces drained=6 persisted=0 dropped=0 rejected=0/);
});

test('lingering counts against the one deadline, and who hurries does not linger', async () => {
  const bench = new Bench();
  const service = await bench.service(LINGERING);
  bench.upstream('up').fallback = 'never';
  await service.start();
  const stopped = service.stop(NEVER);
  const beganMs = bench.clock.monotonic();
  let tookMs = 0;
  void stopped.then(() => (tookMs = bench.clock.monotonic() - beganMs));
  for (let second = 0; second < 12; second++) {
    if (second < 10) await bench.next().traces?.consume(spans(4), NEVER);
    await bench.clock.advance(1000);
  }
  await bench.clock.advance(20_000);
  await stopped;
  assert.ok(tookMs > 20_000 && tookMs <= 26_000, `${tookMs} ms`);
  assert.ok(service.ledger.closed);

  const other = new Bench();
  const hurried = await other.service(LINGERING);
  await hurried.start();
  await hurried.stop(AbortSignal.abort());
  const faulty = await other.service(LINGERING);
  await faulty.start();
  await faulty.stop(NEVER, { lingers: false });
  assert.ok(!other.events.includes('drain hand'));
});

test('in bypass mode a processor that thins is passed by, and the ledger closes', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  await service.start();
  service.bypass.begin('admin', 60_000);
  assert.match(service.health().notices.join(), /Bypass mode is on until/);
  await bench.next().traces?.consume(spans(10), NEVER);
  await bench.clock.advance(60_000);
  await bench.next().traces?.consume(spans(10), NEVER);
  await bench.clock.advance(0);
  assert.deepEqual(service.health().notices, []);
  const halve = service.ledger.rows().find(({ stage }) => stage === 'processor');
  assert.deepEqual([halve?.received, halve?.passed, halve?.dropped], [20, 15, { halved: 5 }]);
  const at = { processor: 'halve', pipeline: 'traces', otel_signal: 'traces' };
  assert.equal(service.registry.value('remora_bypassed_items', at), 10);
  assert.equal(service.registry.value('remora_bypass_seconds', {}), 60);
  assert.ok(service.ledger.closed);
  service.bypass.begin('admin');
  await service.stop(NEVER);
  assert.equal(bench.clock.pending, 0);
});

test('when a part does not start, what was started is stopped and the reason comes out', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE.replace('{ hand: }', '{ hand: { fail: true } }'));
  await assert.rejects(service.start(), /It will not start/);
  assert.deepEqual(bench.events, ['start up', 'start hand', 'stop hand', 'stop up']);
});

const TWO = `
receivers: { hand: }
exporters:
  up/a: { sending_queue: { queue_size: 1 } }
  up/b: { sending_queue: { queue_size: 2 } }
service: { pipelines: { traces: { receivers: [hand], exporters: [up/a, up/b] } } }
`;

test('fan-out to queues is all or nothing: a refused batch is in no queue', async () => {
  const bench = new Bench();
  const service = await bench.service(TWO);
  bench.upstream('up/a').hold();
  bench.upstream('up/b').hold();
  await service.start();
  const next = bench.next().traces;
  assert.equal((await next?.consume(spans(1), NEVER))?.status, 'accepted');
  assert.equal((await next?.consume(spans(1), NEVER))?.status, 'retry');
  const held = service.ledger
    .rows()
    .filter(({ stage }) => stage === 'exporter')
    .map((row) => row.held);
  assert.deepEqual(held, [1, 1]);
  bench.upstream('up/a').release();
  bench.upstream('up/b').release();
  await bench.clock.advance(0);
  assert.ok(service.ledger.closed);
  assert.equal(service.registry.total('otelcol_receiver_refused_spans'), 1);
  await service.stop(NEVER);
});

test('one receiver may feed two pipelines, and an exporter may serve both', async () => {
  const bench = new Bench();
  const service = await bench.service(`
receivers: { hand: }
processors: { halve: }
exporters: { up: }
service:
  pipelines:
    traces: { receivers: [hand], exporters: [up] }
    traces/half: { receivers: [hand], processors: [halve], exporters: [up] }
`);
  await service.start();
  await bench.next().traces?.consume(spans(8), NEVER);
  await bench.clock.advance(0);
  assert.equal(service.registry.total('otelcol_exporter_sent_spans'), 12);
  assert.ok(service.ledger.closed);
  await service.stop(NEVER);
});

test('health names the pipeline whose exporter fails, and why', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  bench.upstream('up').fallback = retry(new RemoraError('upstream_unavailable', 'Connection refused.'));
  await service.start();
  await bench.next().traces?.consume(spans(2), NEVER);
  await bench.clock.advance(60_000);
  const [pipeline] = service.health().pipelines;
  assert.equal(pipeline?.healthy, false);
  assert.match(pipeline.reasons.join(' '), /exporter up.*/);
  const stopped = service.stop(NEVER);
  await bench.clock.advance(30_000);
  await stopped;
});

test('what a processor flushes at the stop reaches every exporter, also without queues', async () => {
  const bench = new Bench();
  const service = await bench.service(`
receivers: { hand: }
processors: { keep: }
exporters:
  up/a: { sending_queue: { enabled: false } }
  up/b: { sending_queue: { enabled: false } }
service: { pipelines: { traces: { receivers: [hand], processors: [keep], exporters: [up/a, up/b] } } }
`);
  await service.start();
  await bench.next().traces?.consume(spans(3), NEVER);
  const stopped = service.stop(NEVER);
  await bench.clock.advance(30_000);
  await stopped;
  assert.equal(bench.upstream('up/a').deliveredItems, 3);
  assert.equal(bench.upstream('up/b').deliveredItems, 3);
  assert.ok(service.ledger.closed);
});

test('a stop during the start waits for the part that is starting, and nothing starts after it', async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  bench.mayStart = promise;
  const service = await bench.service(PIPELINE);
  const started = assert.rejects(service.start(), /Asked to stop while starting/);
  await bench.clock.advance(0);
  const stopped = service.stop(NEVER);
  await bench.clock.advance(1000);
  assert.deepEqual(bench.events, ['start up']);
  resolve(undefined);
  await bench.clock.advance(0);
  await Promise.all([started, stopped]);
  assert.deepEqual(bench.events, ['start up', 'stop hand', 'stop up']);
  assert.equal(service.health().phase, 'stopped');
});

test('a start that hangs does not keep the stop from ending', async () => {
  const bench = new Bench();
  bench.mayStart = new Promise(() => undefined);
  const service = await bench.service(PIPELINE);
  void service.start();
  await bench.clock.advance(0);
  let isStopped = false;
  void service.stop(NEVER).then(() => (isStopped = true));
  await bench.clock.advance(26_000);
  assert.ok(isStopped);
});

test('an exporter that hangs for ever is cut off at the deadline, and what it held is counted', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE.replace('up: {', 'up: { timeout: 0,'));
  bench.upstream('up').fallback = 'never';
  await service.start();
  await bench.next().traces?.consume(spans(4), NEVER);
  let isStopped = false;
  void service.stop(NEVER).then(() => (isStopped = true));
  await bench.clock.advance(26_000);
  assert.ok(isStopped);
  assert.ok(service.ledger.closed);
  assert.equal(bench.clock.pending, 0);
});

test('the ledger lists nodes in the order of the data, as a table and as a line of JSON', async () => {
  const bench = new Bench();
  const service = await bench.service(
    PIPELINE.replace('processors: [halve]', 'processors: [halve, halve/again]').replace(
      'halve: }',
      'halve: , halve/again: }',
    ),
  );
  await service.start();
  await bench.next().traces?.consume(spans(8), NEVER);
  await bench.clock.advance(0);
  const order = ['hand', 'traces/halve', 'traces/halve/again', 'up'];
  const table = ledgerText(service.ledger).split('\n').slice(1, 5);
  assert.deepEqual(
    table.map((line) => line.split(/\s+/)[1]),
    order,
  );
  const line = JSON.parse(ledgerLine(service.ledger, bench.clock)) as { closed: boolean; rows: { node: string }[] };
  assert.deepEqual(
    line.rows.map(({ node }) => node),
    order,
  );
  assert.equal(line.closed, true);
  await service.stop(NEVER);
});

test('the configuration that runs is told by its hash and its age', async () => {
  const bench = new Bench();
  const service = await bench.service(PIPELINE);
  await service.start();
  await bench.clock.advance(90_000);
  const page = await (await makeExposition(service.registry, { withTypeSuffix: true })).text();
  assert.match(page, /^remora_config_info\{hash="[0-9a-f]{16}"\} 1$/m);
  assert.match(page, /^remora_config_age_seconds 90$/m);
  await service.stop(NEVER);
});
