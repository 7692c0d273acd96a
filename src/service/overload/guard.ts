import { repeat, type Clock, type Timer } from '../../core/clock.ts';
import type { Refused } from '../../core/component.ts';
import type { Logger } from '../../core/logger.ts';
import type { Count, Meter } from '../../core/meter.ts';
import { RefusalPace } from './refusal-pace.ts';
import { LoopWatch } from './loop-watch.ts';
import { MemoryWatch, type MemoryLimits, type WatchedMemory } from './memory-watch.ts';
import { COLLECTIONS, LAG, REFUSED, REFUSING, REST, SHED } from './metrics.ts';

/** A sending queue as the guard sees it. */
export interface GuardedQueue {
  readonly bytes: number;
  /** Bytes that leave it in a second; undefined until some have. */
  drainedPerSecond(): number | undefined;
  shed?(bytes: number): number;
}

export interface GuardOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: Meter;
  readonly memory: WatchedMemory;
  readonly limits: MemoryLimits;
  /** Share of the time that the event loop was busy since it was last asked. */
  readonly utilization: () => number;
  readonly shed: 'oldest' | 'none';
  /** 0 is off. */
  readonly maxLoopLagMs: number;
  queues(): readonly GuardedQueue[];
  /** Called when it changes; undefined when well again. */
  reportHealth(reason: string | undefined): void;
}

const LOOK_EVERY_MS = 250;
const TICK_EVERY_MS = 100;
/** What was shed is freed and seen to be so before more is. */
const SHED_EVERY_MS = 1000;
const MIN_HINT_MS = 1000;
const MAX_HINT_MS = 30_000;

/**
 * Decides for the whole process whether new data is taken: refuses while memory is short or the event loop does not keep
 * up, and sheds above the hard limit. Measured on timers, so that asking costs a comparison.
 *
 *            resident memory                     timer drift
 *                  |                                  |
 *   MemoryWatch: none | soft | hard          LoopWatch: late or not
 *                  |       |                          |
 *                  refuse  refuse and shed            refuse
 *
 * Invariant: `refusal` is undefined exactly while both are well.
 */
export class OverloadGuard {
  refusal: Refused | undefined;
  readonly #options: GuardOptions;
  readonly #memory: MemoryWatch;
  readonly #loop: LoopWatch;
  readonly #pace: RefusalPace;
  readonly #shedBytes: Count;
  /** The entrance counts what it refuses. */
  readonly #refused: readonly Count[];
  #refusedBefore = 0;
  #timers: Timer[] = [];
  #shedMs = Number.NEGATIVE_INFINITY;
  #toldHelpless = false;

  constructor(options: GuardOptions) {
    const { clock, meter, memory, limits, maxLoopLagMs } = options;
    this.#options = options;
    this.#memory = new MemoryWatch(clock, memory, limits);
    this.#loop = new LoopWatch(clock, TICK_EVERY_MS, maxLoopLagMs);
    this.#pace = new RefusalPace(options.utilization);
    this.#shedBytes = meter.counter(SHED, {});
    for (const reason of ['memory', 'event_loop']) {
      meter.gauge(REFUSING, { reason }, () => (this.refusal?.reason === reason ? 1 : 0));
    }
    this.#refused = ['memory', 'event_loop', 'queue'].map((reason) => meter.counter(REFUSED, { reason }));
    meter.counterFrom(COLLECTIONS, {}, () => this.#memory.collections);
    meter.gauge(REST, {}, () => this.restMs / 1000);
    meter.gauge(LAG, {}, () => this.#loop.lagMs / 1000);
  }

  /** How long connections that were refused are left unread. */
  get restMs(): number {
    return this.#pace.restMs;
  }

  start(): void {
    if (this.#timers.length > 0) return;
    const { clock } = this.#options;
    const every = (ms: number, look: () => void): Timer => repeat(clock, () => ms, look);
    const memory = every(LOOK_EVERY_MS, () => this.#look());
    if (this.#options.maxLoopLagMs === 0) this.#timers = [memory];
    else this.#timers = [memory, every(TICK_EVERY_MS, () => this.#lookAtLoop())];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  #look(): void {
    const { shed, log } = this.#options;
    this.#lookAtRefusals();
    const pressure = this.#memory.look();
    if (pressure === 'hard' && shed === 'oldest') this.#shed();
    if (this.#memory.isHelpless && !this.#toldHelpless) {
      this.#toldHelpless = true;
      log.warn('Resident memory is above the soft limit although hardly any data is held; raise the limit.', {
        used_mib: inMib(this.#memory.residentBytes),
        soft_limit_mib: inMib(this.#options.limits.softBytes),
      });
    }
    this.#decide();
  }

  #lookAtRefusals(): void {
    let refused = 0;
    for (const { value } of this.#refused) refused += value;
    this.#pace.look(((refused - this.#refusedBefore) * 1000) / LOOK_EVERY_MS);
    this.#refusedBefore = refused;
  }

  #lookAtLoop(): void {
    const { isLate } = this.#loop;
    this.#loop.tick();
    if (isLate !== this.#loop.isLate) this.#decide();
  }

  #decide(): void {
    const before = this.refusal?.reason;
    if (this.#memory.pressure !== 'none') {
      this.refusal = { reason: 'memory', message: SHORT_OF_MEMORY, afterMs: this.#memoryHintMs() };
    } else if (this.#loop.isLate) {
      this.refusal = { reason: 'event_loop', message: BEHIND, afterMs: MIN_HINT_MS };
    } else {
      this.refusal = undefined;
    }
    if (before !== this.refusal?.reason) this.#tell();
  }

  /** How long what is too much takes to leave the queues. */
  #memoryHintMs(): number {
    let perSecond = 0;
    for (const queue of this.#options.queues()) perSecond += queue.drainedPerSecond() ?? 0;
    const afterMs = perSecond === 0 ? 0 : (1000 * this.#memory.excessBytes) / perSecond;
    return Math.min(MAX_HINT_MS, Math.max(MIN_HINT_MS, afterMs));
  }

  #tell(): void {
    const { log, limits } = this.#options;
    const { refusal } = this;
    this.#options.reportHealth(refusal?.message);
    const fields = {
      used_mib: inMib(this.#memory.residentBytes),
      soft_limit_mib: inMib(limits.softBytes),
      loop_lag_ms: Math.round(this.#loop.lagMs),
    };
    if (refusal === undefined) log.info('New data is taken again.', fields);
    else log.warn(`${refusal.message} Senders are told to retry.`, fields);
  }

  /** From the fullest queue on, until as much is gone as is too much. */
  #shed(): void {
    const { clock, memory, log } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#shedMs < SHED_EVERY_MS) return;
    let leftBytes = this.#memory.excessBytes;
    for (const queue of this.#options.queues().toSorted((a, b) => b.bytes - a.bytes)) {
      if (leftBytes > 0) leftBytes -= queue.shed?.(leftBytes) ?? 0;
    }
    const freedBytes = this.#memory.excessBytes - leftBytes;
    if (freedBytes <= 0) return;
    this.#shedMs = nowMs;
    this.#shedBytes.value += freedBytes;
    memory.collect();
    log.error('Memory is above the hard limit: the oldest data in the queues was let go of.', {
      used_mib: inMib(this.#memory.residentBytes),
      hard_limit_mib: inMib(this.#options.limits.hardBytes),
      freed_mib: inMib(freedBytes),
    });
  }
}

const SHORT_OF_MEMORY = 'Memory is above the soft limit: new data is refused.';
const BEHIND = 'The event loop is behind: new data is refused.';

function inMib(bytes: number): number {
  return Number((bytes / 2 ** 20).toFixed(1));
}
