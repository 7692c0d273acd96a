import type { Component, Consumer, Extension, Processor, Receiver } from '../core/component.ts';
import { edge, EdgeCounts } from '../core/edge.ts';
import type { SendingSettings } from '../core/sending.ts';
import type { Signal } from '../core/signal.ts';
import type { PipelinePlan, Plan } from '../config/plan.ts';
import { bypassable } from './bypassable.ts';
import { createConnector } from './connectors.ts';
import { meterBypassed, meterProcessor, meterReceiver, type ProcessorEdge } from './edge-metrics.ts';
import { createSender, type Sender } from './exporting/sender.ts';
import { Throttle } from './exporting/throttle.ts';
import { endOfPipeline, exporterBranch, startOfPipelines, type Branch, type Head } from './fan-outs.ts';
import type { Entrance } from './overload/entrance.ts';
import type { Runtime } from './runtime.ts';
import { levelsOf, type Level } from './topology.ts';

/**
 * The running graph, built from the end to the start: exporters with their senders, then each pipeline's processors
 * from last to first, then receivers. Pipelines behind a connector are built before it, and those before it after it
 * (topology.ts). Everything is created and nothing is started.
 *
 *   receiver --edge--> [fan-out] --edge--> processor ... --edge--> [fan-out] --edge--> sender (queue) --> exporter
 *
 * Each edge counts items with their outcome and books them in the ledger accounts on both of its sides.
 */
export interface Graph {
  readonly extensions: readonly Named<Component>[];
  readonly exporters: readonly Named<Component>[];
  readonly senders: readonly Named<Component>[];
  /** In the order of the data; one where there are no connectors. */
  readonly levels: readonly GraphLevel[];
  readonly receivers: readonly Named<Component>[];
}

export interface GraphLevel {
  /** By pipeline, in the order of the data. */
  readonly processors: readonly (readonly Named<Component>[])[];
  /** What only these pipelines and those of earlier levels give to. */
  readonly connectors: readonly Named<Component>[];
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
  const built: Built = { senders, connectors: new Map(), heads: new Map() };
  const levels: GraphLevel[] = [];
  for (const level of levelsOf(options.plan).toReversed()) levels.unshift(await createLevel(options, level, built));
  const receivers = await createReceivers(options, built.heads);
  const queues = [...senders.values()].map(({ instance }) => instance);
  return { extensions, exporters, senders: [...senders.values()], levels, receivers, queues };
}

/** What there is so far, for what comes before it in the order of the data. */
interface Built {
  /** By id and signal. */
  readonly senders: ReadonlyMap<string, Named<Sender>>;
  /** By id and the signal that they take. */
  readonly connectors: Map<string, Branch>;
  /** Of the pipelines that a receiver, or a connector, feeds. */
  readonly heads: Map<string, Head[]>;
}

async function createLevel(options: GraphOptions, level: Level, built: Built): Promise<GraphLevel> {
  const { plan } = options;
  const connectors: Named<Component>[] = [];
  for (const place of level.connectors) {
    const planned = mustFind(plan.connectors, place.id);
    const { component, branch } = await createConnector(options, planned, place, built.heads.get(place.id) ?? []);
    connectors.push(component);
    built.connectors.set(`${place.id}\n${place.signal}`, branch);
  }
  const processors: Named<Processor>[][] = [];
  for (const pipeline of level.pipelines) {
    const made = await createPipeline(options, pipeline, built);
    processors.push(made.processors);
    for (const id of pipeline.receivers) built.heads.set(id, [...(built.heads.get(id) ?? []), made.head]);
  }
  return { processors, connectors };
}

/** Opens the ledger's accounts in the order of the data; the graph is built the other way round. */
function openAccounts({ plan, runtime: { ledger } }: GraphOptions): void {
  for (const { signal, receivers } of plan.pipelines)
    for (const id of receivers) ledger.account('receiver', id, signal);
  for (const { id: pipeline, signal, processors } of plan.pipelines) {
    for (const id of processors) ledger.account('processor', `${pipeline}/${id}`, signal);
  }
  for (const { signal, exporters } of plan.pipelines)
    for (const id of exporters) ledger.account(plan.connectors.has(id) ? 'connector' : 'exporter', id, signal);
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

async function createPipeline(options: GraphOptions, pipeline: PipelinePlan, built: Built) {
  const { plan, runtime } = options;
  const { signal } = pipeline;
  const processors: Named<Processor>[] = [];
  const { branches, senders } = endsOf(options, pipeline, built);
  let next = endOfPipeline(options, branches);
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
  const head: Head = { pipeline, consumer: next, senders };
  return { processors, head };
}

function endsOf(options: GraphOptions, { exporters, signal }: PipelinePlan, { connectors, senders }: Built) {
  const ends = exporters.map((id) => {
    const key = `${id}\n${signal}`;
    const connector = connectors.get(key);
    if (connector !== undefined) return { branch: connector, senders: [] };
    const sender = mustFind(senders, key);
    return { branch: exporterBranch(options, { id, signal }, sender), senders: [sender.instance] };
  });
  return { branches: ends.map(({ branch }) => branch), senders: ends.flatMap((end) => end.senders) };
}

/** The switch in front of a processor that bypass mode skips. */
function goAround(processor: Processor, onward: Consumer, { bypass, registry }: Runtime, at: ProcessorEdge): Consumer {
  return bypassable(processor, onward, { bypass, around: meterBypassed(registry, at) });
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
    targets.set(signal, startOfPipelines(options, { id, signal }, heads));
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

function signalsOf(plan: Plan, uses: (pipeline: PipelinePlan) => boolean): Signal[] {
  return [...new Set(plan.pipelines.filter(uses).map(({ signal }) => signal))];
}

function mustFind<T>(all: ReadonlyMap<string, T>, id: string): T {
  const found = all.get(id);
  if (found === undefined) throw new Error(`BUG: the plan names "${id}" but does not define it.`);
  return found;
}
