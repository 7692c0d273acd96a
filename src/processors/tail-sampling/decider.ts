import type { Clock } from '../../core/clock.ts';
import type { Account } from '../../core/ledger.ts';
import { makeChain } from './block-store.ts';
import type { Decisions } from './decisions.ts';
import type { EarlyCause, TailCounts } from './metrics.ts';
import type { Outbox } from './outbox.ts';
import type { Policies, PolicyDecision, TraceSummary } from './policy.ts';
import { keptAfter, type SampledBooks } from './sampled-books.ts';
import type { SpanBuffer } from './span-buffer.ts';
import type { TraceTable } from './trace-table.ts';

export interface DeciderOptions {
  readonly policies: Policies;
  readonly table: TraceTable;
  readonly buffer: SpanBuffer;
  readonly outbox: Outbox;
  readonly decisions: Decisions;
  readonly counts: TailCounts;
  readonly books: SampledBooks;
  readonly account: Account;
  readonly clock: Clock;
}

/** Ends traces: each goes to the outbox or is let go, is remembered, and is told to whoever follows. */
export class Decider {
  readonly #options: DeciderOptions;
  readonly #chain = makeChain();
  /** Of traces that are not decided yet. */
  spans = 0;
  spanBytes = 0;
  /** The number of the trace of all spans without an id; negative when there are none. */
  withoutId = -1;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /** As the policies say. `early`: why its wait is not over. */
  decide(slot: number, early?: EarlyCause): void {
    const { table, policies, clock, counts } = this.#options;
    const summary = table.summary(slot);
    const beganMs = clock.monotonic();
    const decision = policies.decide(summary, beganMs);
    counts.latencyUs.observe((clock.monotonic() - beganMs) * 1000);
    counts.decided[decision.outcome].value += 1;
    if (early !== undefined) counts.decidedEarly(early);
    this.#end(slot, summary, decision, beganMs);
  }

  /** Lets a trace go without asking the policies; further spans of it are late ones of a dropped trace. */
  drop(slot: number, reason: string): void {
    const { table, account, clock } = this.#options;
    const summary = table.summary(slot);
    const { spans } = summary;
    this.#end(slot, summary, undefined, clock.monotonic());
    account.drop(reason, spans);
  }

  /** The traces of the table have other numbers now. */
  renumbered(): void {
    this.withoutId = this.#options.table.ids.find(ZERO_ID, 0);
  }

  #end(slot: number, summary: TraceSummary, decision: PolicyDecision | undefined, nowMs: number): void {
    const { table, buffer, outbox, decisions, counts, books, account } = this.#options;
    const { spans } = summary;
    const isKept = decision?.outcome === 'sampled';
    const kept = keptAfter(decision ?? NOT_ASKED, table.threshold(slot));
    table.loadChain(slot, this.#chain);
    if (isKept) {
      outbox.add({ chain: { ...this.#chain }, spans, threshold: decision.threshold });
      books.kept(spans, kept);
    } else {
      buffer.free(this.#chain, spans);
      if (decision !== undefined) {
        account.drop('sampling', spans);
        books.dropped(spans);
      }
    }
    counts.removalAgeS.observe((nowMs - table.arrivedMs(slot)) / 1000);
    this.spans -= spans;
    this.spanBytes -= summary.spanBytes;
    table.close(slot);
    if (slot === this.withoutId) this.withoutId = -1;
    else {
      decisions.add(summary.bytes, summary.traceIdAt, { isKept, decidedMs: nowMs, ...kept });
    }
  }
}

/** In the table, of the trace of all spans without an id. */
export const ZERO_ID = new Uint8Array(16);
const NOT_ASKED = { threshold: undefined, probability: undefined };
