import type { ItemView } from './item-reader.ts';
import { OTHER } from './tally.ts';
import { Ints, WordTable } from './word-table.ts';

/** Which configuration. */
export type Side = 'old' | 'new';

const BIT = { old: 1, new: 2 } as const satisfies Record<Side, number>;
const SIDE_BITS = 2;

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

export interface LostSpan {
  /** Hexadecimal. */
  readonly traceId: string;
  readonly spanId: string;
  /** `service: route`. */
  readonly label: string;
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
  /** Traces of which the old configuration delivers something, and the new one nothing. */
  readonly newlyGone: number;
  /** Error spans that the old configuration delivers, and the new one does not, by `service: route`. */
  readonly errorsLost: ReadonlyMap<string, number>;
  /** The first of them. */
  readonly lostExamples: readonly LostSpan[];
  /** Of how many spans those stand for that arrived: which traces were chosen is chance. */
  readonly variance: Readonly<Record<Side, number>>;
}

const EXAMPLES = 10;
const LOST_EXAMPLES = 5;
/** Of the spans of a trace that arrived, where one of them stands for more than itself. */
interface Weights {
  spans: number;
  /** How many they stand for. */
  sum: number;
}

/** Kinds of error spans that are told apart by service and route. */
const MAX_LABELS = 10_000;

/**
 * The spans of one fixture's input, and which of them arrived through which configuration. Spans that were not in the
 * input (made on the way, or with other ids) are no part of it, nor are those without ids. A span takes some 40 bytes.
 *
 *     #traces  trace id -> t                    #parents  2 n -> span id of the parent, two words; 0 0: none
 *     #spans   t and span id -> n               #states   n -> old 1 | new 2 | 4 * label; label 0: no error
 *                                               #labels   label - 1 -> `service: route`
 */
export class SpanTable {
  readonly #traces = new WordTable(4);
  readonly #spans = new WordTable(3);
  readonly #parents = new Ints();
  readonly #states = new Ints();
  readonly #labels: string[] = [];
  readonly #labelOf = new Map<string, number>();
  readonly #weights = { old: new Map<number, Weights>(), new: new Map<number, Weights>() };

  /** A span of the input; one that is sent again is the same. */
  add(span: ItemView): void {
    const { source, traceAt, spanAt, parentAt } = span;
    if (traceAt < 0 || spanAt < 0) return;
    copyWords(source, traceAt, this.#traces.key, 0);
    this.#spans.key[0] = this.#traces.add();
    copyWords(source, spanAt, this.#spans.key, 1);
    if (this.#spans.add() < this.#states.length) return;
    this.#parents.push(parentAt < 0 ? 0 : wordAt(source, parentAt));
    this.#parents.push(parentAt < 0 ? 0 : wordAt(source, parentAt + 4));
    this.#states.push(span.isError ? this.#label(span) << SIDE_BITS : 0);
  }

  arrived(side: Side, { source, traceAt, spanAt, weight }: ItemView): void {
    if (traceAt < 0 || spanAt < 0) return;
    copyWords(source, traceAt, this.#traces.key, 0);
    const trace = this.#traces.find();
    if (trace < 0) return;
    if (weight !== 1) this.#weigh(side, trace, weight);
    this.#spans.key[0] = trace;
    copyWords(source, spanAt, this.#spans.key, 1);
    const n = this.#spans.find();
    if (n >= 0) this.#states.set(n, this.#states.at(n) | BIT[side]);
  }

  effect(): SpanEffect {
    const spans = this.#perTrace(() => true);
    const old = this.#perTrace((n) => this.#has(n, 'old'));
    const now = this.#perTrace((n) => this.#has(n, 'new'));
    const examples: BrokenTrace[] = [];
    let [newlyBroken, newlyGone] = [0, 0];
    for (let t = 0; t < this.#traces.size; t++) {
      const counts = { spans: spans[t] ?? 0, old: old[t] ?? 0, new: now[t] ?? 0 };
      if (counts.old > 0 && counts.new === 0) newlyGone += 1;
      if (!isBroken(counts.new, counts.spans) || counts.old < counts.spans) continue;
      newlyBroken += 1;
      if (examples.length < EXAMPLES) examples.push({ traceId: this.#traceId(t), ...counts });
    }
    return {
      traces: spans.length,
      errorSpans: this.#count((n) => this.#isError(n)),
      old: this.#countsOf('old', spans, old),
      new: this.#countsOf('new', spans, now),
      newlyBroken,
      examples,
      newlyGone,
      ...this.#lost(),
      variance: { old: this.#variance('old'), new: this.#variance('new') },
    };
  }

  #has(n: number, side: Side): boolean {
    return (this.#states.at(n) & BIT[side]) !== 0;
  }

  #isError(n: number): boolean {
    return this.#states.at(n) >>> SIDE_BITS !== 0;
  }

  #count(counts: (n: number) => boolean): number {
    let count = 0;
    for (let n = 0; n < this.#states.length; n++) if (counts(n)) count += 1;
    return count;
  }

  #perTrace(counts: (n: number) => boolean): Uint32Array {
    const result = new Uint32Array(this.#traces.size);
    for (let n = 0; n < this.#states.length; n++) {
      const trace = this.#spans.word(n, 0);
      if (counts(n)) result[trace] = (result[trace] ?? 0) + 1;
    }
    return result;
  }

  #countsOf(side: Side, spans: Uint32Array, arrived: Uint32Array): TraceCounts {
    const counts = { whole: 0, broken: 0, gone: 0 };
    spans.forEach((all, t) => {
      const there = arrived[t] ?? 0;
      if (there === 0) counts.gone += 1;
      else if (there < all) counts.broken += 1;
      else counts.whole += 1;
    });
    const orphans = this.#count((n) => this.#has(n, side) && this.#lacksParent(n, side));
    return { ...counts, orphans, errorSpans: this.#count((n) => this.#has(n, side) && this.#isError(n)) };
  }

  /** Its parent was in the input and did not arrive. */
  #lacksParent(n: number, side: Side): boolean {
    const { key } = this.#spans;
    key[0] = this.#spans.word(n, 0);
    key[1] = this.#parents.at(2 * n);
    key[2] = this.#parents.at(2 * n + 1);
    if (key[1] === 0 && key[2] === 0) return false;
    const parent = this.#spans.find();
    return parent >= 0 && !this.#has(parent, side);
  }

  #weigh(side: Side, trace: number, weight: number): void {
    const weights = this.#weights[side];
    const known = weights.get(trace);
    if (known === undefined) weights.set(trace, { spans: 1, sum: weight });
    else {
      known.spans += 1;
      known.sum += weight;
    }
  }

  /** The spans of a trace are chosen together: `m` of them at the share `p` stand for `s = m / p`, with the variance `s (s - m)`. */
  #variance(side: Side): number {
    return [...this.#weights[side].values()].reduce((total, { spans, sum }) => total + sum * (sum - spans), 0);
  }

  #lost(): Pick<SpanEffect, 'errorsLost' | 'lostExamples'> {
    const lost = new Map<string, number>();
    const lostExamples: LostSpan[] = [];
    for (let n = 0; n < this.#states.length; n++) {
      if (!this.#isError(n) || !this.#has(n, 'old') || this.#has(n, 'new')) continue;
      const label = this.#labels[(this.#states.at(n) >>> SIDE_BITS) - 1] ?? '';
      lost.set(label, (lost.get(label) ?? 0) + 1);
      if (lostExamples.length < LOST_EXAMPLES) lostExamples.push({ ...this.#idsOf(n), label });
    }
    return { errorsLost: lost, lostExamples };
  }

  #label({ service, route }: ItemView): number {
    const text = `${service === '' ? '(none)' : service}: ${route}`;
    const name = this.#labels.length < MAX_LABELS || this.#labelOf.has(text) ? text : OTHER;
    const known = this.#labelOf.get(name);
    if (known !== undefined) return known;
    const label = this.#labels.push(name);
    this.#labelOf.set(name, label);
    return label;
  }

  #idsOf(n: number): Pick<LostSpan, 'traceId' | 'spanId'> {
    const spanId = hexOf([this.#spans.word(n, 1), this.#spans.word(n, 2)]);
    return { traceId: this.#traceId(this.#spans.word(n, 0)), spanId };
  }

  #traceId(t: number): string {
    return hexOf([0, 1, 2, 3].map((i) => this.#traces.word(t, i)));
  }
}

function hexOf(words: readonly number[]): string {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [i, word] of words.entries()) bytes.writeInt32LE(word, 4 * i);
  return bytes.toString('hex');
}

function isBroken(arrived: number, spans: number): boolean {
  return arrived > 0 && arrived < spans;
}

/** As many words as `into` has room for. */
function copyWords(source: Uint8Array, at: number, into: Int32Array, first: number): void {
  for (let i = first; i < into.length; i++) into[i] = wordAt(source, at + 4 * (i - first));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
