import type { Component, Consumer, Extension, Processor, Receiver } from '../core/component.ts';
import { edge, EdgeCounts } from '../core/edge.ts';
import { fanout } from '../core/fanout.ts';
import type { Account } from '../core/ledger.ts';
import type { SendingSettings } from '../core/sending.ts';
import type { Signal } from '../core/signal.ts';
import type { PipelinePlan, Plan } from '../config/plan.ts';
import { bypassable } from './bypassable.ts';
import { meterBypassed, meterProcessor, meterReceiver, type ProcessorEdge } from './edge-metrics.ts';
import { createSender, type Sender } from './exporting/sender.ts';
import { Throttle } from './exporting/throttle.ts';
import type { Entrance } from './overload/entrance.ts';
import type { Runtime } from './runtime.ts';

/**
 * The running graph, built from the end to the start: exporters with their senders, then each pipeline's processors
 * from last to first, then receivers. Everything is created and nothing is started.
 *
 *   receiver --edge--> [fan-out] --edge--> processor ... --edge--> [fan-out] --edge--> sender (queue) --> exporter
 *
 * Each edge counts items with their outcome and books them in the ledger accounts on both of its sides.
 */
export interface Graph {
  readonly extensions: readonly Named<Component>[];
  readonly exporters: readonly Named<Component>[];
  readonly senders: readonly Named<Component>[];
  /** By pipeline, in the order of the data. */
  readonly processors: readonly (readonly Named<Component>[])[];
  readonly receivers: readonly Named<Component>[];
}

export interface BuiltGraph extends Graph {
  readonly queues: readonly Sender[];
}

/** A component and what log lines call it. */
export interface Named<T> {
  readonly name: string;
  readonly instance: T;
}

export interface GraphOptions {
  readonly plan: Plan;
  readonly runtime: Runtime;
  readonly entrance: Entrance;
  /** Fires when the service gives up waiting: see fanout. */
  readonly stopping: AbortSignal;
}

export async function buildGraph(options: GraphOptions): Promise<BuiltGraph> {
  openAccounts(options);
  const extensions = await createExtensions(options);
  const { exporters, senders } = await createExporters(options);
  const heads = new Map<string, Head[]>();
  const processors: Named<Processor>[][] = [];
  for (const pipeline of options.plan.pipelines) {
    const built = await createPipeline(options, pipeline, senders);
    processors.push(built.processors);
    for (const receiver of pipeline.receivers) {
      heads.set(receiver, [...(heads.get(receiver) ?? []), { pipeline, consumer: built.head, senders: built.senders }]);
    }
  }
  const receivers = await createReceivers(options, heads);
  const queues = [...senders.values()].map(({ instance }) => instance);
  return { extensions, exporters, senders: [...senders.values()], processors, receivers, queues };
}

/** Opens the ledger's accounts in the order of the data; the graph is built the other way round. */
function openAccounts({ plan, runtime: { ledger } }: GraphOptions): void {
  for (const { signal, receivers } of plan.pipelines)
    for (const id of receivers) ledger.account('receiver', id, signal);
  for (const { id: pipeline, signal, processors } of plan.pipelines) {
    for (const id of processors) ledger.account('processor', `${pipeline}/${id}`, signal);
  }
  for (const { signal, exporters } of plan.pipelines)
    for (const id of exporters) ledger.account('exporter', id, signal);
}

interface Head {
  readonly pipeline: PipelinePlan;
  readonly consumer: Consumer;
  /** Where its data goes in the end. */
  readonly senders: readonly Sender[];
}

async function createExtensions({ plan, runtime }: GraphOptions): Promise<Named<Extension>[]> {
  const extensions: Named<Extension>[] = [];
  for (const id of plan.extensions) {
    const context = { ...runtime.context('extension', id), host: runtime.host(id) };
    const instance = await mustFind(plan.extensionsById, id).prepared.create(context);
    runtime.offer(id, instance);
    extensions.push({ name: `extension ${id}`, instance });
  }
  return extensions;
}

async function createExporters({ plan, runtime }: GraphOptions) {
  const exporters: Named<Component>[] = [];
  const senders = new Map<string, Named<Sender>>();
  for (const [id, { prepared, definition }] of plan.exporters) {
    const signals = signalsOf(plan, (pipeline) => pipeline.exporters.includes(id));
    if (signals.length === 0) continue;
    const sending = withQueueBytes(prepared.sending, plan.memory.queueBytes.get(id));
    if (sending === undefined) throw new Error(`BUG: exporter ${definition.type} has no sending settings.`);
    const context = runtime.context('exporter', id);
    const exporter = runtime.wrap(id, await prepared.create(context));
    exporters.push({ name: `exporter ${id}`, instance: exporter });
    const throttle =
      sending.rate_limit === undefined
        ? undefined
        : new Throttle(sending.rate_limit, { ...context, bypass: runtime.bypass });
    const { storage } = sending.sending_queue;
    for (const signal of signals) {
      const sender = createSender({
        ...runtime.context('exporter', id, ` (${signal})`),
        signal,
        exporter,
        settings: sending,
        throttle,
        durableQueue: storage === undefined ? undefined : (queue) => runtime.queue(storage, id, queue),
        account: runtime.ledger.account('exporter', id, signal),
        reportHealth: (reason) => context.reportHealth(signal, reason),
      });
      senders.set(`${id}\n${signal}`, { name: `exporter ${id} (${signal})`, instance: sender });
    }
  }
  return { exporters, senders };
}

/** The share of the memory budget, where the configuration leaves the size of the queue open. */
function withQueueBytes(sending: SendingSettings | undefined, bytes: number | undefined): SendingSettings | undefined {
  if (sending === undefined || bytes === undefined) return sending;
  return { ...sending, sending_queue: { ...sending.sending_queue, max_bytes: bytes } };
}

async function createPipeline(options: GraphOptions, pipeline: PipelinePlan, senders: Map<string, Named<Sender>>) {
  const { plan, runtime } = options;
  const { signal } = pipeline;
  const processors: Named<Processor>[] = [];
  let next = exporterFanout(options, pipeline, senders);
  let outgoing = new EdgeCounts();
  for (const id of pipeline.processors.toReversed()) {
    const account = runtime.ledger.account('processor', `${pipeline.id}/${id}`, signal);
    const context = runtime.context('processor', id, ` in ${pipeline.id}`);
    const onward = edge(next, outgoing, context.log, { from: account });
    const { prepared, definition } = mustFind(plan.processors, id);
    const instance = await prepared.create({
      ...context,
      signal,
      pipeline: pipeline.id,
      next: onward,
      account,
      decisions: runtime.decisions,
    });
    processors.unshift({ name: `processor ${id} in ${pipeline.id}`, instance });
    const incoming = new EdgeCounts();
    const at = { processor: id, pipeline: pipeline.id, signal };
    meterProcessor(runtime.registry, at, incoming, outgoing);
    const entry = definition.bypass === 'skip' ? goAround(instance, onward, runtime, at) : instance;
    next = edge(entry, incoming, context.log, { to: account });
    // The counts of the edge into this processor; the one before it counts its own way out.
    outgoing = new EdgeCounts();
  }
  return { processors, head: next, senders: pipeline.exporters.map((id) => mustFindSender(senders, id, signal)) };
}

function mustFindSender(senders: ReadonlyMap<string, Named<Sender>>, id: string, signal: Signal): Sender {
  return mustFind(senders, `${id}\n${signal}`).instance;
}

/** The switch in front of a processor that bypass mode skips. */
function goAround(processor: Processor, onward: Consumer, { bypass, registry }: Runtime, at: ProcessorEdge): Consumer {
  return bypassable(processor, onward, { bypass, around: meterBypassed(registry, at) });
}

function exporterFanout(
  { runtime, stopping }: GraphOptions,
  pipeline: PipelinePlan,
  senders: Map<string, Named<Sender>>,
): Consumer {
  const accounts: Account[] = [];
  const branches = pipeline.exporters.map((id) => {
    const sender = senders.get(`${id}\n${pipeline.signal}`);
    if (sender === undefined) throw new Error(`BUG: no sender for ${id} (${pipeline.signal}).`);
    const account = runtime.ledger.account('exporter', id, pipeline.signal);
    accounts.push(account);
    const log = runtime.log.logger({ component: sender.name });
    return edge(sender.instance, new EdgeCounts(), log, { to: account });
  });
  return fanout(branches, {
    clock: runtime.clock,
    stopping,
    onLost: (branch, { items }, reason) => lose(accounts[branch], items, reason),
  });
}

/** A branch of a fan-out did not get what the others did. */
function lose(account: Account | undefined, items: number, reason: string): void {
  if (account === undefined) return;
  account.received += items;
  account.reject(reason, items);
}

async function createReceivers(options: GraphOptions, heads: Map<string, Head[]>): Promise<Named<Receiver>[]> {
  const { plan, runtime, entrance } = options;
  const receivers: Named<Receiver>[] = [];
  for (const [id, { prepared }] of plan.receivers) {
    const fed = heads.get(id);
    if (fed === undefined) continue;
    const via = edgesByTransport(options, id, fed);
    const context = {
      ...runtime.context('receiver', id),
      // Only for receivers that do not tell transports apart: asking makes the series with an empty label.
      get next() {
        return via('');
      },
      via,
      admission: entrance.admission,
      refusal: entrance.door(sendersBySignal(fed)),
      restMs: () => entrance.restMs,
      resting: entrance.resting,
    };
    receivers.push({ name: `receiver ${id}`, instance: await prepared.create(context) });
  }
  return receivers;
}

function sendersBySignal(heads: readonly Head[]): ReadonlyMap<Signal, readonly Sender[]> {
  const found = new Map<Signal, readonly Sender[]>();
  for (const { pipeline, senders } of heads) {
    found.set(pipeline.signal, [...new Set([...(found.get(pipeline.signal) ?? []), ...senders])]);
  }
  return found;
}

type NextBySignal = Readonly<Partial<Record<Signal, Consumer>>>;

function edgesByTransport(
  options: GraphOptions,
  id: string,
  heads: readonly Head[],
): (transport: string) => NextBySignal {
  const targets = new Map<Signal, Consumer>();
  for (const signal of new Set(heads.map(({ pipeline }) => pipeline.signal))) {
    targets.set(
      signal,
      pipelineFanout(
        options,
        id,
        signal,
        heads.filter(({ pipeline }) => pipeline.signal === signal),
      ),
    );
  }
  const made = new Map<string, NextBySignal>();
  return (transport) => {
    const known = made.get(transport);
    if (known !== undefined) return known;
    const next: Partial<Record<Signal, Consumer>> = {};
    for (const [signal, target] of targets) {
      // Receivers with transports ask at the door, before they read anything.
      const gated = transport === '' ? options.entrance.gate(target) : target;
      next[signal] = receiverEdge(options, { receiver: id, transport, signal }, gated);
    }
    made.set(transport, next);
    return next;
  };
}

function receiverEdge(
  { runtime }: GraphOptions,
  at: { receiver: string; transport: string; signal: Signal },
  target: Consumer,
): Consumer {
  const counts = new EdgeCounts();
  const log = runtime.log.logger({ component: `receiver ${at.receiver}` });
  const source = runtime.ledger.account('receiver', at.receiver, at.signal);
  meterReceiver(runtime.registry, at, counts);
  return edge(target, counts, log, { source });
}

function pipelineFanout(
  { runtime, stopping }: GraphOptions,
  id: string,
  signal: Signal,
  heads: readonly Head[],
): Consumer {
  const consumers = heads.map(({ consumer }) => consumer);
  const onLost = (branch: number, { items }: { items: number }, reason: string): void => {
    const node = `${id} to ${heads[branch]?.pipeline.id ?? ''}`;
    lose(runtime.ledger.account('receiver', node, signal), items, reason);
  };
  return fanout(consumers, { clock: runtime.clock, stopping, onLost });
}

function signalsOf(plan: Plan, uses: (pipeline: PipelinePlan) => boolean): Signal[] {
  return [...new Set(plan.pipelines.filter(uses).map(({ signal }) => signal))];
}

function mustFind<T>(all: ReadonlyMap<string, T>, id: string): T {
  const found = all.get(id);
  if (found === undefined) throw new Error(`BUG: the plan names "${id}" but does not define it.`);
  return found;
}
