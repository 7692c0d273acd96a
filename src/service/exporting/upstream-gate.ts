import type { Clock } from '../../core/clock.ts';
import { sleep } from '../../core/clock.ts';
import type { Retry } from '../../core/verdict.ts';
import type { AttemptResult } from './attempt.ts';
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from './circuit-breaker.ts';

/** Permission for one attempt. */
export type Pass = 'pass' | 'probe';

export interface UpstreamGateOptions extends Omit<CircuitBreakerOptions, 'onChange'> {
  readonly clock: Clock;
  /** Called after each change of the circuit; the refusal is what opened it or kept it open. */
  onCircuit(state: CircuitState, refusal: Retry | undefined): void;
}

/**
 * What every attempt of a sender passes before it is made. Who may not pass waits in line and keeps its place.
 * Invariants: whoever waits is in `#waiting` in order of arrival; nobody waits while an attempt is possible.
 */
export class UpstreamGate {
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #waiting = new Set<(pass: Pass) => void>();
  /** Fires when the circuit opens; replaced when it closes. */
  #opened = new AbortController();

  constructor(options: UpstreamGateOptions) {
    this.#clock = options.clock;
    this.#breaker = new CircuitBreaker({
      ...options,
      onChange: (state, refusal) => {
        if (state === 'open') this.#opened.abort();
        else if (state === 'closed') this.#opened = new AbortController();
        options.onCircuit(state, refusal);
        this.#admit();
      },
    });
  }

  get state(): CircuitState {
    return this.#breaker.state;
  }

  /** The last failure that counted; undefined while the upstream answers. */
  get refusal(): Retry | undefined {
    return this.#breaker.refusal;
  }

  /** A pass, if an attempt may begin at once; it must be given to `leave`. */
  tryEnter(): Pass | undefined {
    return this.#waiting.size > 0 ? undefined : this.#breaker.tryEnter();
  }

  /** Waits for a pass. Undefined when `patienceMs` are over or `abort` fired. */
  enter(patienceMs: number, abort: AbortSignal): Promise<Pass | undefined> {
    if (abort.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const settle = (pass: Pass | undefined): void => {
        timer?.cancel();
        abort.removeEventListener('abort', giveUp);
        this.#waiting.delete(settle);
        resolve(pass);
      };
      const giveUp = (): void => settle(undefined);
      const timer = Number.isFinite(patienceMs) ? this.#clock.timer(patienceMs, giveUp) : undefined;
      abort.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(settle);
    });
  }

  /** The attempt is over; undefined when there was none, or when its end says nothing about the upstream. */
  leave(pass: Pass, result: AttemptResult | undefined): void {
    const probe = pass === 'probe';
    if (result?.status === 'retry') this.#breaker.failed(probe, result);
    else if (result === undefined || result.status === 'failed') this.#breaker.unanswered(probe);
    else this.#breaker.succeeded(probe);
    this.#admit();
  }

  /** Waits on its own account; not longer than until the circuit opens, from where all wait for the same probe. */
  async pause(waitMs: number, abort: AbortSignal): Promise<void> {
    await sleep(this.#clock, waitMs, AbortSignal.any([abort, this.#opened.signal]));
  }

  /** From now on probes follow each other after short waits. */
  drain(): void {
    this.#breaker.drain();
  }

  stop(): void {
    this.#breaker.stop();
  }

  #admit(): void {
    for (const settle of this.#waiting) {
      const pass = this.#breaker.tryEnter();
      if (pass === undefined) return;
      settle(pass);
    }
  }
}
