import { sleep, type Clock } from '../core/clock.ts';
import type { Component } from '../core/component.ts';
import { errorMessage } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Graph, Named } from './graph.ts';

/**
 * Start: extensions, exporters, senders, processors from the last to the first, receivers last: nothing comes in before
 * all it may meet is ready. Stop: the other way round, within one deadline.
 */
export async function startGraph(graph: Graph, onStarted: (component: Named<Component>) => void): Promise<void> {
  for (const component of inStartOrder(graph)) {
    await component.instance.start?.();
    onStarted(component);
  }
}

function inStartOrder(graph: Graph): Named<Component>[] {
  const processors = graph.processors.flatMap((pipeline) => pipeline.toReversed());
  return [...graph.extensions, ...graph.exporters, ...graph.senders, ...processors, ...graph.receivers];
}

export interface StopOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The whole stop fits in this. */
  readonly timeoutMs: number;
  /** Fires at once when the operator asks a second time. */
  readonly hurry: AbortSignal;
  /** Called when only what is already held is left to be delivered. */
  readonly onGiveUp: () => void;
}

/** Shares of the one deadline by which receivers and processors must be done, so that queues always get their time. */
const RECEIVERS_BY = 1 / 3;
const PROCESSORS_BY = 1 / 2;
const SENDERS_BY = 0.95;

/**
 * Receivers refuse new work and their consumes settle; batches flush; queues drain, all in parallel; exporters close.
 * Only the named components that were started need be given; stopping is idempotent and safe before start.
 */
export async function stopGraph(graph: Graph, options: StopOptions): Promise<void> {
  const stage = stageRunner(options);
  await stage(RECEIVERS_BY, graph.receivers);
  options.onGiveUp();
  for (const depth of depths(graph.processors)) await stage(PROCESSORS_BY, depth);
  await stage(SENDERS_BY, graph.senders);
  await stage(1, graph.exporters);
  for (const extension of graph.extensions.toReversed()) await stage(1, [extension]);
}

/** Processors at the same place of all pipelines, in the order of the data. */
function depths<T>(pipelines: readonly (readonly T[])[]): T[][] {
  const longest = Math.max(0, ...pipelines.map((pipeline) => pipeline.length));
  return Array.from({ length: longest }, (_, depth) =>
    pipelines.flatMap((pipeline) => pipeline.slice(depth, depth + 1)),
  );
}

type Stage = (share: number, components: readonly Named<Component>[]) => Promise<void>;

/** How long after its deadline a component is waited for before the stop goes on without it. */
const GRACE_MS = 500;

function stageRunner({ clock, log, timeoutMs, hurry }: StopOptions): Stage {
  const startMs = clock.monotonic();
  return async (share, components) => {
    const leftMs = Math.max(0, startMs + timeoutMs * share - clock.monotonic());
    const deadline = new AbortController();
    const onHurry = (): void => deadline.abort();
    if (hurry.aborted) onHurry();
    hurry.addEventListener('abort', onHurry, { once: true });
    const timer = clock.timer(leftMs, () => deadline.abort());
    await Promise.all(components.map((component) => stopOne(component, deadline.signal, { clock, log })));
    timer.cancel();
    hurry.removeEventListener('abort', onHurry);
  };
}

async function stopOne(
  { name, instance }: Named<Component>,
  deadline: AbortSignal,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<void> {
  const settled = new AbortController();
  const stopped = (async () => {
    try {
      await instance.stop?.(deadline);
    } catch (error) {
      log.error('A component failed to stop.', { component: name, error: errorMessage(error) });
    }
  })().finally(() => settled.abort());
  if (!(await outlived(deadline, settled.signal, clock))) return stopped;
  log.error('A component did not stop in time; the stop goes on without it.', { component: name });
}

/** True when `settled` has not fired by `deadline` and a grace after it. */
async function outlived(deadline: AbortSignal, settled: AbortSignal, clock: Clock): Promise<boolean> {
  await firstOf(deadline, settled);
  return sleep(clock, GRACE_MS, settled);
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
