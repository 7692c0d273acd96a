import type { Batch } from '../../core/batch.ts';
import type { ProcessorContext } from '../../core/component.ts';
import type { OnDecision, TraceDecisions, TraceFate } from '../../core/trace-decisions.ts';
import type { Transformed } from '../../core/transform.ts';
import { isTraceId } from '../../otlp/sampling/randomness.ts';
import { SamplingBooks } from '../sampling/books.ts';
import { Budget } from './budget.ts';
import type { AdaptiveSamplerConfig } from './config.ts';
import { Decide, type Decided } from './decide.ts';
import { KeyCounts } from './key-counts.ts';
import { KeyTable } from './key-table.ts';
import { LogItems } from './log-items.ts';
import { SamplerMetrics } from './sampler-metrics.ts';
import { bigEndian, Scan } from './scan.ts';
import { DROP, Sightings } from './sightings.ts';
import { SpanItems } from './span-items.ts';
import { TallyKeeper, type Tally } from './tally.ts';
import { TraceMemory } from './trace-memory.ts';
import { Write } from './write.ts';

/** A key that was not seen for this many windows may be forgotten: nothing is left of its rate. */
const IDLE_WINDOWS = 4;

/**
 * Thins each batch to its part of the target.
 *
 *   scan ──► tally by flow ──► budget: a plan when due ──► decide ──► write
 *            sightings ───────────────────────────────────────┘
 *
 * A whole batch is looked at before anything of it is decided: so a batch that is a burst is thinned as one, and the
 * spans of a trace in it have one threshold, whichever came first.
 *
 * Invariant: rates, budget and counts are changed by `accepted` alone. What a batch does before that may be done again:
 * keys get numbers, traces are remembered, plans are made.
 */
export class AdaptiveSampler implements TraceDecisions {
  readonly decisionWaitMs = 0;
  readonly #keeper: TallyKeeper;
  readonly #sightings = new Sightings();
  readonly #budget: Budget;
  readonly #scan: Scan;
  readonly #decide: Decide;
  readonly #write: Write;
  readonly #counts: KeyCounts;
  readonly #books: SamplingBooks;
  readonly #metrics: SamplerMetrics;
  readonly #memory: TraceMemory;
  readonly #wholeTraces: boolean;
  readonly #onDecision: OnDecision[] = [];
  /** Somebody asks what became of traces. */
  #isAsked = false;

  constructor(config: AdaptiveSamplerConfig, context: ProcessorContext) {
    const { clock, signal, random } = context;
    const { window: windowMs, priority_share: priorityShare, max_keys: maxKeys } = config;
    const perSecond = config.items_per_second ?? config.bytes_per_second ?? 0;
    const countsBytes = config.items_per_second === undefined;
    const onForgotten = (key: number): void => this.#forget(key);
    const keys = new KeyTable({ clock, maxKeys, idleMs: IDLE_WINDOWS * windowMs, onForgotten });
    const keeper = new TallyKeeper(2 * keys.limit);
    const sightings = this.#sightings;
    const reader = signal === 'logs' ? new LogItems(config) : new SpanItems(config);
    this.#keeper = keeper;
    this.#budget = new Budget({ clock, perSecond, windowMs, priorityShare, keys });
    this.#scan = new Scan({ reader, keys, keeper, sightings, random, countsBytes });
    this.#write = new Write(sightings, signal);
    this.#memory = new TraceMemory(config.max_traces, random);
    const wholeTraces = signal === 'traces' && config.scope === 'trace';
    this.#wholeTraces = wholeTraces;
    this.#decide = new Decide({ flows: this.#budget.flows, keeper, sightings, wholeTraces });
    this.#counts = new KeyCounts(clock, keys, this.#budget.flows);
    this.#books = new SamplingBooks(context, () => this.#counts.ratios());
    this.#metrics = new SamplerMetrics({ context, keys, perSecond, unit: countsBytes ? 'bytes' : 'items', windowMs });
  }

  /** Throws payload_malformed. */
  transform(batch: Batch): Transformed {
    const tally = this.#keeper.begin();
    const remembers = this.#wholeTraces || this.#isAsked;
    this.#scan.run(batch);
    this.#budget.prepare(tally, this.#keeper);
    const decided = this.#decide.run(tally, remembers ? this.#memory : undefined);
    if (this.#isAsked) this.#tellFates(batch);
    const dropped = this.#sightings.count - decided.kept;
    const accepted = (): void => this.#book(tally, decided);
    if (dropped === 0 && decided.changed === 0) return { batch, accepted };
    const { batch: rest, copied } = this.#write.run(batch);
    return { batch: rest, dropped: { sampling: dropped }, copied, accepted };
  }

  fateOf(bytes: Uint8Array, at: number): TraceFate {
    this.#isAsked = true;
    if (!isTraceId(bytes, at)) return 'unknown';
    const place = this.#memory.find(bigEndian(bytes, at + 8), bigEndian(bytes, at + 12));
    const wasKept = place < 0 ? undefined : this.#memory.wasKept(place);
    if (wasKept === undefined) return 'unknown';
    return wasKept ? 'kept' : 'dropped';
  }

  onDecision(decided: OnDecision): void {
    this.#isAsked = true;
    this.#onDecision.push(decided);
  }

  #tellFates({ chunks }: Batch): void {
    const { place: places, outcome, traceIdAt, chunkEnds } = this.#sightings;
    let index = 0;
    for (let chunk = 0; chunk < chunks.length; chunk++) {
      const bytes = chunks[chunk];
      for (const end = chunkEnds[chunk] ?? 0; index < end; index++) {
        const place = places[index] ?? -1;
        const kept = outcome[index] !== DROP;
        if (place < 0 || !this.#memory.decide(place, kept) || bytes === undefined) continue;
        for (const tell of this.#onDecision) tell(bytes, traceIdAt[index] ?? 0, kept);
      }
    }
  }

  #book(tally: Tally, { counts }: Decided): void {
    this.#budget.book(tally);
    this.#counts.book(tally);
    this.#books.book(counts);
    this.#metrics.book(tally);
  }

  #forget(key: number): void {
    this.#budget.flows.forget(2 * key);
    this.#budget.flows.forget(2 * key + 1);
    this.#counts.forget(key);
  }
}
