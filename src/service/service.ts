import type { Plan, TelemetrySettings } from '../config/plan.ts';
import type { Clock } from '../core/clock.ts';
import type { Component, HealthReport } from '../core/component.ts';
import type { Ledger } from '../core/ledger.ts';
import type { Logger } from '../core/logger.ts';
import type { Outside } from '../core/outside.ts';
import { PageServer } from '../net/http/page-server.ts';
import { nodeFileSystem } from '../storage/node-file-system.ts';
import { makeExposition, type Exposition } from '../telemetry/exposition.ts';
import type { Log } from '../telemetry/log.ts';
import { meterRegistry, registryMetrics } from '../telemetry/registry-metrics.ts';
import type { Registry } from '../telemetry/registry.ts';
import { bypassPage } from './bypass-page.ts';
import { bypassMetrics, type BypassSwitch } from './bypass-switch.ts';
import { budgetMetrics, meterBudget, tellBudget } from './memory-shares.ts';
import { configMetrics, meterConfig } from './config-metrics.ts';
import { DrainReport } from './drain-report.ts';
import { edgeMetrics } from './edge-metrics.ts';
import { buildGraph, type Graph, type Named } from './graph.ts';
import { HealthBook } from './health.ts';
import { drainAll, startGraph, stopGraph } from './lifecycle.ts';
import { linger } from './linger.ts';
import type { WatchedMemory } from './overload/memory-watch.ts';
import type { OverloadGuard } from './overload/guard.ts';
import { GUARD, makeGuard } from './overload/make-guard.ts';
import { overloadMetrics } from './overload/metrics.ts';
import { meterProcess, processMetrics } from './process-metrics.ts';
import { Runtime } from './runtime.ts';

export interface ServiceOptions {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly log: Log;
  readonly instanceId: string;
  /** What is watched; this process's own when absent. */
  readonly memory?: WatchedMemory;
  /** Share of the time that the event loop was busy since it was last asked; this process's own when absent. */
  readonly utilization?: () => number;
  /** Files and sockets; the real ones when absent. */
  readonly outside?: Outside;
}

/**
 * One running configuration. `createService` opens nothing; `start` runs everything or, when a part fails, stops what
 * was started and rejects; `stop` drains within the plan's deadline and always resolves.
 */
export class Service {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly bypass: BypassSwitch;
  readonly #plan: Plan;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #health: HealthBook;
  readonly #graph: Graph;
  readonly #guard: OverloadGuard;
  readonly #giveUp: AbortController;
  readonly #metricsPage: PageServer | undefined;
  #stopProcessMetrics: () => void = () => undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #stopAsked = new AbortController();

  constructor(parts: {
    options: ServiceOptions;
    runtime: Runtime;
    graph: Graph;
    giveUp: AbortController;
    guard: OverloadGuard;
  }) {
    const { options, runtime } = parts;
    this.ledger = runtime.ledger;
    this.registry = runtime.registry;
    this.bypass = runtime.bypass;
    this.#plan = options.plan;
    this.#clock = options.clock;
    this.#log = options.log.logger();
    this.#health = runtime.health;
    this.#graph = parts.graph;
    this.#guard = parts.guard;
    this.#giveUp = parts.giveUp;
    this.#metricsPage = metricsPage(options.plan.telemetry, runtime.registry);
  }

  /** The port of the self metrics, undefined when they are off. */
  get metricsPort(): number | undefined {
    return this.#metricsPage?.port;
  }

  health(): HealthReport {
    return this.#health.read();
  }

  async start(): Promise<void> {
    this.#starting = this.#startParts();
    try {
      await this.#starting;
    } catch (error) {
      await this.stop(AbortSignal.abort());
      throw error;
    }
    if (this.#stopAsked.signal.aborted) return;
    this.#health.phase = 'running';
    this.#guard.start();
  }

  async #startParts(): Promise<void> {
    if (this.#metricsPage !== undefined) {
      await this.#metricsPage.start();
      this.#stopProcessMetrics = meterProcess(this.registry);
    }
    const onStarted = ({ name }: Named<Component>): void => this.#log.debug('Started.', { component: name });
    await startGraph(this.#graph, { stopping: this.#stopAsked.signal, onStarted });
  }

  /**
   * Drains and stops; `hurry` ends the waiting at once. May be called during the start, which then rejects. Idempotent:
   * later calls get the first one's promise. `lingers` false takes nothing new even where the configuration says to.
   */
  stop(hurry: AbortSignal, { lingers = true }: { readonly lingers?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#stop(hurry, lingers);
    return this.#stopping;
  }

  async #stop(hurry: AbortSignal, lingers: boolean): Promise<void> {
    const wasRunning = this.#health.phase === 'running';
    this.#health.phase = 'stopping';
    this.#stopAsked.abort();
    const report = new DrainReport(this.ledger);
    const startedMs = this.#clock.monotonic();
    const { shutdownTimeoutMs, drain } = this.#plan.service;
    this.#log.info('Draining.', {
      queuedItems: report.queuedItems,
      lingerMs: drain.lingerMs,
      deadlineMs: shutdownTimeoutMs,
    });
    if (wasRunning && lingers) await this.#linger(hurry);
    await this.#stopParts(hurry, shutdownTimeoutMs - (this.#clock.monotonic() - startedMs));
    report.tell(this.#log);
    this.#health.phase = 'stopped';
  }

  /** Goes on taking what clients and files bring; what is fetched is fetched a last time. */
  async #linger(hurry: AbortSignal): Promise<void> {
    const { lingerMs, idleMs } = this.#plan.service.drain;
    if (lingerMs === 0 || hurry.aborted) return;
    const clock = this.#clock;
    drainAll(this.#graph.receivers, this.#log);
    const startedMs = clock.monotonic();
    const over = await linger({ clock, lingerMs, idleMs, arrivals: () => this.#arrivals(), hurry });
    this.#log.info('Lingering is over; receivers stop.', { over, tookMs: Math.round(clock.monotonic() - startedMs) });
  }

  /** Items that the pipelines have taken so far, of those that came from outside. */
  #arrivals(): number {
    let items = 0;
    const { receivers } = this.#plan;
    for (const { stage, node, passed } of this.ledger.accounts()) {
      if (stage === 'receiver' && receivers.has(node)) items += passed;
    }
    return items;
  }

  async #stopParts(hurry: AbortSignal, timeoutMs: number): Promise<void> {
    const starting = this.#starting?.catch(() => undefined);
    const onGiveUp = (): void => this.#giveUp.abort();
    await stopGraph(this.#graph, { clock: this.#clock, log: this.#log, timeoutMs, hurry, starting, onGiveUp });
    this.#guard.stop();
    await this.#metricsPage?.stop();
    this.#stopProcessMetrics();
    this.bypass.close();
  }
}

export async function createService(options: ServiceOptions): Promise<Service> {
  const { plan, clock, log, instanceId, outside = { files: nodeFileSystem } } = options;
  const health = new HealthBook(
    plan.pipelines.map((pipeline) => ({
      id: pipeline.id,
      signal: pipeline.signal,
      components: [
        GUARD,
        ...pipeline.receivers.map((id) => `${plan.connectors.has(id) ? 'connector' : 'receiver'} ${id}`),
        ...pipeline.processors.map((id) => `processor ${id}`),
        ...pipeline.exporters.map((id) => `${plan.connectors.has(id) ? 'connector' : 'exporter'} ${id}`),
      ],
    })),
  );
  const runtime = new Runtime({ clock, log, instanceId, health, bypassMaxMs: plan.service.bypassMaxMs, outside });
  declareMetrics(runtime.registry, plan);
  runtime.bypass.meter(runtime.registry);
  runtime.admin.add(bypassPage(runtime.bypass));
  meterConfig(runtime.registry, plan.hash, clock);
  meterRegistry(runtime.registry);
  meterBudget(runtime.registry, plan.memory);
  tellBudget(log.logger(), plan.memory);
  const giveUp = new AbortController();
  const { guard, entrance, watch } = makeGuard(options, runtime);
  const graph = await buildGraph({ plan, runtime, entrance, stopping: giveUp.signal });
  watch(graph.queues);
  return new Service({ options, runtime, graph, giveUp, guard });
}

function declareMetrics(registry: Registry, plan: Plan): void {
  registry.declare([
    ...edgeMetrics,
    ...bypassMetrics,
    ...configMetrics,
    ...processMetrics,
    ...budgetMetrics,
    ...overloadMetrics,
    ...registryMetrics,
  ]);
  for (const components of [plan.receivers, plan.processors, plan.exporters, plan.connectors]) {
    for (const { definition } of components.values()) registry.declare(definition.metrics);
  }
}

function metricsPage({ metrics }: TelemetrySettings, registry: Registry): PageServer | undefined {
  if (metrics.level === 'none') return undefined;
  let exposition: Promise<Exposition> | undefined;
  return new PageServer(metrics.host, metrics.port, async (path) => {
    if (path !== '/metrics') return undefined;
    exposition ??= makeExposition(registry, { withTypeSuffix: metrics.withTypeSuffix });
    const page = await exposition;
    return { status: 200, contentType: page.contentType, body: await page.text() };
  });
}
