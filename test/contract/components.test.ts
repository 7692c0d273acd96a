import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext as Test } from 'node:test';
import { components } from '../../src/components.ts';
import { schemaTree, type SchemaNode } from '../../src/config/schema-tree.ts';
import type { Batch } from '../../src/core/batch.ts';
import { systemClock, type Clock, type Timer } from '../../src/core/clock.ts';
import type {
  AnyDefinition,
  Component,
  ComponentContext,
  Connector,
  Consumer,
  Exporter,
  Processor,
} from '../../src/core/component.ts';
import { DecisionBook } from '../../src/core/trace-decisions.ts';
import { Account } from '../../src/core/ledger.ts';
import type { Signal } from '../../src/core/signal.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import { Registry } from '../../src/telemetry/registry.ts';
import { numberedLogs } from '../support/batches.ts';
import { CollectingConsumer, openAdmission, processorContext, testContext, testHost } from '../support/context.ts';
import { grpcUpstream } from '../support/grpc-upstream.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { gaugeBatch, traceBatch } from '../support/otlp-requests.ts';
import { until } from '../support/until.ts';

/** What every component promises, whatever it does. A new component is tested here without another line. */
const all: readonly AnyDefinition[] = [
  ...components.receivers,
  ...components.processors,
  ...components.exporters,
  ...components.connectors,
  ...components.extensions,
];

const NEVER = new AbortController().signal;

/** Places that a configuration of a component may need: real, empty, and gone when the test ends. */
interface Places {
  readonly directory: string;
  readonly port: number;
  readonly otherPort: number;
  readonly grpc: string;
  readonly http: string;
}

/** The smallest configuration that runs without touching anything but `places`. Absent: nothing needs to be said. */
const CONFIG: Readonly<Record<string, (places: Places) => object>> = {
  'receiver otlp': ({ port, otherPort }) => ({
    protocols: { grpc: { endpoint: `127.0.0.1:${port}` }, http: { endpoint: `127.0.0.1:${otherPort}` } },
  }),
  'receiver filelog': ({ directory }) => ({ include: [join(directory, '*.log')], start_at: 'beginning' }),
  'receiver prometheus': ({ http }) => ({
    config: {
      scrape_configs: [
        {
          job_name: 'app',
          scrape_interval: '100ms',
          scrape_timeout: '100ms',
          static_configs: [{ targets: [http.replace('http://', '')] }],
        },
      ],
    },
  }),
  'processor memory_limiter': () => ({ check_interval: '1s', limit_mib: 100_000 }),
  'processor trace_based_sampler': () => ({ follow: 'tail_sampling' }),
  'processor rate_limit': () => ({ items_per_second: 1_000_000 }),
  'processor adaptive_sampler': () => ({ items_per_second: 1_000_000 }),
  'processor probabilistic_sampler': () => ({ sampling_percentage: 100, fail_closed: false }),
  'processor resource': () => ({ attributes: [{ key: 'a', value: 'b', action: 'upsert' }] }),
  'processor attributes': () => ({ actions: [{ key: 'a', value: 'b', action: 'upsert' }] }),
  'processor cardinality_limit': () => ({ spans: { name: {} }, logs: { attributes: [{ key: 'a' }] } }),
  'processor tail_sampling': () => ({ policies: [{ name: 'all', type: 'always_sample' }] }),
  'exporter otlp': ({ grpc }) => ({ endpoint: grpc, tls: { insecure: true } }),
  'exporter otlphttp': ({ http }) => ({ endpoint: http }),
  'exporter file': ({ directory }) => ({ path: join(directory, 'out.jsonl') }),
  'extension health_check': ({ port }) => ({ endpoint: `127.0.0.1:${port}` }),
  'extension admin': ({ port }) => ({ endpoint: `127.0.0.1:${port}` }),
  'extension fault_injection': () => ({ faults: [{ exporters: ['otlp'], fail: {} }] }),
  'extension file_storage': ({ directory }) => ({ directory }),
};

/** Components whose configuration has required keys: these refuse an empty one, all others take it. */
const NEEDS_CONFIG = new Set([
  'receiver otlp',
  'receiver filelog',
  'receiver prometheus',
  'processor memory_limiter',
  'processor rate_limit',
  'processor adaptive_sampler',
  'processor trace_based_sampler',
  'processor resource',
  'processor attributes',
  'processor tail_sampling',
  'exporter otlp',
  'exporter otlphttp',
  'exporter file',
  'extension fault_injection',
]);

const nameOf = ({ kind, type }: AnyDefinition): string => `${kind} ${type}`;

async function usePlaces(t: Test): Promise<Places> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-contract-'));
  await writeFile(join(directory, 'app.log'), 'one\ntwo\n');
  const [grpc, http] = [await grpcUpstream(), await httpUpstream()];
  http.answer = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/plain' }).end('# TYPE up_down gauge\nup_down 1\n');
  t.after(async () => {
    await Promise.all([grpc[Symbol.asyncDispose](), http[Symbol.asyncDispose]()]);
    await rm(directory, { recursive: true });
  });
  const [port, otherPort] = [await freePort(), await freePort()];
  return { directory, port, otherPort, grpc: grpc.endpoint, http: http.url };
}

interface Made {
  readonly instance: Component;
  readonly registry: Registry;
  readonly sink: CollectingConsumer;
}

/** Created as the service creates it; stopped at the end also when the test fails. */
async function make(t: Test, definition: AnyDefinition, places: Places, clock: Clock = systemClock): Promise<Made> {
  const registry = new Registry();
  const sink = new CollectingConsumer();
  const context: ComponentContext = { ...testContext({ id: definition.type, clock }), meter: registry };
  const raw = CONFIG[nameOf(definition)]?.(places) ?? {};
  const instance = await create(definition, raw, context, sink);
  t.after(() => instance.stop?.(AbortSignal.abort()));
  return { instance, registry, sink };
}

async function create(
  definition: AnyDefinition,
  raw: object,
  context: ComponentContext,
  next: Consumer,
): Promise<Component> {
  const prepared = <P>(parsed: { ok: true; prepared: P } | { ok: false; issues: readonly object[] }): P => {
    assert.ok(
      parsed.ok,
      `The configuration in this test is invalid: ${parsed.ok ? '' : JSON.stringify(parsed.issues)}`,
    );
    return parsed.prepared;
  };
  switch (definition.kind) {
    case 'receiver': {
      const bySignal = Object.fromEntries(definition.signals.map((signal) => [signal, next]));
      return prepared(definition.parse(raw)).create({
        ...context,
        next: bySignal,
        via: () => bySignal,
        admission: openAdmission(),
      });
    }
    case 'processor': {
      const signal = signalOf(definition);
      const account = new Account('processor', context.id, signal);
      return prepared(definition.parse(raw)).create({
        ...context,
        signal,
        next,
        account,
        pipeline: signal,
        decisions: new DecisionBook(),
      });
    }
    case 'connector': {
      const signal = signalOf(definition);
      const bySignal = Object.fromEntries((definition.makes[signal] ?? []).map((made) => [made, next]));
      const account = new Account('connector', context.id, signal);
      return prepared(definition.parse(raw)).create({ ...context, signal, next: bySignal, account, made: {} });
    }
    case 'exporter':
      return prepared(definition.parse(raw)).create(context);
    case 'extension':
      return prepared(definition.parse(raw)).create({ ...context, host: testHost() });
  }
}

function signalOf({ signals }: AnyDefinition): Signal {
  const signal = signals.includes('logs') ? 'logs' : signals[0];
  assert.ok(signal, 'It takes no signal.');
  return signal;
}

/** Open handles by kind, without the timers and pipes of the test runner's own work that come and go. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/^(Immediate|FSReqPromise|FSReqCallback|CloseReq|TickObject|GetAddrInfoReqWrap)$/.test(kind)) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** What is open and was not open `before`. */
function openedSince(before: Record<string, number>): string[] {
  return Object.entries(handles())
    .filter(([kind, count]) => count > (before[kind] ?? 0))
    .map(([kind, count]) => `${kind}: ${before[kind] ?? 0} -> ${count}`);
}

/** Waits until nothing is open that was not open `before`. */
async function untilReleased(before: Record<string, number>): Promise<void> {
  await until(() => openedSince(before).length === 0, 'all handles were closed').catch(() =>
    assert.fail(`Handles are still open: ${openedSince(before).join(', ')}.`),
  );
}

/** A deadline for what no machine is too slow for. */
function far(): AbortSignal {
  return AbortSignal.timeout(120_000);
}

/** Real time, whose timers stop firing when it stands still. */
class StandingClock implements Clock {
  #stands = false;

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  timer(afterMs: number, fire: () => void): Timer {
    return systemClock.timer(afterMs, () => {
      if (!this.#stands) fire();
    });
  }

  stand(): void {
    this.#stands = true;
  }
}

function batchOf(signal: Signal): Batch {
  if (signal === 'metrics') return gaugeBatch(3);
  return signal === 'logs' ? numberedLogs(1, 3) : traceBatch(3);
}

function offer(instance: Component, definition: AnyDefinition): Promise<Verdict> | undefined {
  if (definition.kind === 'receiver' || definition.kind === 'extension') return undefined;
  const batch = batchOf(signalOf(definition));
  if (definition.kind === 'exporter') return (instance as Exporter).send(batch, NEVER);
  return (instance as Processor | Connector).consume(batch, NEVER);
}

for (const definition of all) {
  describe(nameOf(definition), () => {
    test('has a name, a summary and aliases that read like the configuration they are part of', () => {
      for (const name of [definition.type, ...definition.aliases]) assert.match(name, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      assert.match(definition.summary, /^[A-Z].*\.$/);
      assert.deepEqual([...new Set(definition.aliases)], definition.aliases);
      assert.equal(definition.signals.length === 0, definition.kind === 'extension');
    });

    test('describes every setting', () => {
      assert.deepEqual(undescribed(schemaTree(definition.schema)), []);
    });

    test('takes its defaults, or names the keys that it needs', () => {
      const parsed = definition.parse(null);
      assert.equal(parsed.ok, !NEEDS_CONFIG.has(nameOf(definition)));
      if (!parsed.ok) for (const issue of parsed.issues) assert.ok(issue.path.length > 0 || issue.message.length > 10);
    });

    test('refuses a key that it does not know', () => {
      const parsed = definition.parse({ no_such_key: 1 });
      assert.ok(!parsed.ok);
      assert.ok(parsed.issues.some((issue) => issue.code === 'unrecognized_keys' && issue.path.length === 0));
    });

    test('opens nothing when created, and stops before it was started', async (t) => {
      const places = await usePlaces(t);
      // What is imported by the first creation is not what a creation opens.
      await make(t, definition, places);
      const before = handles();
      const { instance, sink } = await make(t, definition, places);
      assert.deepEqual(openedSince(before), []);
      await instance.stop?.(far());
      await instance.stop?.(far());
      await untilReleased(before);
      assert.equal(sink.batches.length, 0);
    });

    test('leaves no handle behind after start and stop, also when stopped twice at once', async (t) => {
      const places = await usePlaces(t);
      const before = handles();
      const { instance } = await make(t, definition, places);
      await instance.start?.();
      const deadline = far();
      await Promise.all([instance.stop?.(deadline), instance.stop?.(deadline)]);
      await instance.stop?.(deadline);
      await untilReleased(before);
    });

    test('drains before it was started and twice while it runs, and leaves no handle behind', async (t) => {
      const places = await usePlaces(t);
      const before = handles();
      (await make(t, definition, places)).instance.drain?.();
      const { instance } = await make(t, definition, places);
      await instance.start?.();
      instance.drain?.();
      instance.drain?.();
      await instance.stop?.(far());
      await untilReleased(before);
    });

    test('stops at once when the deadline has passed already', async (t) => {
      const places = await usePlaces(t);
      const before = handles();
      const clock = new StandingClock();
      const { instance } = await make(t, definition, places, clock);
      await instance.start?.();
      // At once is when no time has to pass for it.
      clock.stand();
      await instance.stop?.(AbortSignal.abort());
      await untilReleased(before);
    });

    if (definition.kind !== 'receiver' && definition.kind !== 'extension') {
      test('takes what is offered while it runs and nothing once stopped', async (t) => {
        const { instance, sink } = await make(t, definition, await usePlaces(t));
        await instance.start?.();
        const taken = offer(instance, definition);
        if (definition.kind === 'exporter') assert.equal((await taken)?.status, 'accepted');
        await instance.stop?.(far());
        assert.equal((await taken)?.status, 'accepted');
        const passed = sink.batches.length;
        // What is behind it has not stopped yet, or pushes back: either way nothing may get stuck in here.
        sink.answer = () => ({ status: 'retry', reason: new Error('Stopped.') });
        assert.equal((await offer(instance, definition))?.status, 'retry');
        assert.equal(sink.batches.length, passed);
      });
    }

    test('declares every metric that it makes, with labels', async (t) => {
      const { instance, registry, sink } = await make(t, definition, await usePlaces(t));
      await instance.start?.();
      if (definition.kind === 'receiver' && definition.type !== 'otlp') {
        await until(() => sink.batches.length > 0, 'something was received');
      }
      await offer(instance, definition);
      await instance.stop?.(far());
      const declared = new Map(definition.metrics.map((spec) => [spec.name, spec]));
      assert.equal(declared.size, definition.metrics.length, 'a metric is declared twice');
      for (const { spec, series } of registry.families()) {
        assert.equal(declared.get(spec.name), spec, `${spec.name} is not declared`);
        assert.match(spec.name, /^(otelcol|remora)_[a-z0-9_]+$/);
        assert.doesNotMatch(spec.name, /_total$/, 'the exposition adds the suffix');
        for (const { labels } of series) assert.deepEqual(Object.keys(labels).sort(), [...spec.labels].sort());
      }
      for (const spec of definition.metrics) assert.match(spec.help, /^[A-Z].*\.$/, `help of ${spec.name}`);
    });
  });
}

for (const definition of components.connectors) {
  test(`connector ${definition.type} takes what it makes something of, and reserves without keeping`, async (t) => {
    assert.deepEqual(Object.keys(definition.makes).sort(), [...definition.signals].sort());
    for (const made of Object.values(definition.makes)) assert.ok(made.length > 0);
    const { instance } = await make(t, definition, await usePlaces(t));
    await instance.start?.();
    const batch = batchOf(signalOf(definition));
    const reservation = (instance as Connector).tryReserve?.(batch);
    assert.ok(reservation?.status === 'reserved');
    assert.equal(reservation.keeps, false);
    assert.equal((await reservation.commit(NEVER)).status, 'accepted');
  });
}

test('processors that say so offer their decisions about traces, and no others do', async () => {
  const places = { directory: '', port: 0, otherPort: 0, grpc: '', http: '' };
  for (const definition of components.processors.filter(({ signals }) => signals.includes('traces'))) {
    const decisions = new DecisionBook();
    const parsed = definition.parse(CONFIG[nameOf(definition)]?.(places) ?? {});
    assert.ok(parsed.ok);
    const context = processorContext('traces', new CollectingConsumer(), { id: definition.type });
    const instance = await parsed.prepared.create({ ...context, decisions });
    assert.equal(decisions.find(definition.type).length, definition.decidesTraces ? 1 : 0, definition.type);
    await instance.stop?.(AbortSignal.abort());
  }
});

test('no two components of a kind share a name', () => {
  for (const kind of ['receiver', 'processor', 'exporter', 'connector', 'extension']) {
    const names = all.filter((one) => one.kind === kind).flatMap((one) => [one.type, ...one.aliases]);
    assert.deepEqual([...new Set(names)], names);
  }
});

test('one name of a metric means one thing in all components', () => {
  const specs = new Map<string, string>();
  for (const spec of all.flatMap(({ metrics }) => metrics)) {
    const text = JSON.stringify(spec);
    assert.equal(specs.get(spec.name) ?? text, text, `${spec.name} is declared differently by two components`);
    specs.set(spec.name, text);
  }
});

/** Paths of settings without a description, down through objects, lists, maps and alternatives. */
function undescribed(root: SchemaNode): string[] {
  const missing: string[] = [];
  const visited = new Set<SchemaNode>();
  const visit = (node: SchemaNode, path: string): void => {
    if (visited.has(node)) return;
    visited.add(node);
    for (const [key, field] of Object.entries(node.properties ?? {})) {
      const target = field.$ref === undefined ? undefined : root.$defs?.[field.$ref.replace('#/$defs/', '')];
      if ((field.description ?? target?.description ?? '') === '') missing.push(`${path}${key}`);
      visit(field, `${path}${key}.`);
    }
    if (node.items !== undefined) visit(node.items, `${path}[].`);
    if (typeof node.additionalProperties === 'object') visit(node.additionalProperties, `${path}*.`);
    for (const inner of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])]) visit(inner, path);
  };
  visit(root, '');
  for (const [name, definition] of Object.entries(root.$defs ?? {})) visit(definition, `${name}: `);
  return missing;
}
