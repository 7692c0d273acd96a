import type { Batch } from '../../core/batch.ts';
import { RemoraError } from '../../core/errors.ts';
import type { Account } from '../../core/ledger.ts';
import type { Verdict } from '../../core/verdict.ts';
import { makePlace } from '../../otlp/place.ts';
import { releaseFields } from '../../otlp/select.ts';
import { TraceState } from '../../otlp/sampling/tracestate.ts';
import { makeChain, type Chain } from './block-store.ts';
import { ZERO_ID, type Decider } from './decider.ts';
import type { Decisions, PastDecision } from './decisions.ts';
import type { ScopeHeader } from './headers.ts';
import type { TailCounts } from './metrics.ts';
import type { Outbox } from './outbox.ts';
import type { SpanCondition } from './policy.ts';
import type { SampledBooks } from './sampled-books.ts';
import type { SpanBuffer } from './span-buffer.ts';
import { NO_ID, SpanScan, type ScannedScope, type SpansAround } from './span-scan.ts';
import type { TraceTable } from './trace-table.ts';

export interface IntakeOptions {
  readonly conditions: readonly SpanCondition[];
  readonly table: TraceTable;
  readonly buffer: SpanBuffer;
  readonly outbox: Outbox;
  readonly decisions: Decisions;
  readonly decider: Decider;
  readonly counts: TailCounts;
  readonly books: SampledBooks;
  readonly account: Account;
  /** A root span ends the wait earlier. */
  readonly watchesRoots: boolean;
  /** 0 for none. */
  readonly maxTraceBytes: number;
  readonly recordsThreshold: boolean;
  /** Sees to it that the table has room for one more. */
  makeSlot(): void;
}

/** Late spans of kept traces that came one behind the other. */
interface LateRun {
  readonly chain: Chain;
  spans: number;
  readonly decision: PastDecision;
}

/**
 * Takes the spans of a request into the buffer, each to its trace, and asks the conditions of the policies about it. A
 * span whose trace is decided follows that decision.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #scan = new SpanScan();
  readonly #place = makePlace('traces');
  readonly #state = new TraceState();
  readonly #chain = makeChain();
  #scope: ScopeHeader | undefined;
  #late: LateRun | undefined;
  #lateDropped = 0;
  #malformed = 0;
  #withoutId = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Only looks at what surrounds the spans. Throws payload_malformed. */
  look(batch: Batch): SpansAround {
    try {
      this.#scan.run(batch);
      return this.#scan.around();
    } finally {
      this.#scan.release();
    }
  }

  /**
   * Throws payload_malformed, and has taken nothing then; nor when it returns what `roomFor` answered, which is asked for
   * room for what surrounds the spans. Nothing in it refers to the batch when it returns.
   */
  take(batch: Batch, nowMs: number, roomFor: (around: SpansAround) => Verdict | undefined): Verdict | undefined {
    const scan = this.#scan;
    try {
      scan.run(batch);
      const refusal = roomFor(scan.around());
      if (refusal !== undefined) return refusal;
      let index = -1;
      let scanned: ScannedScope | undefined;
      for (let span = 0; span < scan.count; span++) {
        if (scan.scopeOf[span] !== index) {
          index = scan.scopeOf[span] ?? 0;
          this.#leaveScope();
          scanned = this.#enterScope(index, scanned);
        }
        if (scanned !== undefined) this.#span(scanned, span, nowMs);
      }
      this.#leaveScope();
      this.#book();
      return undefined;
    } finally {
      this.#release();
    }
  }

  #enterScope(index: number, before: ScannedScope | undefined): ScannedScope | undefined {
    const scanned = this.#scan.scopes[index];
    if (scanned === undefined) return undefined;
    const place = this.#place;
    if (before?.resource !== scanned.resource) place.resourceSerial += 1;
    place.scopeSerial += 1;
    place.bytes = scanned.bytes;
    place.resourceStart = scanned.resource.start;
    place.resourceEnd = scanned.resource.end;
    place.scopeStart = scanned.start;
    place.scopeEnd = scanned.end;
    return scanned;
  }

  /** A scope that is in use counts as a span under it, so that it stays also when room is made meanwhile. */
  #leaveScope(): void {
    if (this.#scope !== undefined) this.#options.buffer.unpin(this.#scope);
    this.#scope = undefined;
  }

  #span(scanned: ScannedScope, span: number, nowMs: number): void {
    const { table, decisions } = this.#options;
    const slot = this.#slotOf(scanned.bytes, span);
    if (slot >= 0) {
      this.#add(slot, scanned, span, nowMs);
      return;
    }
    const idAt = this.#scan.idAt[span] ?? NO_ID;
    const past = idAt === NO_ID ? undefined : decisions.find(scanned.bytes, idAt);
    if (past !== undefined) {
      this.#addLate(past, scanned, span, nowMs);
      return;
    }
    this.#options.makeSlot();
    const opened = idAt === NO_ID ? table.open(ZERO_ID, 0, nowMs) : table.open(scanned.bytes, idAt, nowMs);
    if (idAt === NO_ID) this.#options.decider.withoutId = opened;
    else this.#options.counts.newTraces.value += 1;
    this.#add(opened, scanned, span, nowMs);
  }

  /** Negative when its trace is not open. */
  #slotOf(bytes: Buffer, span: number): number {
    const idAt = this.#scan.idAt[span] ?? NO_ID;
    if (idAt !== NO_ID) return this.#options.table.ids.find(bytes, idAt);
    this.#withoutId += 1;
    return this.#options.decider.withoutId;
  }

  #add(slot: number, scanned: ScannedScope, span: number, nowMs: number): void {
    const { table, decider, watchesRoots, maxTraceBytes } = this.#options;
    const scan = this.#scan;
    const start = scan.start[span] ?? 0;
    const end = scan.end[span] ?? 0;
    table.loadChain(slot, this.#chain);
    this.#append(this.#chain, scanned, start, end);
    table.saveChain(slot, this.#chain);
    table.addSpan(slot, end - start, scan.startNs[span] ?? 0, scan.endNs[span] ?? 0);
    decider.spans += 1;
    decider.spanBytes += end - start;
    this.#readState(slot, scanned.bytes, span);
    this.#askConditions(slot, start, end);
    if (slot === decider.withoutId) return;
    if (watchesRoots && scan.isRoot[span] === 1 && !table.hasRoot(slot)) table.setRoot(slot, nowMs);
    if (maxTraceBytes > 0 && table.spanBytes(slot) > maxTraceBytes) this.#dropTooLarge(slot);
  }

  #append(chain: Chain, scanned: ScannedScope, start: number, end: number): void {
    const { buffer } = this.#options;
    this.#scope ??= buffer.pin(scanned.resource.fields, scanned.fields);
    buffer.append(chain, this.#scope, scanned.bytes, start, end);
  }

  #readState(slot: number, bytes: Buffer, span: number): void {
    const from = this.#scan.stateStart[span] ?? 0;
    const to = this.#scan.stateEnd[span] ?? 0;
    if (from === to) return;
    const { table } = this.#options;
    const state = this.#state.read(bytes, from, to);
    if (state.status === 'malformed') this.#malformed += 1;
    if (state.hasRandomness && !table.hasRandomness(slot)) table.setRandomness(slot, state.randomness);
    if (state.hasThreshold && !table.hasThreshold(slot)) table.setThreshold(slot, state.threshold);
  }

  #askConditions(slot: number, start: number, end: number): void {
    const { conditions, table, counts } = this.#options;
    const place = this.#place;
    place.itemStart = start;
    place.itemEnd = end;
    for (let index = 0; index < conditions.length; index++) {
      if (table.isMet(slot, index)) continue;
      try {
        if (conditions[index]?.(place) === true) table.setMet(slot, index);
      } catch (error) {
        if (!(error instanceof RemoraError)) throw error;
        counts.failed.value += 1;
      }
    }
  }

  #dropTooLarge(slot: number): void {
    this.#options.counts.tooLarge.value += 1;
    this.#options.decider.drop(slot, 'trace_too_large');
  }

  #addLate(past: PastDecision, scanned: ScannedScope, span: number, nowMs: number): void {
    const { counts } = this.#options;
    counts.lateAgeS.observe((nowMs - past.decidedMs) / 1000);
    if (!past.isKept) {
      this.#lateDropped += 1;
      return;
    }
    const run = this.#lateRun(past);
    this.#append(run.chain, scanned, this.#scan.start[span] ?? 0, this.#scan.end[span] ?? 0);
    run.spans += 1;
  }

  /** One for all where nothing is written into them. */
  #lateRun(past: PastDecision): LateRun {
    const run = this.#late;
    if (run !== undefined && run.decision.probability === past.probability && this.#hasThreshold(run, past)) return run;
    this.#endLate();
    return (this.#late = { chain: makeChain(), spans: 0, decision: past });
  }

  #hasThreshold({ decision }: LateRun, { threshold }: PastDecision): boolean {
    if (!this.#options.recordsThreshold || decision.threshold === threshold) return true;
    return decision.threshold?.high === threshold?.high && decision.threshold?.low === threshold?.low;
  }

  #endLate(): void {
    const run = this.#late;
    if (run === undefined) return;
    this.#late = undefined;
    const { outbox, books, counts } = this.#options;
    outbox.add({ chain: run.chain, spans: run.spans, threshold: run.decision.threshold });
    books.kept(run.spans, run.decision);
    counts.lateKept.value += run.spans;
  }

  #book(): void {
    this.#endLate();
    const { account, counts, books } = this.#options;
    account.drop('sampling', this.#lateDropped);
    if (this.#lateDropped > 0) books.dropped(this.#lateDropped);
    counts.lateDropped.value += this.#lateDropped;
    counts.withoutId.value += this.#withoutId;
    if (this.#malformed > 0 || this.#withoutId > 0) books.came(this.#malformed, this.#withoutId);
  }

  #release(): void {
    this.#lateDropped = 0;
    this.#malformed = 0;
    this.#withoutId = 0;
    this.#scan.release();
    this.#state.release();
    this.#place.bytes = NOTHING;
    releaseFields();
  }
}

const NOTHING = new Uint8Array(0);
