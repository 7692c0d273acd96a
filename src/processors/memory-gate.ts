import type { Batch } from '../core/batch.ts';
import { repeat, type Timer } from '../core/clock.ts';
import type { Processor, ProcessorContext, Reservation } from '../core/component.ts';
import { RemoraError } from '../core/errors.ts';
import type { Memory } from '../core/outside.ts';
import type { Count } from '../core/meter.ts';
import type { Pending } from '../core/pending.ts';
import { retry, type Verdict } from '../core/verdict.ts';

export interface MemoryLimits {
  readonly softBytes: number;
  readonly hardBytes: number;
  /** True to count the memory of the whole container, not only that of this process. */
  readonly container: boolean;
}

export interface GcPacing {
  readonly minGcIntervalMs: number;
  readonly maxGcIntervalMs: number;
}

export interface MemoryGateOptions {
  readonly context: Pick<ProcessorContext, 'next' | 'clock' | 'log' | 'signal' | 'reportHealth'>;
  readonly memory: Memory;
  readonly limits: MemoryLimits;
  readonly checkIntervalMs: number;
  readonly soft: GcPacing;
  readonly hard: GcPacing;
  readonly accepted: Count;
  readonly refused: Count;
}

/** A collection that frees less than this share of the memory doubles the time to the next. */
const USEFUL_GC_SHARE = 0.05;
const MIN_RETRY_MS = 1000;

/**
 * Open while memory is below the soft limit, shut (answers `retry`) above it. Measured on a timer from `start` to `stop`,
 * so a batch costs one comparison. Holds nothing.
 */
export class MemoryGate implements Processor {
  /** Present when the next consumer has it, so that a fan-out over whole pipelines stays all or nothing. */
  tryReserve?: (batch: Batch) => Reservation;
  readonly #options: MemoryGateOptions;
  #isShut = false;
  #timer: Timer | undefined;
  #lastGcMs = Number.NEGATIVE_INFINITY;
  #gcIntervalMs = 0;

  constructor(options: MemoryGateOptions) {
    this.#options = options;
    const { next } = options.context;
    const reserve = next.tryReserve?.bind(next);
    if (reserve !== undefined) this.tryReserve = (batch) => this.#reserve(batch, reserve);
  }

  start(): Promise<void> {
    this.#check();
    this.#timer ??= repeat(
      this.#options.context.clock,
      () => this.#options.checkIntervalMs,
      () => this.#check(),
    );
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    return Promise.resolve();
  }

  consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    const { accepted, refused, context } = this.#options;
    if (this.#isShut) {
      refused.value += batch.items;
      return Promise.resolve(this.#refusal());
    }
    accepted.value += batch.items;
    return context.next.consume(batch, abort);
  }

  #reserve(batch: Batch, reserve: (batch: Batch) => Reservation): Reservation {
    const { accepted, refused } = this.#options;
    if (this.#isShut) {
      refused.value += batch.items;
      return { status: 'retry', verdict: this.#refusal() };
    }
    const reservation = reserve(batch);
    if (reservation.status !== 'reserved') return reservation;
    const commit = (abort: AbortSignal): Pending<Verdict> => {
      accepted.value += batch.items;
      return reservation.commit(abort);
    };
    const { keeps } = reservation;
    return { status: 'reserved', keeps, commit, cancel: () => reservation.cancel() };
  }

  #refusal(): Verdict {
    const afterMs = Math.max(MIN_RETRY_MS, this.#options.checkIntervalMs);
    return retry(new RemoraError('memory_limited', 'Data refused due to high memory usage.'), afterMs);
  }

  #check(): void {
    const { limits, soft, hard } = this.#options;
    let usedBytes = this.#usedBytes();
    if (usedBytes > limits.softBytes && this.#collect(usedBytes > limits.hardBytes ? hard : soft, usedBytes)) {
      usedBytes = this.#usedBytes();
    }
    this.#shut(usedBytes > limits.softBytes, usedBytes);
  }

  #usedBytes(): number {
    const { memory, limits } = this.#options;
    return Math.max(memory.residentBytes(), limits.container ? memory.containerBytes() : 0);
  }

  /** Asks for a collection if that is possible and due; true when one ran. */
  #collect(pacing: GcPacing, usedBytes: number): boolean {
    const { context, memory } = this.#options;
    const intervalMs = Math.min(pacing.maxGcIntervalMs, Math.max(pacing.minGcIntervalMs, this.#gcIntervalMs));
    const nowMs = context.clock.monotonic();
    if (memory.collect === undefined || nowMs - this.#lastGcMs < intervalMs) return false;
    memory.collect();
    this.#lastGcMs = nowMs;
    const freedBytes = usedBytes - this.#usedBytes();
    const wasUseful = freedBytes >= usedBytes * USEFUL_GC_SHARE;
    this.#gcIntervalMs = wasUseful ? 0 : Math.max(this.#options.checkIntervalMs, intervalMs * 2);
    return true;
  }

  #shut(shut: boolean, usedBytes: number): void {
    if (shut === this.#isShut) return;
    this.#isShut = shut;
    const { context, limits } = this.#options;
    const fields = { used_mib: inMib(usedBytes), soft_limit_mib: inMib(limits.softBytes), signal: context.signal };
    if (shut)
      context.log.warn('Memory is above the soft limit: data is refused and senders are told to retry.', fields);
    else context.log.info('Memory is back below the soft limit: data is accepted again.', fields);
    context.reportHealth(context.signal, shut ? 'Memory is above the soft limit.' : undefined);
  }
}

function inMib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
