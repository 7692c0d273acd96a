import type { Plan } from '../../config/plan.ts';
import type { Clock } from '../../core/clock.ts';
import { ByteAdmission } from '../../net/admission.ts';
import type { Log } from '../../telemetry/log.ts';
import { systemMemory } from '../../telemetry/memory.ts';
import { bufferCollector, heldBytes } from '../buffer-reclaim.ts';
import type { Sender } from '../exporting/sender.ts';
import type { Runtime } from '../runtime.ts';
import { Entrance } from './entrance.ts';
import { OverloadGuard, type GuardedQueue } from './guard.ts';
import type { WatchedMemory } from './memory-watch.ts';

/** What health calls the guard; it concerns every pipeline. */
export const GUARD = 'overload guard';

/** Of the share for admission, what requests may take that wait for having come back too soon. */
const RESTING_SHARE = 1 / 8;

export interface GuardParts {
  readonly guard: OverloadGuard;
  readonly entrance: Entrance;
  /** The queues to look at and to shed from; known once the graph is built. */
  readonly watch: (senders: readonly Sender[]) => void;
}

export interface GuardSurroundings {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly log: Log;
  /** Each this process's own when absent. */
  readonly memory?: WatchedMemory;
  readonly utilization?: () => number;
}

/** The guard of one service, and the entrance that it keeps. Starts nothing. */
export function makeGuard(
  { plan, clock, log, memory, utilization }: GuardSurroundings,
  { registry, health }: Runtime,
): GuardParts {
  let queues: readonly GuardedQueue[] = [];
  const guard = new OverloadGuard({
    clock,
    log: log.logger({ component: GUARD }),
    meter: registry,
    memory: memory ?? watchedMemory(plan.memory.limitFrom === 'container'),
    limits: plan.memory,
    utilization: utilization ?? utilizationSinceAsked(),
    shed: plan.memory.shed,
    maxLoopLagMs: plan.service.maxLoopLagMs,
    queues: () => queues,
    reportHealth: (reason) => health.report(GUARD, 'all', reason),
  });
  const restingBytes = plan.memory.shares.admission * RESTING_SHARE;
  const entrance = new Entrance({
    admission: new ByteAdmission(plan.memory.shares.admission - restingBytes),
    resting: new ByteAdmission(restingBytes),
    guard,
    meter: registry,
  });
  return { guard, entrance, watch: (senders) => (queues = senders.flatMap(guarded)) };
}

function guarded(sender: Sender): GuardedQueue[] {
  const { queue } = sender;
  if (queue === undefined) return [];
  return [
    {
      get bytes() {
        return queue.bytes;
      },
      drainedPerSecond: () => sender.drainedPerSecond(),
      shed: (bytes) => queue.shed?.(bytes) ?? 0,
    },
  ];
}

/** `wholeContainer`: the container's limit is ours, so what else is in it counts too. */
function watchedMemory(wholeContainer: boolean): WatchedMemory {
  const memory = systemMemory();
  return {
    residentBytes: () => Math.max(memory.residentBytes(), wholeContainer ? memory.containerBytes() : 0),
    dataBytes: heldBytes,
    collect: bufferCollector(),
  };
}

function utilizationSinceAsked(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
