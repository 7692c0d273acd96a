import type { Bypass } from '../../core/bypass.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Count, Meter, MetricSpec } from '../../core/meter.ts';
import { RateLimit, type Cost, type RateLimitSettings } from '../../core/rate-limit.ts';

const LABELS = ['exporter'] as const;

const WAITED: MetricSpec = {
  name: 'remora_exporter_rate_limited_seconds',
  help: 'Time that requests of this exporter waited because of its rate_limit.',
  kind: 'counter',
  labels: LABELS,
};
const BYTES: MetricSpec = {
  name: 'remora_exporter_rate_limit_bytes_per_second',
  help: 'The bytes_per_second of its rate_limit.',
  kind: 'gauge',
  labels: LABELS,
};
const ITEMS: MetricSpec = {
  name: 'remora_exporter_rate_limit_items_per_second',
  help: 'The items_per_second of its rate_limit.',
  kind: 'gauge',
  labels: LABELS,
};

/** Every metric of a limited exporter. */
export const throttleMetrics: readonly MetricSpec[] = [WAITED, BYTES, ITEMS];

export interface ThrottleOptions {
  /** The exporter's id. */
  readonly id: string;
  readonly clock: Clock;
  readonly meter: Meter;
  /** While it is active nobody waits, and nothing is paid. */
  readonly bypass?: Bypass;
}

interface Waiter {
  readonly cost: Cost;
  settle(isPaid: boolean): void;
}

/**
 * The `rate_limit` of one exporter, which the senders of all its signals share: whoever wants to send asks for a turn.
 * Turns are given in the order of the asking.
 * Invariant: `#timer` runs exactly while somebody waits, until the debt is paid.
 */
export class Throttle {
  readonly #clock: Clock;
  readonly #limit: RateLimit;
  readonly #waited: Count;
  readonly #bypass: Bypass | undefined;
  readonly #line = new Set<Waiter>();
  #timer: Timer | undefined;
  #isLifted = false;

  constructor(settings: RateLimitSettings, { id, clock, meter, bypass }: ThrottleOptions) {
    const labels = { exporter: id };
    this.#clock = clock;
    this.#limit = new RateLimit(clock, settings, settings.burst);
    this.#waited = meter.counter(WAITED, labels);
    this.#bypass = bypass;
    bypass?.onBegin(() => this.#letAllGo());
    const { bytes_per_second: bytes, items_per_second: items } = settings;
    if (bytes !== undefined) meter.gauge(BYTES, labels, () => bytes);
    if (items !== undefined) meter.gauge(ITEMS, labels, () => items);
  }

  /** Resolves to true when the caller may send, and `cost` is paid; to false when `abort` fired first. */
  turn(cost: Cost, abort: AbortSignal): Promise<boolean> {
    if (abort.aborted) return LEFT;
    if (this.#isFree) return PAID;
    if (this.#line.size > 0 || this.#limit.waitMs() > 0) return this.#wait(cost, abort);
    this.#limit.take(cost);
    return PAID;
  }

  /** What was paid for was not sent. Those in line need not wait for it. */
  giveBack(cost: Cost): void {
    if (this.#isFree) return;
    this.#limit.giveBack(cost);
    this.#timer?.cancel();
    this.#serve();
  }

  /** From now on nobody waits. */
  lift(): void {
    this.#isLifted = true;
    this.#letAllGo();
  }

  get #isFree(): boolean {
    return this.#isLifted || this.#bypass?.active === true;
  }

  #letAllGo(): void {
    this.#timer?.cancel();
    for (const waiter of this.#line) waiter.settle(true);
  }

  #wait(cost: Cost, abort: AbortSignal): Promise<boolean> {
    const sinceMs = this.#clock.monotonic();
    return new Promise((resolve) => {
      const leave = (): void => {
        waiter.settle(false);
        if (this.#line.size === 0) this.#timer?.cancel();
      };
      const waiter: Waiter = {
        cost,
        settle: (isPaid) => {
          this.#line.delete(waiter);
          abort.removeEventListener('abort', leave);
          this.#waited.value += (this.#clock.monotonic() - sinceMs) / 1000;
          resolve(isPaid);
        },
      };
      abort.addEventListener('abort', leave, { once: true });
      this.#line.add(waiter);
      if (this.#line.size === 1) this.#serve();
    });
  }

  readonly #serve = (): void => {
    for (const waiter of this.#line) {
      const waitMs = this.#limit.waitMs();
      if (waitMs > 0) {
        this.#timer = this.#clock.timer(waitMs, this.#serve);
        return;
      }
      this.#limit.take(waiter.cost);
      waiter.settle(true);
    }
  };
}

const PAID = Promise.resolve(true);
const LEFT = Promise.resolve(false);
