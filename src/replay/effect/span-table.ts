import type { ItemView } from './item-reader.ts';

/** Which configuration. */
export type Side = 'old' | 'new';

const BIT = { old: 1, new: 2 } as const satisfies Record<Side, number>;
const ERROR = 4;

/** What became of the traces of the input, through one configuration. */
export interface TraceCounts {
  /** All of their spans arrived. */
  whole: number;
  /** Some did, and others did not. */
  broken: number;
  /** None did. */
  gone: number;
  /** Spans that arrived without their parent, which was in the input. */
  orphans: number;
  /** Spans with the status ERROR that arrived. */
  errorSpans: number;
}

export interface BrokenTrace {
  /** Hexadecimal. */
  readonly traceId: string;
  readonly spans: number;
  readonly old: number;
  readonly new: number;
}

export interface SpanEffect {
  readonly traces: number;
  readonly errorSpans: number;
  readonly old: TraceCounts;
  readonly new: TraceCounts;
  /** Traces that are whole with the old configuration and broken with the new one. */
  readonly newlyBroken: number;
  /** The first of them. */
  readonly examples: readonly BrokenTrace[];
  /** Error spans that the old configuration delivers, and the new one does not, by `service: route`. */
  readonly errorsLost: ReadonlyMap<string, number>;
}

const EXAMPLES = 10;

/**
 * The spans of one fixture's input, and which of them arrived through which configuration. Spans that were not in the
 * input (made on the way, or with other ids) are no part of it, nor are those without ids.
 *
 *     #index    trace id + span id -> n
 *     #flags    n -> old 1 | new 2 | error 4
 *     #trace    n -> t                          #counts  t -> spans, old, new
 *     #parents  n -> trace id + parent span id  #labels  n -> of an error span, the index of its `service: route`
 */
export class SpanTable {
  readonly #index = new Map<string, number>();
  readonly #traces = new Map<string, number>();
  readonly #flags: number[] = [];
  readonly #trace: number[] = [];
  readonly #parents: string[] = [];
  readonly #labels = new Map<number, string>();
  readonly #names = new Map<string, string>();

  /** A span of the input; one that is sent again is the same. */
  add({ traceId, spanId, parentSpanId, isError, service, route }: ItemView): void {
    if (traceId === '' || spanId === '') return;
    const key = traceId + spanId;
    if (this.#index.has(key)) return;
    const n = this.#flags.push(isError ? ERROR : 0) - 1;
    this.#index.set(key, n);
    let trace = this.#traces.get(traceId);
    if (trace === undefined) this.#traces.set(traceId, (trace = this.#traces.size));
    this.#trace.push(trace);
    this.#parents.push(parentSpanId === '' ? '' : traceId + parentSpanId);
    if (isError) this.#labels.set(n, this.#label(`${service === '' ? '(none)' : service}: ${route}`));
  }

  arrived(side: Side, { traceId, spanId }: ItemView): void {
    const n = this.#index.get(traceId + spanId);
    if (n !== undefined) this.#flags[n] = (this.#flags[n] ?? 0) | BIT[side];
  }

  effect(): SpanEffect {
    const spans = this.#perTrace(() => true);
    const old = this.#perTrace((flags) => (flags & BIT.old) !== 0);
    const now = this.#perTrace((flags) => (flags & BIT.new) !== 0);
    const examples: BrokenTrace[] = [];
    let newlyBroken = 0;
    for (const [id, t] of this.#traces) {
      const counts = { spans: spans[t] ?? 0, old: old[t] ?? 0, new: now[t] ?? 0 };
      if (!isBroken(counts.new, counts.spans) || counts.old < counts.spans) continue;
      newlyBroken += 1;
      if (examples.length < EXAMPLES) examples.push({ traceId: Buffer.from(id, 'latin1').toString('hex'), ...counts });
    }
    return {
      traces: spans.length,
      errorSpans: this.#labels.size,
      old: this.#countsOf('old', spans, old),
      new: this.#countsOf('new', spans, now),
      newlyBroken,
      examples,
      errorsLost: this.#errorsLost(),
    };
  }

  #perTrace(counts: (flags: number) => boolean): Uint32Array {
    const result = new Uint32Array(this.#traces.size);
    this.#flags.forEach((flags, n) => {
      const trace = this.#trace[n] ?? 0;
      if (counts(flags)) result[trace] = (result[trace] ?? 0) + 1;
    });
    return result;
  }

  #countsOf(side: Side, spans: Uint32Array, arrived: Uint32Array): TraceCounts {
    const counts = { whole: 0, broken: 0, gone: 0, orphans: 0, errorSpans: 0 };
    spans.forEach((all, t) => {
      const there = arrived[t] ?? 0;
      if (there === 0) counts.gone += 1;
      else if (there < all) counts.broken += 1;
      else counts.whole += 1;
    });
    this.#flags.forEach((flags, n) => {
      if ((flags & BIT[side]) === 0) return;
      if ((flags & ERROR) !== 0) counts.errorSpans += 1;
      const parent = this.#index.get(this.#parents[n] ?? '');
      if (parent !== undefined && ((this.#flags[parent] ?? 0) & BIT[side]) === 0) counts.orphans += 1;
    });
    return counts;
  }

  #errorsLost(): Map<string, number> {
    const lost = new Map<string, number>();
    for (const [n, label] of this.#labels) {
      const flags = this.#flags[n] ?? 0;
      if ((flags & BIT.old) !== 0 && (flags & BIT.new) === 0) lost.set(label, (lost.get(label) ?? 0) + 1);
    }
    return lost;
  }

  /** One text for all spans of the same label. */
  #label(text: string): string {
    const known = this.#names.get(text);
    if (known === undefined) this.#names.set(text, text);
    return known ?? text;
  }
}

function isBroken(arrived: number, spans: number): boolean {
  return arrived > 0 && arrived < spans;
}
