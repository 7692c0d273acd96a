import type { Batch } from '../../core/batch.ts';
import type { Timer } from '../../core/clock.ts';
import type { Processor, ProcessorContext } from '../../core/component.ts';
import { asError, RemoraError } from '../../core/errors.ts';
import { freeBytes, keepBytes } from '../../core/reuse.ts';
import type { TraceDecisions, TraceFate } from '../../core/trace-decisions.ts';
import { badData } from '../../core/transform.ts';
import { ACCEPTED, retry, type Verdict } from '../../core/verdict.ts';
import { Waiters } from '../../core/waiters.ts';
import type { TraceBasedConfig } from './config.ts';
import { HeldLogs, LOG_NUMBERS } from './held-logs.ts';
import type { CoherenceMetrics, Reason } from './metrics.ts';
import { Orphans } from './orphans.ts';
import { Outbox } from './outbox.ts';
import { Sorter, type Sorted } from './sorter.ts';

/** Where the sampler does not say how long it takes: the default decision_wait. */
const DECISION_WAIT_MS = 30_000;
/** SDKs gather spans that have ended for 5 s. */
const MARGIN_MS = 5000;

/**
 * Lets logs follow the decision of their trace.
 *
 *   consume ──► decided: kept ──────────────────────────────────────────► next, in the same call
 *       │       decided: dropped
 *       └─────► not decided ──► held ──► decision, or end of the wait ──► ready ──► outbox ──► next
 *
 * Invariants:
 * - A batch is the caller's until the part of it that goes on at once was accepted; only then is anything of it held or
 *   counted. Room for what is to be held is reserved before.
 * - Whether a trace is decided is asked again when its logs come to be held, and whenever a log could wait no longer, so
 *   that no decision is missed that came in between.
 * - `stop` waits for batches of which a part is passed on, since another part comes to be held then. What comes to be held
 *   after its deadline is dropped and booked; nothing is offered any more.
 * - Logs wait equally long for the first span of their trace: one timer, for the first of them. Once one of its spans is
 *   held by the sampler a decision is sure to come, and its logs wait for that.
 */
export class TraceFollower implements Processor {
  readonly #settings: TraceBasedConfig;
  readonly #context: ProcessorContext;
  readonly #metrics: CoherenceMetrics;
  readonly #held: HeldLogs;
  readonly #orphans: Orphans;
  readonly #outbox: Outbox;
  readonly #sorter: Sorter;
  readonly #room = new Waiters();
  readonly #traceId = new Uint8Array(16);
  #samplers: readonly TraceDecisions[] = [];
  #waitMs = DECISION_WAIT_MS + MARGIN_MS;
  #timer: Timer | undefined;
  #stopping = false;
  /** Batches of which one part is passed on, and another waits to be held. */
  #passing = 0;
  /** How many there were. */
  #decisions = 0;

  constructor(settings: TraceBasedConfig, context: ProcessorContext, metrics: CoherenceMetrics) {
    const { clock, random } = context;
    const seed = (): number => Math.floor(random() * 2 ** 32);
    this.#settings = settings;
    this.#context = context;
    this.#metrics = metrics;
    this.#held = new HeldLogs(settings.max_bytes, seed(), (arrivedMs) =>
      metrics.waitSeconds.observe((clock.monotonic() - arrivedMs) / 1000),
    );
    this.#orphans = new Orphans(seed());
    this.#outbox = new Outbox({ context, held: this.#held, onProgress: () => this.#room.wakeAll() });
    this.#sorter = new Sorter({
      fateOf: (bytes, at) => this.#fateOf(bytes, at),
      withoutTrace: settings.without_trace,
      keepSeverity: settings.keep_severity,
    });
    metrics.watch(this.#held, this.#orphans);
    context.account.held = () => this.#held.items;
  }

  start(): Promise<void> {
    this.#samplers = this.#context.decisions.find(this.#settings.follow);
    const takesMs = Math.max(...this.#samplers.map(({ decisionWaitMs }) => decisionWaitMs ?? DECISION_WAIT_MS), 0);
    this.#waitMs = this.#settings.wait ?? takesMs + MARGIN_MS;
    for (const sampler of this.#samplers) {
      sampler.onDecision((bytes, at, kept) => this.#onDecision(bytes, at, kept));
    }
    return Promise.resolve();
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    if (this.#stopping) return shuttingDown();
    try {
      const sorted = this.#sort(batch);
      const verdict = await (sorted.heldLogs === 0 ? this.#pass(sorted, abort) : this.#passAndHold(sorted, abort));
      // Nobody else was given its bytes, and what is held of it is a copy.
      if (verdict.status === 'accepted' && sorted.batch === undefined) freeBytes(batch);
      return verdict;
    } catch (error) {
      return badData(error);
    }
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#room.wakeAll();
    for (const sampler of this.#samplers) sampler.decidePending?.();
    while (this.#held.waiting > 0) this.#endWait('shutdown');
    this.#outbox.hurry(deadline);
    while (this.#passing > 0 && !deadline.aborted) await this.#room.wait(deadline);
    await this.#outbox.finish();
  }

  /** In one pipeline kept is kept; it is pending while it may still be. */
  #fateOf(bytes: Uint8Array, at: number): TraceFate {
    let fate: TraceFate = 'unknown';
    for (const sampler of this.#samplers) {
      const one = sampler.fateOf(bytes, at);
      if (one === 'kept') return one;
      if (one === 'pending' || fate === 'unknown') fate = one;
    }
    return fate;
  }

  #onDecision(bytes: Uint8Array, at: number, kept: boolean): void {
    this.#decisions += 1;
    // Where it was dropped in one pipeline it may be kept in another.
    const fate = kept ? 'kept' : this.#fateOf(bytes, at);
    if (fate === 'pending') return;
    this.#settle(bytes, at, fate === 'kept');
  }

  /** The trace was decided: so are the logs that wait for it. */
  #settle(bytes: Uint8Array, at: number, kept: boolean): void {
    this.#orphans.decided(bytes, at, kept);
    const logs = this.#held.decide(bytes, at, kept);
    if (logs > 0) this.#book(bytes, at, { kept, reason: 'trace', logs });
  }

  /** Of logs that waited. */
  #book(bytes: Uint8Array, at: number, { kept, reason, logs }: { kept: boolean; reason: Reason; logs: number }): void {
    this.#orphans.book(bytes, at, kept, logs);
    this.#metrics.count(kept, reason, logs);
    if (kept) this.#outbox.kick();
    else {
      this.#context.account.drop(reason === 'trace' ? 'sampling' : 'undecided', logs);
      this.#room.wakeAll();
    }
  }

  /** The first log waits no longer, unless the wait is over and the decision is to come yet. */
  #endWait(reason: 'wait' | 'full' | 'shutdown'): void {
    const id = this.#traceId;
    this.#held.copyFirstTrace(id);
    const fate = this.#fateOf(id, 0);
    if (fate === 'kept' || fate === 'dropped') {
      this.#settle(id, 0, fate === 'kept');
      return;
    }
    if (fate === 'pending' && reason === 'wait') {
      this.#held.postponeFirst(this.#context.clock.monotonic());
      return;
    }
    const kept = this.#settings.undecided === 'keep';
    this.#held.decideFirst(kept);
    this.#book(id, 0, { kept, reason, logs: 1 });
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#held.waiting === 0 || this.#stopping) return;
    const dueMs = this.#held.firstSinceMs + this.#waitMs;
    this.#timer = this.#context.clock.timer(Math.max(0, dueMs - this.#context.clock.monotonic()), () => {
      this.#timer = undefined;
      const sinceMs = this.#context.clock.monotonic() - this.#waitMs;
      while (this.#held.firstSinceMs <= sinceMs) this.#endWait('wait');
      this.#arm();
    });
  }

  /** Of a batch that could never be held as a whole nothing is. */
  #sort(batch: Batch): Sorted {
    let sorted = this.#sorter.sort(batch);
    if (!this.#held.fitsAlone(sorted.heldLogs, sorted.heldBytes)) {
      sorted = this.#sorter.sort(batch, this.#settings.undecided);
    }
    // The ids of decided traces are read from it once more, after it has gone on.
    if (sorted.batch === batch && sorted.decided.length > 0) keepBytes(batch);
    return sorted;
  }

  #tryReserve({ heldLogs, heldBytes }: Sorted): boolean {
    if (!this.#held.fits(heldLogs, heldBytes)) return false;
    this.#held.reserve(heldLogs, heldBytes);
    return true;
  }

  /**
   * Ends the wait of the oldest until there is room, or will be once they have left, and reserves it. Answers why there
   * is none.
   */
  async #makeRoom(sorted: Sorted, abort: AbortSignal): Promise<Verdict | undefined> {
    while (!this.#tryReserve(sorted)) {
      if (this.#stopping) return shuttingDown();
      while (this.#held.waiting > 0 && !this.#held.fitsSoon(sorted.heldLogs, sorted.heldBytes)) this.#endWait('full');
      if (this.#tryReserve(sorted)) return undefined;
      const { refusal } = this.#outbox;
      if (refusal !== undefined) return refusal;
      if (abort.aborted) return retry(asError(abort.reason));
      await this.#room.wait(abort);
    }
    return undefined;
  }

  /** Passes on what goes on at once, and books what became of the batch when that was accepted. */
  async #pass(sorted: Sorted, abort: AbortSignal): Promise<Verdict> {
    const verdict = sorted.batch === undefined ? ACCEPTED : await this.#context.next.consume(sorted.batch, abort);
    if (verdict.status === 'accepted') this.#bookSorted(sorted);
    return verdict;
  }

  async #passAndHold(sorted: Sorted, abort: AbortSignal): Promise<Verdict> {
    const decisions = this.#decisions;
    const refusal = this.#tryReserve(sorted) ? undefined : await this.#makeRoom(sorted, abort);
    if (refusal !== undefined) return refusal;
    this.#passing += 1;
    try {
      const verdict = await this.#passReserved(sorted, abort);
      if (verdict.status === 'accepted') {
        this.#hold(sorted);
        if (decisions !== this.#decisions) this.#catchUp(sorted);
      }
      return verdict;
    } finally {
      this.#passing -= 1;
      this.#room.wakeAll();
    }
  }

  async #passReserved(sorted: Sorted, abort: AbortSignal): Promise<Verdict> {
    try {
      return await this.#pass(sorted, abort);
    } finally {
      this.#held.unreserve(sorted.heldLogs, sorted.heldBytes);
    }
  }

  #hold({ held, heldLogs }: Sorted): void {
    const nowMs = this.#context.clock.monotonic();
    this.#metrics.waited.value += heldLogs;
    for (const run of held) this.#held.hold(run, nowMs);
    while (this.#stopping && this.#held.waiting > 0) this.#endWait('shutdown');
    this.#arm();
  }

  /** Traces were decided since the batch was looked at, perhaps its own. */
  #catchUp({ held }: Sorted): void {
    for (const { bytes, logs } of held) {
      for (let i = 2; i < logs.length; i += LOG_NUMBERS) {
        const fate = this.#fateOf(bytes, logs[i] ?? 0);
        if (fate === 'kept' || fate === 'dropped') this.#settle(bytes, logs[i] ?? 0, fate === 'kept');
      }
    }
  }

  #bookSorted({ severity, withoutTrace, kept, dropped, undecided, decided }: Sorted): void {
    const keepsPlain = this.#settings.without_trace === 'keep';
    const keepsUndecided = this.#settings.undecided === 'keep';
    this.#metrics.count(true, 'severity', severity);
    this.#metrics.count(keepsPlain, 'without_trace', withoutTrace);
    this.#metrics.count(true, 'trace', kept);
    this.#metrics.count(false, 'trace', dropped);
    this.#metrics.count(keepsUndecided, 'full', undecided);
    this.#context.account.drop('sampling', dropped + (keepsPlain ? 0 : withoutTrace));
    this.#context.account.drop('undecided', keepsUndecided ? 0 : undecided);
    for (const run of decided) {
      for (const at of run.kept) this.#orphans.book(run.bytes, at, true, 1);
      for (const at of run.dropped) this.#orphans.book(run.bytes, at, false, 1);
    }
  }
}

function shuttingDown(): Verdict {
  return retry(new RemoraError('shutting_down', 'The trace-based sampler is stopping.'), 1000);
}
