import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { Consumer, ProcessorContext } from '../../core/component.ts';
import { codeOf, asError } from '../../core/errors.ts';
import type { Account } from '../../core/ledger.ts';
import type { Pending } from '../../core/pending.ts';
import type { Random } from '../../core/random.ts';
import { backoffMs } from '../../core/retry.ts';
import { rejected, type Verdict } from '../../core/verdict.ts';
import { Waiters } from '../../core/waiters.ts';
import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import { Assembler } from './assembly.ts';
import type { Chain } from './block-store.ts';
import type { ReadMark, SpanBuffer } from './span-buffer.ts';

/** A trace, or late spans of one, on the way out. */
export interface KeptTrace {
  readonly chain: Chain;
  readonly spans: number;
  /** See PolicyDecision. */
  readonly threshold: Bits56 | undefined;
}

/** A request is closed once it has so many bytes. */
const REQUEST_BYTES = 512 * 1024;
/** Of the objects that tell where its spans are. */
const BYTES_OF_TRACE = 128;
const BACKOFF = { initialMs: 250, maxMs: 5000, multiplier: 1.5 };
/** While stopping, a request is offered at least this often. */
const STOPPING_BACKOFF_MS = 500;

/**
 * What was decided to be kept, in order, until the next consumer has it. Spans stay in the buffer until a request is made
 * of them, so that they count against its bound; one request at a time is offered, again and again while it is answered
 * with `retry`.
 *
 *   traces [ t1 t2 t3 ... ] ── up to 512 KiB ──> request ──> next
 *            └ #mark: spans of t1 that are in a request already
 *
 * Invariant: `spans` is what is held here: in traces, besides those in front of the mark, and in the request.
 */
export class Outbox {
  readonly #buffer: SpanBuffer;
  readonly #assembler: Assembler;
  readonly #next: Consumer;
  readonly #account: Account;
  readonly #clock: Clock;
  readonly #random: Random;
  #traces: KeptTrace[] = [];
  #head = 0;
  #mark: ReadMark | undefined;
  #spans = 0;
  #request: Batch | undefined;
  #attempt = 0;
  /** Somebody else has the request now. */
  #isOffering = false;
  #cancelPause: (() => void) | undefined;
  readonly #settled = new Waiters();
  readonly #abort = new AbortController();
  #isStopping = false;

  constructor(
    context: Pick<ProcessorContext, 'next' | 'account' | 'clock' | 'random'>,
    buffer: SpanBuffer,
    recordThreshold: boolean,
  ) {
    this.#buffer = buffer;
    this.#assembler = new Assembler(buffer, recordThreshold);
    this.#next = context.next;
    this.#account = context.account;
    this.#clock = context.clock;
    this.#random = context.random;
  }

  get spans(): number {
    return this.#spans;
  }

  /** Of the request that is on offer, and of the list of traces; their spans are in the buffer. */
  get bytes(): number {
    return (this.#request?.bytes ?? 0) + (this.#traces.length - this.#head) * BYTES_OF_TRACE;
  }

  get isEmpty(): boolean {
    return this.#spans === 0;
  }

  /** The next consumer said `retry`, and is asked again later. */
  get isPushedBack(): boolean {
    return this.#cancelPause !== undefined;
  }

  /** The answer to a request is waited for. */
  get isWaiting(): boolean {
    return this.#isOffering;
  }

  /** Resolves with the answer to the request on offer, or when it may be offered again. */
  settled(abort: AbortSignal): Promise<void> {
    return this.#settled.wait(abort);
  }

  add(trace: KeptTrace): void {
    this.#traces.push(trace);
    this.#spans += trace.spans;
  }

  /** Sends on as much as the next consumer takes. */
  pump(): void {
    while (!this.#isOffering && this.#cancelPause === undefined && !this.#abort.signal.aborted) {
      this.#request ??= this.#assemble();
      if (this.#request === undefined) return;
      this.#offer(this.#request);
    }
  }

  /** Until everything has left, or `deadline` fires: then the rest is dropped and counted. */
  async finish(deadline: AbortSignal): Promise<void> {
    this.#isStopping = true;
    const onDeadline = (): void => this.#abort.abort(deadline.reason);
    deadline.addEventListener('abort', onDeadline, { once: true });
    this.#endPause();
    while (!this.isEmpty && !deadline.aborted) {
      this.pump();
      if (this.#isOffering || this.isPushedBack) await this.settled(deadline);
    }
    deadline.removeEventListener('abort', onDeadline);
    if (!this.isEmpty) await this.#giveUp(deadline);
  }

  #assemble(): Batch | undefined {
    const from = this.#head;
    for (; this.#head < this.#traces.length; this.#head++) {
      if (!this.#list(this.#mustTrace(this.#head))) break;
    }
    const batch = this.#assembler.finish();
    for (let at = from; at < this.#head; at++) this.#free(this.#mustTrace(at));
    this.#forget();
    return batch;
  }

  /** Lists the spans of a chain for the next request; false when it is full before the end. */
  #list({ chain, threshold }: KeptTrace): boolean {
    const buffer = this.#buffer;
    buffer.rewind(chain, this.#mark);
    this.#mark = undefined;
    while (buffer.next(chain)) {
      this.#assembler.add(threshold);
      if (this.#assembler.bytes < REQUEST_BYTES) continue;
      this.#mark = buffer.mark();
      return false;
    }
    return true;
  }

  #mustTrace(at: number): KeptTrace {
    const trace = this.#traces[at];
    if (trace === undefined) throw new Error('BUG: a kept trace that is not there.');
    return trace;
  }

  #free({ chain, spans }: KeptTrace): void {
    this.#buffer.free(chain, spans);
  }

  /** Those in front of the head, once they are most of the list. */
  #forget(): void {
    if (this.#head * 2 < this.#traces.length) return;
    this.#traces = this.#traces.slice(this.#head);
    this.#head = 0;
  }

  #offer(request: Batch): void {
    const answer = this.#ask(request);
    if (!(answer instanceof Promise)) {
      this.#settle(request, answer);
      return;
    }
    this.#isOffering = true;
    void answer
      .catch((error: unknown): Verdict => rejected(asError(error)))
      .then((verdict) => {
        this.#isOffering = false;
        this.#settle(request, verdict);
        this.#settled.wakeAll();
        this.pump();
      });
  }

  /** At once where the next consumer reserves, so that room is there in the same turn. */
  #ask(request: Batch): Pending<Verdict> {
    const { signal } = this.#abort;
    const reservation = this.#next.tryReserve?.(request);
    if (reservation?.status === 'reserved') return reservation.commit(signal);
    if (reservation === undefined || (reservation.status === 'retry' && reservation.room !== undefined)) {
      return this.#next.consume(request, signal);
    }
    return reservation.verdict;
  }

  #settle(request: Batch, verdict: Verdict): void {
    if (verdict.status === 'retry') {
      if (!this.#abort.signal.aborted) this.#pause(verdict.afterMs);
      return;
    }
    if (verdict.status === 'rejected') this.#account.reject(codeOf(verdict.reason), request.items);
    this.#attempt = 0;
    this.#request = undefined;
    this.#spans -= request.items;
  }

  #pause(askedMs: number | undefined): void {
    this.#attempt += 1;
    const waitMs = this.#isStopping ? STOPPING_BACKOFF_MS : backoffMs(BACKOFF, this.#attempt, this.#random, askedMs);
    const timer = this.#clock.timer(waitMs, () => {
      this.#cancelPause = undefined;
      this.#settled.wakeAll();
      this.pump();
    });
    this.#cancelPause = () => timer.cancel();
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  /** What is left at the deadline. A request that is out yet is waited for: its verdict says whose it is. */
  async #giveUp(deadline: AbortSignal): Promise<void> {
    this.#abort.abort(deadline.reason);
    while (this.#isOffering) await this.#settled.wait(NEVER);
    this.#endPause();
    this.#account.drop('shutdown', this.#spans);
    this.#spans = 0;
    this.#request = undefined;
    for (const trace of this.#traces.slice(this.#head)) this.#free(trace);
    this.#traces = [];
    this.#head = 0;
    this.#mark = undefined;
  }
}

const NEVER = new AbortController().signal;
