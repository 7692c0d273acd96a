import type { Batch } from '../../core/batch.ts';
import type { Admission, Consumer, Refused, Reservation } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import type { Count, Meter } from '../../core/meter.ts';
import type { Signal } from '../../core/signal.ts';
import { retry, type Verdict } from '../../core/verdict.ts';
import { ADMITTED_BYTES, ADMITTED_REQUESTS, REFUSED } from './metrics.ts';

/** A sending queue as those who would fill it see it. */
export interface Destination {
  /**
   * Milliseconds until there is probably room for `bytes` besides what is under way to the queues; undefined when there
   * is now, or when it never refuses for want of room.
   */
  roomAfterMs(bytes: number, underWay: UnderWay): number | undefined;
}

/** What is being received and will want room. */
export interface UnderWay {
  readonly requests: number;
  readonly bytes: number;
}

export interface EntranceOptions {
  readonly admission: Admission;
  readonly resting: Admission;
  readonly guard: { readonly refusal: Refused | undefined; readonly restMs: number };
  readonly meter: Meter;
}

/**
 * Where new data is turned away, as early as can be: a request from its headers, before a byte of its body is read; a
 * batch of a receiver that reads by itself, such as files, before any processor sees it.
 */
export class Entrance {
  readonly admission: Admission;
  /** For requests that wait on a connection that was refused; these are not on their way to a queue. */
  readonly resting: Admission;
  readonly #guard: EntranceOptions['guard'];
  readonly #counts: Readonly<Record<Refused['reason'], Count>>;

  constructor({ admission, resting, guard, meter }: EntranceOptions) {
    this.admission = admission;
    this.resting = resting;
    this.#guard = guard;
    const count = (reason: Refused['reason']): Count => meter.counter(REFUSED, { reason });
    this.#counts = { memory: count('memory'), event_loop: count('event_loop'), queue: count('queue') };
    meter.gauge(ADMITTED_BYTES, {}, () => admission.usedBytes + resting.usedBytes);
    meter.gauge(ADMITTED_REQUESTS, {}, () => admission.requests + resting.requests);
  }

  /** What `ReceiverContext.refusal` asks, for a receiver whose data goes to these queues. */
  door(
    destinations: ReadonlyMap<Signal, readonly Destination[]>,
  ): (signal: Signal, bytes: number) => Refused | undefined {
    return (signal, bytes) => {
      const refused = this.#guard.refusal ?? this.#full(destinations.get(signal) ?? [], bytes);
      if (refused !== undefined) this.#counts[refused.reason].value += 1;
      return refused;
    };
  }

  /** How long a connection that was refused is left unread. */
  get restMs(): number {
    return this.#guard.restMs;
  }

  /** For receivers that have no door: refuses batches while the guard does. */
  gate(next: Consumer): Consumer {
    const consume = (batch: Batch, abort: AbortSignal): Promise<Verdict> => {
      const verdict = this.#verdict();
      return verdict === undefined ? next.consume(batch, abort) : Promise.resolve(verdict);
    };
    if (next.tryReserve === undefined) return { consume };
    const reserve = next.tryReserve.bind(next);
    const tryReserve = (batch: Batch): Reservation => {
      const verdict = this.#verdict();
      return verdict === undefined ? reserve(batch) : { status: 'retry', verdict };
    };
    return { consume, tryReserve };
  }

  #full(destinations: readonly Destination[], bytes: number): Refused | undefined {
    for (const destination of destinations) {
      const afterMs = destination.roomAfterMs(bytes, this.admission.coming);
      if (afterMs !== undefined) return { reason: 'queue', message: 'The sending queue is full.', afterMs };
    }
    return undefined;
  }

  #verdict(): Verdict | undefined {
    const { refusal } = this.#guard;
    if (refusal === undefined) return undefined;
    this.#counts[refusal.reason].value += 1;
    const code = refusal.reason === 'memory' ? 'memory_limited' : 'overloaded';
    return retry(new RemoraError(code, refusal.message), refusal.afterMs);
  }
}
