import { sleep, type Clock } from '../core/clock.ts';
import type { Component } from '../core/component.ts';
import { asError, errorMessage, RemoraError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Graph, Named } from './graph.ts';

export interface StartOptions {
  /** Fires when the service is asked to stop: nothing further is started then, and the start rejects. */
  readonly stopping: AbortSignal;
  readonly onStarted: (component: Named<Component>) => void;
}

/**
 * Start: extensions, exporters, senders, processors and connectors from the last to the first, receivers last: nothing
 * comes in before all it may meet is ready. Stop: the other way round, within one deadline.
 */
export async function startGraph(graph: Graph, { stopping, onStarted }: StartOptions): Promise<void> {
  for (const group of inStartOrder(graph)) {
    if (stopping.aborted) throw new RemoraError('shutting_down', 'Asked to stop while starting.');
    const starts = await Promise.allSettled(
      group.map(async (component) => {
        await component.instance.start?.();
        onStarted(component);
      }),
    );
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed !== undefined) throw asError(failed.reason);
  }
}

/** One by one, but for the senders: a large queue on disk takes its time to open. */
function inStartOrder(graph: Graph): (readonly Named<Component>[])[] {
  const levels = graph.levels
    .toReversed()
    .flatMap(({ processors, connectors }) => [
      ...connectors,
      ...processors.flatMap((pipeline) => pipeline.toReversed()),
    ]);
  const before = [...graph.extensions, ...graph.exporters];
  const after = [...levels, ...graph.receivers];
  return [...before.map((one) => [one]), graph.senders, ...after.map((one) => [one])];
}

export interface StopOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The whole stop fits in this, and a second of grace for what ignores its deadline. */
  readonly timeoutMs: number;
  /** Fires at once when the operator asks a second time. */
  readonly hurry: AbortSignal;
  /** The start, when it may still be under way; never rejects. */
  readonly starting?: Promise<void> | undefined;
  /**
   * Called, perhaps more than once, when receivers or processors are out of time or processors are done: what fan-outs
   * still owe to some of their branches is lost to those then.
   */
  readonly onGiveUp: () => void;
}

/** Shares of the one deadline by which each kind must be done, so that queues always get their time. */
const STARTED_BY = 1 / 6;
const RECEIVERS_BY = 1 / 3;
const PROCESSORS_BY = 1 / 2;
const SENDERS_BY = 0.95;

/** How long after its deadline a component is waited for before the stop goes on without it. */
const GRACE_MS = 500;
/** The same where others have used up the grace: enough for what does heed its deadline. */
const LAST_GRACE_MS = 40;

/** Tells them that nothing waits for more from now on; see Component.drain. */
export function drainAll(components: readonly Named<Component>[], log: Logger): void {
  for (const { name, instance } of components) {
    try {
      instance.drain?.();
    } catch (error) {
      log.error('A component failed to drain.', { component: name, error: errorMessage(error) });
    }
  }
}

/**
 * Receivers refuse new work and their consumes settle; batches flush, level by level, and connectors after the pipelines
 * that give to them; queues drain, all in parallel; exporters close.
 * Stopping is idempotent and safe before start, so that components that were not started need no telling apart.
 */
export async function stopGraph(graph: Graph, options: StopOptions): Promise<void> {
  const { starting, onGiveUp } = options;
  const stages = new Stages(options);
  // Clients whose requests gather in a batch wait for it, and the receivers for those clients.
  const inside = graph.levels.flatMap(({ processors, connectors }) => [...processors.flat(), ...connectors]);
  drainAll([...inside, ...graph.senders], options.log);
  if (starting !== undefined) await stages.run(STARTED_BY, [{ name: 'start', instance: { stop: () => starting } }]);
  await stages.run(RECEIVERS_BY, graph.receivers, onGiveUp);
  for (const { processors, connectors } of graph.levels) {
    for (const depth of depths(processors)) await stages.run(PROCESSORS_BY, depth, onGiveUp);
    // What they made of the last of it goes into pipelines of the next levels.
    if (connectors.length > 0) await stages.run(PROCESSORS_BY, connectors, onGiveUp);
  }
  onGiveUp();
  await stages.run(SENDERS_BY, graph.senders);
  await stages.run(1, graph.exporters);
  for (const extension of graph.extensions.toReversed()) await stages.run(1, [extension]);
  stages.end();
}

/** Processors at the same place of all pipelines, in the order of the data. */
function depths<T>(pipelines: readonly (readonly T[])[]): T[][] {
  const longest = Math.max(0, ...pipelines.map((pipeline) => pipeline.length));
  return Array.from({ length: longest }, (_, depth) =>
    pipelines.flatMap((pipeline) => pipeline.slice(depth, depth + 1)),
  );
}

/** Stops one group of components after the other. Invariant: nothing is waited for past `#endMs`, but for the last grace. */
class Stages {
  readonly #options: StopOptions;
  readonly #startMs: number;
  #endMs: number;

  constructor(options: StopOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonic();
    this.#endMs = this.#startMs + options.timeoutMs + GRACE_MS;
    if (options.hurry.aborted) this.#onHurry();
    options.hurry.addEventListener('abort', this.#onHurry);
  }

  end(): void {
    this.#options.hurry.removeEventListener('abort', this.#onHurry);
  }

  /** `share` of the whole time is when the components' deadline fires; `onDeadline` is called right before it does. */
  async run(share: number, components: readonly Named<Component>[], onDeadline?: () => void): Promise<void> {
    const { clock, hurry, timeoutMs } = this.#options;
    const leftMs = Math.max(0, this.#startMs + timeoutMs * share - clock.monotonic());
    const deadline = new AbortController();
    const expire = (): void => {
      onDeadline?.();
      deadline.abort();
    };
    if (hurry.aborted) expire();
    hurry.addEventListener('abort', expire, { once: true });
    const timer = clock.timer(leftMs, expire);
    await Promise.all(components.map((component) => this.#stop(component, deadline.signal)));
    timer.cancel();
    hurry.removeEventListener('abort', expire);
  }

  async #stop({ name, instance }: Named<Component>, deadline: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const settled = new AbortController();
    const stopped = (async () => {
      try {
        await instance.stop?.(deadline);
      } catch (error) {
        log.error('A component failed to stop.', { component: name, error: errorMessage(error) });
      }
    })().finally(() => settled.abort());
    if (!(await this.#outlived(deadline, settled.signal))) return stopped;
    log.error('A component did not stop in time; the stop goes on without it.', { component: name });
  }

  /** True when `settled` has not fired by `deadline` and a grace after it. */
  async #outlived(deadline: AbortSignal, settled: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    await firstOf(deadline, settled);
    const leftMs = this.#endMs - clock.monotonic();
    return sleep(clock, Math.max(LAST_GRACE_MS, Math.min(GRACE_MS, leftMs)), settled);
  }

  readonly #onHurry = (): void => {
    this.#endMs = Math.min(this.#endMs, this.#options.clock.monotonic() + GRACE_MS);
  };
}

function firstOf(a: AbortSignal, b: AbortSignal): Promise<void> {
  if (a.aborted || b.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const fire = (): void => {
      a.removeEventListener('abort', fire);
      b.removeEventListener('abort', fire);
      resolve();
    };
    a.addEventListener('abort', fire, { once: true });
    b.addEventListener('abort', fire, { once: true });
  });
}
