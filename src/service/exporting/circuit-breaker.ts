import type { Clock, Timer } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { askedWaitMs, backoffMs, type BackoffOptions } from '../../core/retry.ts';
import type { Retry } from '../../core/verdict.ts';

export type CircuitState = 'closed' | 'open' | 'half_open';

export const CIRCUIT_STATES: readonly CircuitState[] = ['closed', 'open', 'half_open'];

export interface CircuitBreakerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Failures in a row that open it; infinite never does. */
  readonly failureThreshold: number;
  /** The time between probes; `maxMs` bounds it however it is randomised. */
  readonly backoff: BackoffOptions;
  /** Called after each change, with the refusal that opened it or kept it open; attempts may be possible now. */
  onChange(state: CircuitState, refusal: Retry | undefined): void;
}

/** While draining no wait is longer, whatever the upstream asked for: the data has no later chance. */
const DRAIN_WAIT_MS = 1000;

/**
 * Whether the upstream is there, judged by the answers to all attempts of one sender.
 *
 *            failures in a row                    time is up
 *   closed ────────────────────► open ───────────────────────► half_open
 *     ▲                           ▲  the probe fails: longer        │
 *     │                           └─────────────────────────────────┤
 *     └─────────────────────────────────────────────────────────────┘ the probe is answered
 *
 * Invariants: A timer runs exactly while open, until `stop`. While half-open at most one attempt is under way, the probe. Answers
 * to attempts that began before it opened change nothing but how long the upstream asked to be left alone.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  #state: CircuitState = 'closed';
  #failures = 0;
  /** Openings since the upstream was last well for as long as it takes to open. */
  #openings = 0;
  #successes = 0;
  /** Monotonic; what the upstream asked for. */
  #notBeforeMs = 0;
  #probing = false;
  #timer: Timer | undefined;
  #draining = false;
  #stopped = false;
  #refusal: Retry | undefined;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** The last failure that counted; undefined while the upstream answers. */
  get refusal(): Retry | undefined {
    return this.#refusal;
  }

  /** While half-open, whoever asks first makes the probe, and must report back. */
  tryProbe(): boolean {
    if (this.#state !== 'half_open' || this.#probing) return false;
    this.#probing = true;
    return true;
  }

  /** The upstream took or refused a request: it is there. */
  succeeded(probe: boolean): void {
    if (this.#state !== 'closed' && !probe) return;
    this.#failures = 0;
    this.#refusal = undefined;
    if (probe) {
      this.#successes = 0;
      this.#enter('closed');
    } else if (this.#openings > 0 && ++this.#successes >= this.#options.failureThreshold) this.#openings = 0;
  }

  failed(probe: boolean, refusal: Retry): void {
    const { clock, failureThreshold } = this.#options;
    if (refusal.afterMs !== undefined) {
      this.#notBeforeMs = Math.max(this.#notBeforeMs, clock.monotonic() + refusal.afterMs);
    }
    if (this.#state !== 'closed' && !probe) return;
    this.#refusal = refusal;
    this.#failures += 1;
    this.#successes = 0;
    if (probe || this.#failures >= failureThreshold) this.#open();
  }

  /** The probe ended without an answer that says anything: the next one asks. */
  unanswered(probe: boolean): void {
    if (probe) this.#probing = false;
  }

  /** From now on waits are short. */
  drain(): void {
    this.#draining = true;
    if (this.#state === 'open') this.#arm(this.#waitMs());
  }

  /** Leaves no timer behind, now or later. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #open(): void {
    this.#openings += 1;
    this.#arm(this.#waitMs());
    this.#enter('open');
  }

  #enter(state: CircuitState): void {
    this.#state = state;
    this.#probing = false;
    this.#options.onChange(state, this.#refusal);
  }

  #waitMs(): number {
    const { clock, random, backoff } = this.#options;
    if (this.#draining) return DRAIN_WAIT_MS * random();
    const askedMs = this.#notBeforeMs - clock.monotonic();
    return Math.max(Math.min(backoff.maxMs, backoffMs(backoff, this.#openings, random)), askedWaitMs(askedMs, random));
  }

  #arm(waitMs: number): void {
    this.#timer?.cancel();
    if (this.#stopped) return;
    this.#timer = this.#options.clock.timer(waitMs, () => {
      this.#timer = undefined;
      this.#timeIsUp();
    });
  }

  /** An attempt from before the opening may have brought a longer wait since. */
  #timeIsUp(): void {
    const askedMs = this.#notBeforeMs - this.#options.clock.monotonic();
    if (askedMs > 0 && !this.#draining) this.#arm(askedWaitMs(askedMs, this.#options.random));
    else this.#enter('half_open');
  }
}
