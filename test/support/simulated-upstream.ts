import type { Batch } from '../../src/core/batch.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Exporter } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { ACCEPTED, retry, type Verdict } from '../../src/core/verdict.ts';

export interface SimulatedUpstreamOptions {
  readonly clock: Clock;
  /** Requests served at the same time. */
  readonly workers: number;
  readonly serviceMs: (batch: Batch) => number;
  /** Requests that wait for a worker; one more is told to come back. Unlimited by default. */
  readonly maxWaiting?: number;
  /** What those told to come back are asked for. */
  readonly askedMs?: number;
}

/** - up: serves. - refuses: says at once that it is not there. - hangs: says nothing, and keeps nothing. */
export type Mode = 'up' | 'refuses' | 'hangs';

interface Job {
  readonly batch: Batch;
  readonly abort: AbortSignal;
  readonly done: (verdict: Verdict) => void;
}

const AWAY = new RemoraError('upstream_unavailable', 'The upstream answered 503.');

/**
 * An upstream of finite capacity on the clock that it is given: workers, and a line in front of them. It does not know
 * that a client has given up: such a request is served, and the work is wasted.
 */
export class SimulatedUpstream {
  mode: Mode = 'up';
  /** Requests that were served in time. */
  served = 0;
  /** Requests that were served after their client had given up. */
  wasted = 0;
  /** Called for each attempt as it arrives. */
  onAttempt: () => void = () => undefined;
  readonly #options: SimulatedUpstreamOptions;
  #askedMs: number | undefined;
  #busy = 0;
  #line: Job[] = [];
  #head = 0;

  constructor(options: SimulatedUpstreamOptions) {
    this.#options = options;
    this.#askedMs = options.askedMs;
  }

  /** What it asks those for that it turns away, from now on. */
  ask(askedMs: number | undefined): void {
    this.#askedMs = askedMs;
  }

  get waiting(): number {
    return this.#line.length - this.#head;
  }

  get busy(): number {
    return this.#busy;
  }

  /** A client's way to it. */
  client(onServed: (batch: Batch) => void = () => undefined): Exporter {
    return {
      send: (batch, abort) =>
        new Promise((resolve) => {
          this.onAttempt();
          if (this.mode === 'hangs') return;
          const { maxWaiting = Number.POSITIVE_INFINITY } = this.#options;
          if (this.mode === 'refuses' || this.waiting >= maxWaiting) {
            resolve(retry(AWAY, this.#askedMs));
            return;
          }
          const done = (verdict: Verdict): void => {
            if (!abort.aborted) onServed(batch);
            resolve(verdict);
          };
          this.#line.push({ batch, abort, done });
          this.#serve();
        }),
    };
  }

  #serve(): void {
    const { clock, workers, serviceMs } = this.#options;
    while (this.#busy < workers) {
      const job = this.#line[this.#head];
      if (job === undefined) return;
      this.#head += 1;
      if (this.#head > 1000) {
        this.#line = this.#line.slice(this.#head);
        this.#head = 0;
      }
      this.#busy += 1;
      clock.timer(serviceMs(job.batch), () => {
        this.#busy -= 1;
        if (job.abort.aborted) this.wasted += 1;
        else this.served += 1;
        job.done(ACCEPTED);
        this.#serve();
      });
    }
  }
}
