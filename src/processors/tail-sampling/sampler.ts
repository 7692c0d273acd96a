import type { Batch } from '../../core/batch.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Processor, ProcessorContext, Reservation } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import { freeBytes } from '../../core/reuse.ts';
import { badData } from '../../core/transform.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../core/verdict.ts';
import { STEP_BYTES } from './block-store.ts';
import { Decider } from './decider.ts';
import { Decisions } from './decisions.ts';
import { Intake } from './intake.ts';
import { meterPolicies, meterState, TailCounts, type EarlyCause } from './metrics.ts';
import { Outbox } from './outbox.ts';
import type { Policies } from './policy.ts';
import { SampledBooks } from './sampled-books.ts';
import type { SpansAround } from './span-scan.ts';
import { SpanBuffer, spanBytesAtMost } from './span-buffer.ts';
import { TraceTable } from './trace-table.ts';

export interface TailSamplerSettings {
  readonly decisionWaitMs: number;
  /** 0: a root changes nothing. */
  readonly afterRootMs: number;
  readonly numTraces: number;
  readonly maxBytes: number;
  /** 0: no trace is too large. */
  readonly maxTraceBytes: number;
  readonly keptDecisions: number;
  readonly droppedDecisions: number;
  readonly blockOnOverflow: boolean;
  readonly dropPendingOnShutdown: boolean;
  readonly recordThreshold: boolean;
}

/** Decisions of one turn of the event loop; the others follow in the next. */
const TURN_TRACES = 1000;
/** Traces that fall due within so much of each other are decided together: a hundredth of the wait, at most this. */
const MAX_TICK_MS = 250;
/** Room is made in steps of this share of max_bytes, so that what leaves early leaves in requests of some size. */
const ROOM_SHARE = 1 / 64;
const FULL_RETRY_MS = 1000;

/**
 * Tail sampling of a sidecar's own part of each trace.
 *
 *   consume ─► intake ─► table + buffer ── wait over, or no room ──► decider ─► outbox ─► next
 *                │ late                                                 └► decisions: late spans, followers
 *                └──────────────── as was decided ──────────────────────────► outbox or dropped
 *
 * Invariants:
 * - Each span that was accepted is in the buffer, in the request on offer, was taken by the next consumer, or was dropped
 *   and booked. All or nothing of a trace goes on, unless it was decided before its last span came.
 * - Memory of the table, of the buffer and of what is on its way out is at most `maxBytes`.
 * - One timer, set for the trace whose wait is over first.
 */
export class TailSampler implements Processor {
  readonly decisions: Decisions;
  readonly #settings: TailSamplerSettings;
  /** For what is used: the last step of memory may be free yet. */
  readonly #limitBytes: number;
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #table: TraceTable;
  readonly #buffer = new SpanBuffer();
  readonly #outbox: Outbox;
  readonly #decider: Decider;
  readonly #intake: Intake;
  readonly #counts: TailCounts;
  /** Promised to reservations that were not committed yet. */
  #reservedBytes = 0;
  /** Of the request that is being taken, with the level of the buffer at which all of it is in. */
  #fullBytes = 0;
  #timer: Timer | undefined;
  #timerDueMs = Infinity;
  #stopped: Promise<void> | undefined;

  constructor(settings: TailSamplerSettings, policies: Policies, context: ProcessorContext) {
    this.#settings = settings;
    this.#limitBytes = settings.maxBytes - STEP_BYTES;
    this.#clock = context.clock;
    const shortestMs = Math.min(settings.decisionWaitMs, settings.afterRootMs || Infinity);
    this.#tickMs = Math.max(1, Math.min(MAX_TICK_MS, shortestMs / 100));
    const seed = Math.floor(context.random() * 2 ** 32);
    this.#table = new TraceTable(policies.conditions.length, seed);
    this.#outbox = new Outbox(context, this.#buffer, settings.recordThreshold);
    this.#counts = new TailCounts(context);
    this.decisions = new Decisions({
      keptLimit: settings.keptDecisions,
      droppedLimit: settings.droppedDecisions,
      seed,
      waitMs: settings.decisionWaitMs,
      pending: this.#table.ids,
      decidePending: () => this.#endPending(),
    });
    const shared = {
      table: this.#table,
      buffer: this.#buffer,
      outbox: this.#outbox,
      decisions: this.decisions,
      counts: this.#counts,
      books: new SampledBooks(context),
      account: context.account,
    };
    this.#decider = new Decider({ ...shared, policies, clock: context.clock });
    this.#intake = new Intake({
      ...shared,
      conditions: policies.conditions,
      decider: this.#decider,
      watchesRoots: settings.afterRootMs > 0,
      maxTraceBytes: settings.maxTraceBytes,
      recordsThreshold: settings.recordThreshold,
      makeSlot: () => this.#makeSlot(),
    });
    context.account.held = () => this.#decider.spans + this.#outbox.spans;
    meterPolicies(context, policies);
    meterState(context, this.#state());
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    for (;;) {
      const reservation = this.tryReserve(batch);
      if (reservation.status === 'reserved') return reservation.commit(abort);
      if (reservation.status === 'rejected' || reservation.room === undefined) return reservation.verdict;
      await reservation.room(abort);
      if (abort.aborted) return reservation.verdict;
    }
  }

  tryReserve(batch: Batch): Reservation {
    if (this.#stopped !== undefined) return { status: 'retry', verdict: shuttingDown() };
    const bytes = spanBytesAtMost(batch.items, batch.bytes);
    if (this.#isTooLarge(bytes)) return { status: 'rejected', verdict: tooLarge(batch) };
    if (!this.#hasRoom(bytes)) {
      const unfit = this.#unfit(batch, bytes);
      if (unfit !== undefined) return { status: 'rejected', verdict: unfit };
      if (!this.#tryMakeRoom(bytes)) return this.#noRoom();
    }
    this.#reservedBytes += bytes;
    return {
      status: 'reserved',
      commit: () => {
        this.#reservedBytes -= bytes;
        return this.#take(batch, bytes);
      },
      cancel: () => void (this.#reservedBytes -= bytes),
    };
  }

  /** Decides what is pending, or drops it, and sends on what is to be kept. */
  stop(deadline: AbortSignal): Promise<void> {
    this.#stopped ??= this.#finish(deadline);
    return this.#stopped;
  }

  async #finish(deadline: AbortSignal): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#endPending();
    await this.#outbox.finish(deadline);
  }

  /** `bytes` are at most those of the spans and the text around them. */
  #take(batch: Batch, bytes: number): Verdict {
    try {
      const roomFor = ({ textBytes, objectBytes }: SpansAround): Verdict | undefined =>
        this.#refusal(batch, bytes - textBytes, textBytes + objectBytes);
      const refusal = this.#intake.take(batch, this.#clock.monotonic(), roomFor);
      if (refusal !== undefined) return refusal;
    } catch (error) {
      return badData(error);
    } finally {
      this.#fullBytes = 0;
    }
    freeBytes(batch);
    this.#outbox.pump();
    if (this.#memoryBytes > this.#settings.maxBytes) this.#buffer.trim();
    this.#arm();
    return ACCEPTED;
  }

  // Room.

  /** With so many bytes more of spans. */
  #bytesWith(spanBytes: number): number {
    return this.#table.bytes + this.#outbox.bytes + this.#buffer.bytesWith(spanBytes + this.#reservedBytes);
  }

  get #memoryBytes(): number {
    return this.#table.bytes + this.#outbox.bytes + this.#buffer.allocatedBytes;
  }

  #hasRoom(spanBytes: number): boolean {
    const { numTraces, blockOnOverflow } = this.#settings;
    return this.#bytesWith(spanBytes) <= this.#limitBytes && !(blockOnOverflow && this.#table.size >= numTraces);
  }

  /** Also with nothing else in the buffer. */
  #isTooLarge(bytes: number): boolean {
    return bytes + this.#table.leastBytes(this.#mostTraces) > this.#limitBytes;
  }

  /** Why a request would never be taken, whatever made room for it. */
  #unfit(batch: Batch, bytes: number): Verdict | undefined {
    try {
      return this.#isTooLarge(bytes + this.#intake.look(batch).objectBytes) ? tooLarge(batch) : undefined;
    } catch (error) {
      return badData(error);
    }
  }

  /** Undefined when there is room, now that it is known what surrounds the spans. */
  #refusal(batch: Batch, spanBytes: number, headerBytes: number): Verdict | undefined {
    if (this.#isTooLarge(spanBytes + headerBytes)) return tooLarge(batch);
    if (!this.#tryMakeRoom(spanBytes, headerBytes)) return this.#full();
    this.#fullBytes = this.#buffer.usedBytes + spanBytes + headerBytes;
    return undefined;
  }

  /** The oldest traces make room; not while the next consumer pushes back, because what they keep would stay here. */
  #tryMakeRoom(spanBytes: number, headerBytes = 0): boolean {
    const { numTraces, blockOnOverflow } = this.#settings;
    if (blockOnOverflow && this.#table.size >= numTraces) return false;
    for (;;) {
      const missing = this.#bytesWith(spanBytes) + headerBytes - this.#limitBytes;
      if (missing <= 0) return true;
      if (this.#shrink()) continue;
      if (this.#outbox.isPushedBack || this.#outbox.isWaiting) return false;
      const sent = this.#outbox.spans;
      this.#outbox.pump();
      if (this.#outbox.spans < sent) continue;
      if (blockOnOverflow || this.#table.size === 0) return false;
      this.#decideOldest(Math.max(missing, this.#limitBytes * ROOM_SHARE));
    }
  }

  #shrink(): boolean {
    if (!this.#table.shrink(this.#mostTraces)) return false;
    this.#decider.renumbered();
    return true;
  }

  #decideOldest(bytes: number): void {
    const table = this.#table;
    for (let left = bytes; left > 0 && table.size > 0;) {
      const slot = table.arrived.first;
      left -= spanBytesAtMost(table.spans(slot), table.spanBytes(slot));
      this.#decider.decide(slot, 'max_bytes');
    }
  }

  get #mostTraces(): number {
    return this.#settings.blockOnOverflow ? MOST_TRACES : this.#settings.numTraces;
  }

  #makeSlot(): void {
    const table = this.#table;
    const limit = this.#mostTraces;
    let cause: EarlyCause = 'num_traces';
    while (!table.hasRoom) {
      if (table.ids.capacity < limit) {
        const comingBytes = Math.max(0, this.#fullBytes - this.#buffer.usedBytes);
        const fits = this.#bytesWith(comingBytes) + table.growthBytes(limit) <= this.#limitBytes;
        if (fits || table.size === 0) {
          table.grow(limit);
          return;
        }
        cause = 'max_bytes';
      }
      this.#decider.decide(table.arrived.first, cause);
    }
  }

  #noRoom(): Reservation {
    const verdict = this.#full();
    if (!this.#outbox.isWaiting) return { status: 'retry', verdict };
    return { status: 'retry', verdict, room: (abort) => this.#outbox.settled(abort) };
  }

  #full(): Verdict {
    return retry(
      new RemoraError('queue_full', 'The buffer of traces is full.'),
      Math.max(1, Math.min(FULL_RETRY_MS, this.#nextDueMs() - this.#clock.monotonic())),
    );
  }

  // Time.

  /** Infinity when no trace is pending. */
  #nextDueMs(): number {
    const { arrived, rooted } = this.#table;
    const { decisionWaitMs, afterRootMs } = this.#settings;
    const arrivedMs = arrived.first < 0 ? Infinity : this.#table.arrivedMs(arrived.first) + decisionWaitMs;
    const rootedMs = rooted.first < 0 ? Infinity : this.#table.rootMs(rooted.first) + afterRootMs;
    return Math.min(arrivedMs, rootedMs);
  }

  #arm(): void {
    const dueMs = this.#nextDueMs();
    if (dueMs >= this.#timerDueMs || this.#stopped !== undefined) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    const atMs = Math.ceil(dueMs / this.#tickMs) * this.#tickMs;
    this.#timer = this.#clock.timer(Math.max(0, atMs - this.#clock.monotonic()), () => this.#turn());
  }

  #turn(): void {
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
    const beganMs = this.#clock.monotonic();
    for (let left = TURN_TRACES; left > 0 && this.#nextDueMs() <= beganMs; left--)
      this.#decider.decide(this.#dueSlot());
    this.#shrink();
    this.#outbox.pump();
    this.#counts.turnMs.observe(this.#clock.monotonic() - beganMs);
    this.#arm();
  }

  /** The one whose wait is over first. */
  #dueSlot(): number {
    const { arrived, rooted } = this.#table;
    const { decisionWaitMs, afterRootMs } = this.#settings;
    if (rooted.first < 0) return arrived.first;
    const rootedMs = this.#table.rootMs(rooted.first) + afterRootMs;
    return rootedMs < this.#table.arrivedMs(arrived.first) + decisionWaitMs ? rooted.first : arrived.first;
  }

  #endPending(): void {
    const { arrived } = this.#table;
    while (arrived.first >= 0) {
      if (this.#settings.dropPendingOnShutdown) this.#decider.drop(arrived.first, 'shutdown');
      else this.#decider.decide(arrived.first, 'shutdown');
    }
    this.#outbox.pump();
  }

  #state() {
    const [table, outbox, decider, decisions] = [this.#table, this.#outbox, this.#decider, this.decisions];
    const memoryBytes = (): number => this.#memoryBytes;
    return {
      get traces() {
        return table.size;
      },
      get spans() {
        return decider.spans;
      },
      get spanBytes() {
        return decider.spanBytes;
      },
      get outboxSpans() {
        return outbox.spans;
      },
      get memoryBytes() {
        return memoryBytes();
      },
      limitBytes: this.#settings.maxBytes,
      get keptDecisions() {
        return decisions.kept;
      },
      get droppedDecisions() {
        return decisions.dropped;
      },
    };
  }
}

const MOST_TRACES = 2 ** 26;

function shuttingDown(): Verdict {
  return retry(new RemoraError('shutting_down', 'The tail sampler is stopping.'), 1000);
}

function tooLarge({ items }: Batch): Verdict {
  const message = `A request of ${items} spans is larger than max_bytes of tail_sampling.`;
  return rejected(new RemoraError('item_too_large', message));
}
