import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { loadPlan, type Catalog, type Plan } from '../../src/config/plan.ts';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import {
  defineConnector,
  defineExporter,
  defineProcessor,
  defineReceiver,
  type ReceiverContext,
} from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { sendingShape } from '../../src/core/sending.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { transformer } from '../../src/core/transform.ts';
import { ACCEPTED, rejected, retry } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { ledgerText } from '../../src/service/ledger-text.ts';
import { createService, type Service } from '../../src/service/service.ts';
import { levelsOf } from '../../src/service/topology.ts';
import { Log } from '../../src/telemetry/log.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const NEVER = new AbortController().signal;

/** A service whose connectors count: `count` gives one data point for all items that it saw when it stops. */
class Bench {
  readonly clock = new VirtualClock();
  readonly upstreams = new Map<string, ScriptedExporter>();
  readonly receivers = new Map<string, ReceiverContext>();
  readonly unwell: ((reason: string | undefined) => void)[] = [];

  readonly catalog: Catalog = {
    receivers: [
      defineReceiver({
        type: 'hand',
        summary: 'Gives what the test gives.',
        signals: SIGNALS,
        config: () => z.strictObject({}),
        create: (_config, context) => {
          this.receivers.set(context.id, context);
          return {};
        },
      }),
    ],
    processors: [
      defineProcessor({
        type: 'halve',
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
          const upstream = new ScriptedExporter();
          this.upstreams.set(id, upstream);
          return { send: (batch, abort) => upstream.send(batch, abort) };
        },
      }),
    ],
    connectors: [
      defineConnector({
        type: 'count',
        summary: 'Counts.',
        makes: { traces: ['metrics'], logs: ['metrics'] },
        config: () => z.strictObject({ refuse: z.boolean().default(false).describe('Whether it takes nothing.') }),
        create: ({ refuse }, context) => {
          const { next } = context;
          let items = 0;
          this.unwell.push((reason) => context.reportHealth('all', reason));
          const take = (batch: Batch) => {
            if (refuse) return rejected(new RemoraError('payload_malformed', 'Not this.'));
            items += batch.items;
            return ACCEPTED;
          };
          return {
            consume: (batch) => Promise.resolve(take(batch)),
            tryReserve: (batch) => ({
              status: 'reserved',
              keeps: false,
              commit: () => take(batch),
              cancel: () => undefined,
            }),
            stop: async (deadline) => {
              const counted = items;
              items = 0;
              if (counted > 0)
                await next.metrics?.consume(makeBatch('metrics', [new Uint8Array(counted)], 1), deadline);
            },
          };
        },
      }),
      defineConnector({
        type: 'relay',
        summary: 'Passes on.',
        makes: { traces: ['traces'] },
        config: () => z.strictObject({}),
        create: (_config, { next }) => ({
          consume: (batch, abort) => next.traces?.consume(batch, abort) ?? Promise.resolve(ACCEPTED),
        }),
      }),
    ],
    extensions: [],
  };

  async plan(yaml: string): Promise<Plan> {
    const sets = ['service.telemetry.metrics.level=none'];
    const loaded = await loadPlan({ configs: [`yaml:${yaml}`], sets, env: {}, catalog: this.catalog });
    assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
    return loaded.plan;
  }

  async service(yaml: string): Promise<Service> {
    const log = new Log({ level: 'error', encoding: 'text', clock: this.clock, write: () => undefined });
    return createService({ plan: await this.plan(yaml), clock: this.clock, log, instanceId: 'test' });
  }

  async stop(service: Service): Promise<void> {
    const over = new AbortController();
    const stopped = service.stop(NEVER).finally(() => over.abort());
    for (let turn = 0; turn < 400 && !over.signal.aborted; turn++) await this.clock.advance(100);
    await stopped;
  }

  delivered(id: string): number[] {
    return this.upstreams.get(id)?.delivered.map((batch) => batch.bytes) ?? [];
  }

  value(service: Service, name: string, ...wanted: readonly string[]): number {
    const families = [...service.registry.families()].filter(({ spec }) => spec.name === name);
    return families
      .flatMap(({ series }) => [...series])
      .filter(({ labels }) => wanted.every((each) => Object.values(labels).includes(each)))
      .reduce((sum, one) => sum + one.read(), 0);
  }
}

const spans = (items: number): Batch => makeBatch('traces', [new Uint8Array(items * 10)], items);

const BESIDE = `
receivers: { hand: }
processors: { keep: , halve: }
exporters: { up/spans: , up/metrics: }
connectors: { count: }
service:
  pipelines:
    metrics: { receivers: [count], processors: [keep], exporters: [up/metrics] }
    traces: { receivers: [hand], processors: [halve], exporters: [up/spans] }
    traces/count: { receivers: [hand], exporters: [count] }
`;

test('what a connector observed and what it made are accounts of their own, and the ledger closes', async () => {
  const bench = new Bench();
  const service = await bench.service(BESIDE);
  await service.start();
  const next = bench.receivers.get('hand')?.next.traces;
  assert.equal((await next?.consume(spans(10), NEVER))?.status, 'accepted');
  assert.equal((await next?.consume(spans(6), NEVER))?.status, 'accepted');
  await bench.stop(service);
  const rows = service.ledger.rows();
  const of = (stage: string, node: string) => rows.find((row) => row.stage === stage && row.node === node);
  assert.deepEqual([of('connector', 'count')?.received, of('connector', 'count')?.passed], [16, 16]);
  assert.deepEqual([of('receiver', 'count')?.signal, of('receiver', 'count')?.passed], ['metrics', 1]);
  assert.equal(of('exporter', 'up/spans')?.passed, 8);
  assert.equal(of('exporter', 'up/metrics')?.passed, 1);
  assert.deepEqual(bench.delivered('up/metrics'), [16]);
  assert.ok(service.ledger.closed);
  assert.match(ledgerText(service.ledger), /^connector +count +traces +16 +16 /m);
});

test('the items of a connector are counted under the names of the Collector', async () => {
  const bench = new Bench();
  const service = await bench.service(BESIDE);
  await service.start();
  await bench.receivers.get('hand')?.next.traces?.consume(spans(10), NEVER);
  await bench.stop(service);
  assert.equal(bench.value(service, 'otelcol_connector_consumed_items', 'count', 'traces', 'success'), 10);
  assert.equal(bench.value(service, 'otelcol_connector_produced_items', 'count', 'metrics', 'success'), 1);
});

test('a connector beside an exporter takes all or nothing together with it', async () => {
  const bench = new Bench();
  const service = await bench.service(`
receivers: { hand: }
exporters: { up/spans: { sending_queue: { queue_size: 3, block_on_overflow: false } }, up/metrics: }
connectors: { count: }
service:
  pipelines:
    traces: { receivers: [hand], exporters: [up/spans, count] }
    metrics: { receivers: [count], exporters: [up/metrics] }
`);
  await service.start();
  const upstream = bench.upstreams.get('up/spans');
  assert.ok(upstream);
  upstream.fallback = retry(new Error('Not now.'));
  const next = bench.receivers.get('hand')?.next.traces;
  const verdicts: string[] = [];
  for (let turn = 0; turn < 20; turn++) verdicts.push((await next?.consume(spans(1), NEVER))?.status ?? '');
  const accepted = verdicts.filter((status) => status === 'accepted').length;
  assert.ok(accepted > 0 && accepted < 20, `accepted ${accepted}`);
  const observed = service.ledger.rows().find(({ stage }) => stage === 'connector');
  assert.equal(observed?.passed, accepted);
  upstream.fallback = ACCEPTED;
  await bench.stop(service);
  assert.ok(service.ledger.closed);
});

test('what a connector refuses for good is booked in its account while the exporter beside it gets it', async () => {
  const bench = new Bench();
  const service = await bench.service(`
receivers: { hand: }
exporters: { up: }
connectors: { count: { refuse: true } }
service:
  pipelines:
    traces: { receivers: [hand], exporters: [count, up] }
    metrics: { receivers: [count], exporters: [up] }
`);
  await service.start();
  const verdict = await bench.receivers.get('hand')?.next.traces?.consume(spans(4), NEVER);
  assert.equal(verdict?.status, 'accepted');
  await bench.stop(service);
  const observed = service.ledger.rows().find(({ stage }) => stage === 'connector');
  assert.deepEqual([observed?.received, observed?.passed], [4, 0]);
  assert.equal(Object.values(observed?.rejected ?? {})[0], 4);
  assert.equal(bench.upstreams.get('up')?.delivered.length, 1);
  assert.ok(service.ledger.closed);
});

for (const queue of ['{ enabled: false }', '{ wait_for_result: true }']) {
  test(`beside an exporter with sending_queue ${queue} a connector observes what was delivered, once`, async () => {
    const bench = new Bench();
    const service = await bench.service(`
receivers: { hand: }
exporters: { up/spans: { sending_queue: ${queue}, retry_on_failure: { enabled: false } }, up/metrics: }
connectors: { count: }
service:
  pipelines:
    traces: { receivers: [hand], exporters: [count, up/spans] }
    metrics: { receivers: [count], exporters: [up/metrics] }
`);
    await service.start();
    const upstream = bench.upstreams.get('up/spans');
    assert.ok(upstream);
    upstream.fallback = retry(new Error('Not now.'));
    const next = bench.receivers.get('hand')?.next.traces;
    const observed = () => service.ledger.rows().find(({ stage }) => stage === 'connector')?.passed;
    // A sender offers again what was not taken: it must not be counted, and wait in Remora, for each attempt.
    for (let attempt = 0; attempt < 3; attempt++) {
      assert.equal((await next?.consume(spans(4), NEVER))?.status, 'retry');
      assert.equal(observed(), 0);
    }
    upstream.fallback = ACCEPTED;
    assert.equal((await next?.consume(spans(4), NEVER))?.status, 'accepted');
    assert.equal(observed(), 4);
    await bench.stop(service);
    assert.deepEqual(bench.delivered('up/spans'), [40]);
    assert.deepEqual(bench.delivered('up/metrics'), [4]);
    assert.ok(service.ledger.closed, ledgerText(service.ledger));
  });
}

const CHAIN = `
receivers: { hand: }
processors: { keep: }
exporters: { up: }
connectors: { relay: , relay/two: , count: }
service:
  pipelines:
    metrics: { receivers: [count], processors: [keep], exporters: [up] }
    traces/c: { receivers: [relay/two], processors: [keep], exporters: [count] }
    traces/b: { receivers: [relay], processors: [keep], exporters: [relay/two, count] }
    traces/a: { receivers: [hand], processors: [keep], exporters: [relay] }
`;

test('pipelines are in levels by the connectors before them, and a connector is in the last that gives to it', async () => {
  const levels = levelsOf(await new Bench().plan(CHAIN));
  assert.deepEqual(
    levels.map(({ pipelines, connectors }) => [pipelines.map(({ id }) => id), connectors.map(({ id }) => id)]),
    [
      [['traces/a'], ['relay']],
      [['traces/b'], ['relay/two']],
      [['traces/c'], ['count']],
      [['metrics'], []],
    ],
  );
});

test('at the stop, what processors held goes through every connector behind them and out', async () => {
  const bench = new Bench();
  const service = await bench.service(CHAIN);
  await service.start();
  assert.equal((await bench.receivers.get('hand')?.next.traces?.consume(spans(5), NEVER))?.status, 'accepted');
  assert.deepEqual(bench.delivered('up'), []);
  await bench.stop(service);
  // Seen once by way of traces/b and once by way of traces/c.
  assert.deepEqual(bench.delivered('up'), [10]);
  assert.ok(service.ledger.closed, ledgerText(service.ledger));
});

test('an unwell connector makes the pipelines on both of its sides unwell', async () => {
  const bench = new Bench();
  const service = await bench.service(BESIDE);
  bench.unwell[0]?.('Too many series.');
  const unwell = service.health().pipelines.filter(({ healthy }) => !healthy);
  assert.deepEqual(
    unwell.map(({ id, reasons }) => [id, reasons]),
    [
      ['metrics', ['connector count: Too many series.']],
      ['traces/count', ['connector count: Too many series.']],
    ],
  );
  await bench.stop(service);
});
