import type { Batch } from '../../core/batch.ts';
import { RemoraError } from '../../core/errors.ts';
import { backoffMs, type BackoffOptions } from '../../core/retry.ts';
import { retry, type Retry } from '../../core/verdict.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { attempt, type AttemptOptions, type AttemptResult } from './attempt.ts';
import { circuitReport } from './circuit-report.ts';
import { DELIVERED, type Dropped, type Outcome } from './outcome.ts';
import type { SenderHealth } from './sender-health.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { SenderOptions } from './sender.ts';
import { UpstreamGate, type Pass, type UpstreamGateOptions } from './upstream-gate.ts';

/** What is delivered. It comes with its first turn of the rate limit; `wanted` turns false when nobody waits for it any more. */
export interface Parcel {
  readonly batch: Batch;
  readonly wanted: boolean;
  /** It is sent once more, while an attempt that was given up may still read its bytes. */
  repeats(): void;
}

/** While draining no wait is longer, whatever the upstream asked for: the data has no later chance. */
const DRAIN_WAIT_MS = 1000;

/**
 * Attempts until the upstream took the request, refused it for good, or patience ended. Holds no request itself. Every
 * attempt passes the gate: after a failure a request waits on its own account while the circuit is closed, and with all
 * others for the next probe while it is open.
 */
export class Delivery {
  readonly #options: SenderOptions;
  readonly #attempt: AttemptOptions;
  readonly #backoff: BackoffOptions;
  readonly #metrics: SenderMetrics;
  readonly #health: SenderHealth;
  readonly #gate: UpstreamGate;
  readonly #draining = new AbortController();

  constructor(options: SenderOptions, metrics: SenderMetrics, health: SenderHealth) {
    const { exporter, clock, settings } = options;
    const { initial_interval, max_interval, multiplier, randomization_factor } = settings.retry_on_failure;
    this.#options = options;
    this.#attempt = { exporter, clock, timeout: settings.timeout };
    this.#backoff = {
      initialMs: initial_interval,
      maxMs: max_interval,
      multiplier,
      randomizationFactor: randomization_factor,
    };
    this.#metrics = metrics;
    this.#health = health;
    const limit = adaptiveLimit(options);
    this.#gate = openGate(options, { backoff: this.#backoff, limit }, circuitReport(options, metrics, health));
    metrics.watchUpstream({ state: () => this.#gate.state, limit: limit && (() => limit.limit) });
  }

  /** Ends the waits that are under way and keeps further ones short. */
  drain(): void {
    this.#draining.abort();
    this.#gate.drain();
  }

  /** Nothing is delivered any more; leaves no timer behind. */
  stop(): void {
    this.#gate.stop();
  }

  /** Never rejects. When `abort` fires it settles at once with cause `shutdown`. */
  async deliver(parcel: Parcel, abort: AbortSignal): Promise<Outcome> {
    // Patience counts from the first attempt on, or while the upstream is away.
    let startedMs = this.#options.clock.monotonic();
    for (let tries = 1; ; tries++) {
      const atOnce = tries === 1 ? this.#gate.tryEnter() : undefined;
      const pass = atOnce ?? (await this.#admit(parcel, tries, startedMs, abort));
      if (pass === undefined) return this.#notAdmitted(abort);
      if (!parcel.wanted) return this.#abandoned(parcel, pass);
      if (tries > 1) this.#repeats(parcel);
      else if (!pass.isProbe) startedMs = this.#options.clock.monotonic();
      const result = await this.#try(parcel.batch, pass, abort);
      if (abort.aborted && result.status !== 'accepted') return shutdown(result);
      if (result.status === 'accepted') return deliveredAs(parcel.batch, result.rejectedItems, result.message);
      if (result.status === 'rejected') return result;
      if (result.status === 'failed') return { status: 'dropped', cause: 'failed', reason: result.reason };
      const ended = await this.#waitAfter(result, tries, startedMs, abort);
      if (ended !== undefined) return ended;
    }
  }

  /**
   * Waits at the gate and then for a turn of the rate limit. What waits at the gate has no turn: all of them would go out
   * at once when it opens. What is sent again is traffic again.
   */
  async #admit(parcel: Parcel, tries: number, startedMs: number, abort: AbortSignal): Promise<Pass | undefined> {
    const { throttle } = this.#options;
    if (tries === 1) throttle?.giveBack(parcel.batch);
    const pass = this.#gate.tryEnter() ?? (await this.#gate.enter(this.#patienceLeftMs(startedMs), abort));
    if (pass === undefined || throttle === undefined || (await throttle.turn(parcel.batch, abort))) return pass;
    this.#gate.leave(pass, undefined);
    return undefined;
  }

  #repeats(parcel: Parcel): void {
    this.#metrics.retries.value += 1;
    parcel.repeats();
  }

  async #try(batch: Batch, pass: Pass, abort: AbortSignal): Promise<AttemptResult> {
    const { clock } = this.#options;
    const startedMs = clock.monotonic();
    const result = await attempt(this.#attempt, batch, abort);
    const tookMs = clock.monotonic() - startedMs;
    this.#metrics.requestSeconds.observe(tookMs / 1000);
    if (result.status === 'retry' && result.unsent) this.#options.throttle?.giveBack(batch);
    if (!abort.aborted) this.#health.attempted(result);
    this.#gate.leave(pass, abort.aborted ? undefined : result, tookMs, batch.bytes);
    return result;
  }

  /** Waits before the next attempt, or says why there is none. */
  async #waitAfter(refusal: Retry, tries: number, startedMs: number, abort: AbortSignal): Promise<Dropped | undefined> {
    const { random, settings } = this.#options;
    if (!settings.retry_on_failure.enabled) return dropped('send_failed', refusal);
    if (this.#gate.state !== 'closed') return undefined;
    const waitMs = backoffMs(this.#backoff, tries, random, refusal.afterMs);
    if (waitMs > this.#patienceLeftMs(startedMs)) return this.#exhausted(refusal);
    this.#options.log.warn('The upstream cannot take data now; it is kept and sent again.', {
      exporter: this.#options.id,
      signal: this.#options.signal,
      reason: refusal.reason.message,
      waitMs: Math.round(waitMs),
    });
    await this.#pause(waitMs, abort);
    return abort.aborted ? shutdown(refusal) : undefined;
  }

  /** Waits; when the drain begins meanwhile, only the short while that draining allows. */
  async #pause(waitMs: number, abort: AbortSignal): Promise<void> {
    const draining = this.#draining.signal;
    if (!draining.aborted) await this.#gate.pause(waitMs, AbortSignal.any([abort, draining]));
    if (draining.aborted) await this.#gate.pause(Math.min(waitMs, DRAIN_WAIT_MS * this.#options.random()), abort);
  }

  #patienceLeftMs(startedMs: number): number {
    const { enabled, max_elapsed_time: patienceMs } = this.#options.settings.retry_on_failure;
    if (!enabled || patienceMs === 0) return Number.POSITIVE_INFINITY;
    return startedMs + patienceMs - this.#options.clock.monotonic();
  }

  #notAdmitted(abort: AbortSignal): Dropped {
    const refusal = this.#gate.refusal ?? WAITING;
    return abort.aborted ? shutdown(refusal) : this.#exhausted(refusal);
  }

  /** Nobody waits for it any more: another request may have the pass. */
  #abandoned({ batch }: Parcel, pass: Pass): Dropped {
    const refusal = this.#gate.refusal ?? WAITING;
    this.#options.throttle?.giveBack(batch);
    this.#gate.leave(pass, undefined);
    return dropped('abandoned', refusal);
  }

  #exhausted(refusal: Retry): Dropped {
    const { max_elapsed_time: patienceMs } = this.#options.settings.retry_on_failure;
    const message = `The upstream did not take the data within ${patienceMs} ms: ${refusal.reason.message}`;
    const reason = new RemoraError('retry_exhausted', message, { cause: refusal.reason });
    return dropped('retry_exhausted', { ...refusal, reason });
  }
}

/** Of the first interval between probes, where retry_on_failure says less: 0 would be a loop. */
const LEAST_OPEN_MS = 50;

/** None for a sender without a queue: there the callers are the concurrency. */
function adaptiveLimit({ clock, settings }: SenderOptions): AdaptiveLimit | undefined {
  const { enabled, initial, min, latency_tolerance: tolerance } = settings.adaptive_concurrency;
  const { enabled: queued, num_consumers: max } = settings.sending_queue;
  if (!enabled || !queued || max === 1) return undefined;
  return new AdaptiveLimit({ clock, initial: Math.min(initial, max), min: Math.min(min, max), max, tolerance });
}

function openGate(
  { clock, random, settings }: SenderOptions,
  { backoff, limit }: Pick<UpstreamGateOptions, 'backoff' | 'limit'>,
  onCircuit: UpstreamGateOptions['onCircuit'],
): UpstreamGate {
  const { enabled, failure_threshold, max_open = backoff.maxMs } = settings.circuit_breaker;
  return new UpstreamGate({
    clock,
    random,
    failureThreshold: enabled && settings.retry_on_failure.enabled ? failure_threshold : Number.POSITIVE_INFINITY,
    backoff: {
      ...backoff,
      initialMs: Math.max(LEAST_OPEN_MS, backoff.initialMs),
      maxMs: Math.max(LEAST_OPEN_MS, max_open),
    },
    limit,
    onCircuit,
  });
}

/** For who leaves the line before anything was answered. */
const WAITING = retry(new RemoraError('upstream_unavailable', 'The upstream was not asked.'));

function deliveredAs(batch: Batch, rejectedItems: number, message: string | undefined): Outcome {
  if (rejectedItems === 0 && message === undefined) return DELIVERED;
  return { status: 'delivered', rejectedItems: Math.min(Math.max(0, rejectedItems), batch.items), message };
}

function dropped(cause: Dropped['cause'], { reason, afterMs }: Retry): Dropped {
  return afterMs === undefined ? { status: 'dropped', cause, reason } : { status: 'dropped', cause, reason, afterMs };
}

function shutdown(last: { readonly reason: Error }): Dropped {
  return { status: 'dropped', cause: 'shutdown', reason: last.reason };
}
