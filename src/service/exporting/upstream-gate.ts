import type { Clock } from '../../core/clock.ts';
import { sleep } from '../../core/clock.ts';
import type { Retry } from '../../core/verdict.ts';
import type { AdaptiveLimit } from './adaptive-limit.ts';
import type { AttemptResult } from './attempt.ts';
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from './circuit-breaker.ts';

/** Permission for one attempt. */
export interface Pass {
  /** The circuit is half-open: it is this attempt's answer that counts. */
  readonly isProbe: boolean;
  readonly era: number;
}

export interface UpstreamGateOptions extends Omit<CircuitBreakerOptions, 'onChange'> {
  readonly clock: Clock;
  /** Undefined: as many attempts as there are requests. */
  readonly limit: AdaptiveLimit | undefined;
  /** Called after each change of the circuit; the refusal is what opened it or kept it open. */
  onCircuit(state: CircuitState, refusal: Retry | undefined): void;
}

/**
 * What every attempt of a sender passes before it is made. Who may not pass waits in line and keeps its place.
 * Invariants: whoever waits is in `#waiting` in order of arrival; nobody waits while an attempt is possible. `#impatient`
 * are those of them whose patience is over; there are some only while the circuit is closed.
 */
export class UpstreamGate {
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #limit: AdaptiveLimit | undefined;
  readonly #waiting = new Set<(pass: Pass) => void>();
  readonly #impatient = new Set<() => void>();
  /** Fires when the circuit opens; replaced when it closes. */
  #opened = new AbortController();

  constructor(options: UpstreamGateOptions) {
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#breaker = new CircuitBreaker({
      ...options,
      onChange: (state, refusal) => {
        if (state === 'open') this.#away();
        else if (state === 'closed') this.#returned();
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
    return this.#waiting.size > 0 ? undefined : this.#tryPass();
  }

  /**
   * Waits for a pass. Undefined when `abort` fired, or the upstream is away and `patienceMs` are over: while it lives,
   * the turn of everybody in line comes.
   */
  enter(patienceMs: number, abort: AbortSignal): Promise<Pass | undefined> {
    if (abort.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const settle = (pass: Pass | undefined): void => {
        timer?.cancel();
        abort.removeEventListener('abort', giveUp);
        this.#waiting.delete(settle);
        this.#impatient.delete(giveUp);
        resolve(pass);
      };
      const giveUp = (): void => settle(undefined);
      const lose = (): void => {
        if (this.#breaker.state === 'closed') this.#impatient.add(giveUp);
        else giveUp();
      };
      const timer = Number.isFinite(patienceMs) ? this.#clock.timer(patienceMs, lose) : undefined;
      abort.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(settle);
    });
  }

  /**
   * The attempt of `bytes` is over after `tookMs`; undefined when there was none, or when its end says nothing about the
   * upstream.
   */
  leave(pass: Pass, result: AttemptResult | undefined, tookMs = 0, bytes = 0): void {
    this.#limit?.release(pass.era);
    if (result?.status === 'retry') this.#failed(pass, result);
    else if (result === undefined || result.status === 'failed') this.#breaker.unanswered(pass.isProbe);
    else {
      this.#breaker.succeeded(pass.isProbe);
      if (result.status === 'accepted' && pass.era === this.#limit?.era) this.#limit.answered(tookMs, bytes);
    }
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

  #failed(pass: Pass, refusal: Retry): void {
    if (pass.era === this.#limit?.era) this.#limit.pushedBack();
    this.#breaker.failed(pass.isProbe, refusal);
  }

  #away(): void {
    this.#opened.abort();
    for (const giveUp of this.#impatient) giveUp();
  }

  #returned(): void {
    this.#opened = new AbortController();
    this.#limit?.restart();
  }

  #tryPass(): Pass | undefined {
    const era = this.#limit?.era ?? 0;
    if (this.#breaker.state === 'closed') {
      return this.#limit === undefined || this.#limit.tryTake() ? { isProbe: false, era } : undefined;
    }
    if (!this.#breaker.tryProbe()) return undefined;
    this.#limit?.take();
    return { isProbe: true, era };
  }

  #admit(): void {
    for (const settle of this.#waiting) {
      const pass = this.#tryPass();
      if (pass === undefined) return;
      settle(pass);
    }
  }
}
