import { joinBatches, type Batch } from '../core/batch.ts';
import { sleep, type Clock, type Timer } from '../core/clock.ts';
import type { Processor, ProcessorContext } from '../core/component.ts';
import { codeOf, asError, RemoraError } from '../core/errors.ts';
import type { Count, Distribution } from '../core/meter.ts';
import { jittered, type Random } from '../core/random.ts';
import { backoffMs } from '../core/retry.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../core/verdict.ts';
import { splitBatch } from '../otlp/split.ts';
import { shareOut } from './share-out.ts';

export interface BatcherSettings {
  readonly send_batch_size: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly send_batch_max_size: number;
  readonly sizer: 'items' | 'bytes';
  readonly flush_jitter: number;
}

export interface BatcherMetrics {
  readonly size: Distribution;
  readonly bytes: Distribution;
  readonly bySize: Count;
  readonly byTimeout: Count;
}

/** A caller of `consume`. While it waits its batch is its own. */
interface Waiter {
  readonly batch: Batch;
  readonly size: number;
  readonly abort: AbortSignal;
  readonly order: number;
  readonly dueMs: number;
  settle(verdict: Verdict): void;
}

const BACKOFF = { initialMs: 1000, maxMs: 30_000, multiplier: 1.5 };
/** While stopping, what is owned is offered at least this often. */
const STOPPING_BACKOFF_MS = 500;

/**
 * Gathers the batches of many callers into one request and tells each caller what became of it.
 *
 *   consume ──> waiting: [a b c] ── size or time ──> a+b+c ──> next     one request at a time
 *                                                      └ verdict ──> a, b, c
 *
 * Invariants:
 * - A waiting batch belongs to its caller: an abort takes it out again and answers `retry`. Once it is being sent it
 *   stays until the verdict; the send itself is aborted when every caller in it has aborted.
 * - Callers are never cut apart to fill a request up: a request is whole callers, up to send_batch_max_size. Only a
 *   batch that is larger than that alone goes out in pieces.
 * - Of a batch in pieces, when one is accepted and a later one is not, the rest is ours (`held`): the caller is answered
 *   `accepted`, and the rest is offered until taken, or dropped and counted when the stop deadline fires. Meanwhile nothing else is
 *   sent, so what is owned is never more than one caller's batch.
 * - One request is under way at a time: while the next consumer is slow, callers wait.
 */
export class Batcher implements Processor {
  readonly #settings: BatcherSettings;
  readonly #context: Pick<ProcessorContext, 'next' | 'account'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metrics: BatcherMetrics;
  #waiting: Waiter[] = [];
  #waitingSize = 0;
  #order = 0;
  #isFirst = true;
  /** Everything up to this order has waited long enough. */
  #dueOrder = -1;
  #timer: Timer | undefined;
  /** The caller whose age the timer watches. */
  #timerOrder = -1;
  #running: Promise<void> | undefined;
  #heldItems = 0;
  #draining = false;
  readonly #stopping = new AbortController();
  readonly #deadline = new AbortController();

  constructor(
    settings: BatcherSettings,
    context: Pick<ProcessorContext, 'next' | 'account' | 'clock' | 'random'>,
    metrics: BatcherMetrics,
  ) {
    this.#settings = settings;
    this.#context = context;
    this.#clock = context.clock;
    this.#random = context.random;
    this.#metrics = metrics;
    context.account.held = () => this.#heldItems;
  }

  consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    if (this.#stopping.signal.aborted) return Promise.resolve(shuttingDown());
    if (abort.aborted) return Promise.resolve(retry(asError(abort.reason)));
    return new Promise((resolve) => {
      const onAbort = (): void => this.#withdraw(waiter);
      const waiter: Waiter = {
        batch,
        size: this.#sizeOf(batch),
        abort,
        order: this.#order++,
        dueMs: this.#clock.monotonic() + this.#flushAfterMs(),
        settle: (verdict) => {
          abort.removeEventListener('abort', onAbort);
          resolve(verdict);
        },
      };
      abort.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#waitingSize += waiter.size;
      this.#advance();
    });
  }

  /** Callers wait for their verdict, and the receivers' stop for the callers: nothing waits for more from now on. */
  drain(): void {
    this.#draining = true;
    this.#advance();
  }

  async stop(deadline: AbortSignal): Promise<void> {
    const onDeadline = (): void => this.#deadline.abort(deadline.reason);
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline, { once: true });
    this.#stopping.abort();
    this.#advance();
    await this.#running;
    deadline.removeEventListener('abort', onDeadline);
  }

  #flushAfterMs(): number {
    const { timeout, flush_jitter } = this.#settings;
    const afterMs = jittered(timeout, flush_jitter, this.#random);
    if (!this.#isFirst || flush_jitter === 0) return afterMs;
    this.#isFirst = false;
    // Instances that start in the same instant would flush in step for a long time.
    return afterMs * this.#random();
  }

  /** Sends if there is reason to, otherwise sees to it that the clock will be one. */
  #advance(): void {
    if (this.#running !== undefined) return;
    const first = this.#waiting[0];
    if (this.#timer !== undefined && first?.order === this.#timerOrder && !this.#isReady(first)) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (first === undefined) return;
    if (this.#isReady(first)) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        this.#advance();
      });
      return;
    }
    this.#timerOrder = first.order;
    this.#timer = this.#clock.timer(Math.max(0, first.dueMs - this.#clock.monotonic()), () => {
      this.#dueOrder = this.#order - 1;
      this.#advance();
    });
  }

  #isReady(first: Waiter): boolean {
    return this.#isFull() || first.order <= this.#dueOrder || this.#settings.timeout === 0 || this.#isEnding();
  }

  #isFull(): boolean {
    return this.#settings.send_batch_size > 0 && this.#waitingSize >= this.#settings.send_batch_size;
  }

  #isEnding(): boolean {
    return this.#draining || this.#isStopping();
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    for (let first = this.#waiting[0]; first !== undefined && this.#isReady(first); first = this.#waiting[0]) {
      (this.#isFull() ? this.#metrics.bySize : this.#metrics.byTimeout).value += 1;
      await this.#send(this.#take());
    }
  }

  /** As many whole callers as fit one request, at least one. */
  #take(): Waiter[] {
    const max = this.#settings.send_batch_max_size;
    let size = 0;
    let count = 0;
    for (const waiter of this.#waiting) {
      if (count > 0 && max > 0 && size + waiter.size > max) break;
      size += waiter.size;
      count += 1;
    }
    this.#waitingSize -= size;
    return this.#waiting.splice(0, count);
  }

  #withdraw(waiter: Waiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#waitingSize -= waiter.size;
    waiter.settle(retry(asError(waiter.abort.reason)));
    this.#advance();
  }

  async #send(group: readonly Waiter[]): Promise<void> {
    const [first] = group;
    if (first === undefined) return;
    const max = this.#settings.send_batch_max_size;
    if (max > 0 && first.size > max) {
      await this.#sendInPieces(first, max);
      return;
    }
    const verdict = await this.#offer(joinBatches(group.map(({ batch }) => batch)), group);
    if (verdict.status === 'rejected' && group.length > 1) {
      // One bad batch must not take the others with it, and together they may be too large for the queue.
      for (const waiter of group) waiter.settle(await this.#offer(waiter.batch, [waiter]));
      return;
    }
    settleAll(group, verdict);
  }

  /** Aborts when all of `callers` have; for what is owned there are none, and only the stop deadline ends the wait. */
  async #offer(batch: Batch, callers: readonly Waiter[]): Promise<Verdict> {
    if (this.#deadline.signal.aborted) return shuttingDown();
    const send = new AbortController();
    const onDeadline = (): void => send.abort(this.#deadline.signal.reason);
    const onAbort = (): void => {
      if (callers.every(({ abort }) => abort.aborted)) send.abort(callers[0]?.abort.reason);
    };
    this.#deadline.signal.addEventListener('abort', onDeadline);
    for (const { abort } of callers) abort.addEventListener('abort', onAbort);
    try {
      if (callers.length > 0) onAbort();
      if (send.signal.aborted) return retry(asError(send.signal.reason));
      const verdict = await this.#context.next.consume(batch, send.signal);
      if (verdict.status === 'accepted') this.#observe(batch);
      return verdict;
    } catch (error) {
      return rejected(asError(error));
    } finally {
      this.#deadline.signal.removeEventListener('abort', onDeadline);
      for (const { abort } of callers) abort.removeEventListener('abort', onAbort);
    }
  }

  #observe(batch: Batch): void {
    this.#metrics.size.observe(batch.items);
    this.#metrics.bytes.observe(batch.bytes);
  }

  async #sendInPieces(waiter: Waiter, max: number): Promise<void> {
    const pieces = trySplit(waiter.batch, this.#settings.sizer, max);
    if (pieces instanceof Error) {
      waiter.settle(rejected(pieces));
      return;
    }
    const outcome = new PiecesOutcome();
    for (const [index, piece] of pieces.entries()) {
      const verdict = await this.#offer(piece, [waiter]);
      if (verdict.status === 'retry' && !outcome.isTaken) {
        waiter.settle(verdict);
        return;
      }
      if (verdict.status === 'retry') {
        const rest = pieces.slice(index);
        for (const { items } of rest) this.#heldItems += items;
        this.#answer(waiter, outcome);
        await this.#deliver(rest, verdict.afterMs);
        return;
      }
      outcome.add(piece, verdict);
    }
    this.#answer(waiter, outcome);
  }

  /** Settles a batch of which no piece said `retry` while it was still the caller's; books what was refused of it. */
  #answer(waiter: Waiter, outcome: PiecesOutcome): void {
    if (outcome.isTaken) {
      for (const { items, reason } of outcome.refused) this.#context.account.reject(codeOf(reason), items);
    }
    waiter.settle(outcome.verdict());
  }

  /** Offers pieces that are ours until they are taken or refused for good, or the stop deadline fires. */
  async #deliver(pieces: readonly Batch[], askedMs: number | undefined): Promise<void> {
    let waitMs = backoffMs(BACKOFF, 1, this.#random, askedMs);
    for (const piece of pieces) {
      for (let attempt = 2; ; attempt++) {
        if (waitMs > 0) await this.#pause(waitMs);
        const verdict = await this.#offer(piece, []);
        if (verdict.status === 'retry' && !this.#deadline.signal.aborted) {
          waitMs = backoffMs(BACKOFF, attempt, this.#random, verdict.afterMs);
          continue;
        }
        waitMs = 0;
        if (verdict.status === 'retry') this.#context.account.drop('shutdown', piece.items);
        if (verdict.status === 'rejected') this.#context.account.reject(codeOf(verdict.reason), piece.items);
        this.#heldItems -= piece.items;
        break;
      }
    }
  }

  async #pause(waitMs: number): Promise<void> {
    if (this.#isStopping()) await sleep(this.#clock, Math.min(waitMs, STOPPING_BACKOFF_MS), this.#deadline.signal);
    else await sleep(this.#clock, waitMs, this.#stopping.signal);
  }

  #sizeOf(batch: Batch): number {
    return this.#settings.sizer === 'items' ? batch.items : batch.bytes;
  }
}

/** What became of a batch that went out in pieces. */
class PiecesOutcome {
  isTaken = false;
  readonly refused: { readonly items: number; readonly reason: Error }[] = [];
  #rejectedItems = 0;
  #message: string | undefined;

  add(piece: Batch, verdict: Exclude<Verdict, { status: 'retry' }>): void {
    if (verdict.status === 'rejected') {
      this.refused.push({ items: piece.items, reason: verdict.reason });
      this.#message ??= verdict.reason.message;
    } else {
      this.isTaken = true;
      this.#rejectedItems += verdict.rejectedItems;
      this.#message ??= verdict.message;
    }
  }

  verdict(): Verdict {
    const [first] = this.refused;
    if (!this.isTaken && first !== undefined) return rejected(first.reason);
    let rejectedItems = this.#rejectedItems;
    for (const { items } of this.refused) rejectedItems += items;
    if (rejectedItems === 0 && this.#message === undefined) return ACCEPTED;
    return acceptedPartly(rejectedItems, this.#message ?? '');
  }
}

function settleAll(group: readonly Waiter[], verdict: Verdict): void {
  if (verdict.status !== 'accepted' || verdict.rejectedItems === 0 || group.length === 1) {
    for (const waiter of group) waiter.settle(verdict);
    return;
  }
  const shares = shareOut(
    verdict.rejectedItems,
    group.map(({ batch }) => batch.items),
  );
  group.forEach((waiter, index) => waiter.settle(acceptedPartly(shares[index] ?? 0, verdict.message ?? '')));
}

function trySplit(batch: Batch, sizer: 'items' | 'bytes', max: number): Batch[] | Error {
  try {
    return splitBatch(batch, { sizer, max });
  } catch (error) {
    return asError(error);
  }
}

function shuttingDown(): Verdict {
  return retry(new RemoraError('shutting_down', 'The batch processor is stopping.'), 1000);
}
