import type { Random } from '../../../core/random.ts';
import { ANY_VALUE, KEY_VALUE } from '../../../otlp/fields.ts';
import { SeriesHasher } from '../../../otlp/metrics/series-hash.ts';
import { Cursor, LEN, utf8 } from '../../../otlp/wire.ts';
import { Writer } from '../../../otlp/writer.ts';
import type { Explanation, SeenPlace, SeriesVerdict } from '../explain/explanation.ts';
import type { Metric, MetricBook } from '../metric-book.ts';
import type { SeriesBook } from '../series-book.ts';
import type { Identity } from '../surroundings.ts';
import type { WatchedValues } from './watched-values.ts';

/** What becomes of a value: it stays, gives way to `replacement`, or goes with its attribute. */
export const STAYS = 0;
export const REPLACED = 1;
export const REMOVED = 2;
export type Fate = typeof STAYS | typeof REPLACED | typeof REMOVED;

export interface ValueLimiterOptions {
  readonly watched: readonly WatchedValues[];
  /** Its rules know the watched values by their names. */
  readonly metrics: MetricBook;
  readonly book: SeriesBook;
  readonly explanation: Explanation;
  readonly random: Random;
}

/**
 * Gives each value its place among those of its attribute and tenant. To the books, an attribute of a tenant is a metric,
 * a value one of its series, and a bucket a series that others are merged in.
 *
 * Invariants: a value with a place stays until the window ends, and what has none finds none before, because no place is
 * given back within a window. At most `limit` values and, of buckets, as many again, and the placeholder leave in a window.
 */
export class ValueLimiter {
  /** Of the last value that was REPLACED. */
  replacement = '';
  readonly #options: ValueLimiterOptions;
  readonly #hasher: SeriesHasher;
  readonly #identities: readonly Identity[];
  /** By watched values, of the tenant that is now; -1 where it was not asked for yet. */
  readonly #numbers: number[];
  #tenant = '';
  #period = 0;
  readonly #scratch = new Writer(256);
  readonly #cursor = new Cursor();

  constructor(options: ValueLimiterOptions) {
    this.#options = options;
    this.#hasher = new SeriesHasher(options.random);
    this.#identities = options.watched.map(() => ({ low: 0, mid: 0, high: 0 }));
    this.#numbers = options.watched.map(() => -1);
  }

  /** Values that follow are of this tenant; empty where tenants are not told apart. */
  enter(tenant: string): void {
    const { period } = this.#options.book;
    if (tenant === this.#tenant && period === this.#period) return;
    this.#tenant = tenant;
    this.#period = period;
    this.#numbers.fill(-1);
  }

  /**
   * Decides on a value of `watched[index]`: bytes[start, end) is the content of its AnyValue, or a name. Throws
   * payload_malformed.
   */
  decide(index: number, bytes: Uint8Array, start: number, end: number): Fate {
    const { book, metrics } = this.#options;
    const number = this.#numberOf(index);
    this.#identify(index, bytes, start, end);
    const { low, mid, high } = this.#hasher;
    const slot = book.table.find(low, mid, high);
    if (slot >= 0) {
      book.table.touch(slot, book.period);
      return STAYS;
    }
    const metric = metrics.at(number);
    const mayKeep = book.mayKeep(metric);
    this.#explain(index, metric, bytes, start, end, mayKeep ? 'kept' : 'over');
    if (!mayKeep) return this.#overflow(index, metric, bytes, start, end);
    book.keep({ low, mid, high }, number);
    return STAYS;
  }

  /** Lets go of the batch. */
  release(): void {
    this.#hasher.release();
    this.#cursor.reset(EMPTY, 0, 0);
    this.#scratch.pos = 0;
    if (this.#scratch.buffer.length > KEPT_BYTES) this.#scratch.detach(256);
  }

  #numberOf(index: number): number {
    const known = this.#numbers[index] ?? -1;
    if (known >= 0) return known;
    const [identity, watched] = [this.#identities[index], this.#options.watched[index]];
    if (identity === undefined || watched === undefined) throw new Error('BUG: there are no such values.');
    const tenant = Buffer.from(this.#tenant);
    const hasher = this.#hasher;
    hasher.source(tenant);
    hasher.begin();
    hasher.context(0, tenant.length);
    hasher.number(index);
    hasher.end();
    [identity.low, identity.mid, identity.high] = [hasher.low, hasher.mid, hasher.high];
    const { metrics, book } = this.#options;
    const found = metrics.find(identity, book.period);
    const names = { name: watched.name, service: '', tenant: this.#tenant };
    return (this.#numbers[index] = found >= 0 ? found : metrics.add(identity, names, book.period));
  }

  #identify(index: number, bytes: Uint8Array, start: number, end: number): void {
    const identity = this.#identities[index];
    const hasher = this.#hasher;
    hasher.source(bytes);
    hasher.begin(identity?.low, identity?.mid, identity?.high);
    hasher.context(start, end);
    hasher.end();
  }

  #overflow(index: number, metric: Metric, bytes: Uint8Array, start: number, end: number): Fate {
    const watched = this.#options.watched[index];
    if (watched?.mode === 'drop_attribute') return REMOVED;
    this.replacement = watched?.placeholder ?? '';
    const value = watched?.buckets === undefined ? undefined : this.#textOf(index, bytes, start, end);
    const bucket = value === undefined ? undefined : watched?.buckets?.of(value);
    if (bucket !== undefined && bucket !== value && this.#hasPlaceFor(index, metric, bucket)) this.replacement = bucket;
    return REPLACED;
  }

  /** Of the bucket, which is the same value as one that came like that. */
  #hasPlaceFor(index: number, metric: Metric, bucket: string): boolean {
    const { book } = this.#options;
    const scratch = this.#scratch;
    scratch.pos = 0;
    scratch.string(ANY_VALUE.string, bucket);
    let start = 0;
    if (this.#isName(index)) {
      const field = this.#cursor.reset(scratch.buffer, 0, scratch.pos);
      if (field.next()) start = field.start;
    }
    this.#identify(index, scratch.buffer, start, scratch.pos);
    const { low, mid, high } = this.#hasher;
    const slot = book.table.find(low, mid, high);
    if (slot >= 0) book.table.touch(slot, book.period);
    else if (metric.merged >= metric.limit) return false;
    return slot >= 0 || book.openMerged({ low, mid, high }, this.#numberOf(index), true, false) >= 0;
  }

  /** Undefined for a value that is no text. */
  #textOf(index: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.#isName(index)) return utf8(bytes, start, Math.min(end, start + MAX_TEXT_BYTES));
    let text: string | undefined;
    const value = this.#cursor;
    for (value.reset(bytes, start, end); value.next();) {
      const isText = value.field === ANY_VALUE.string && value.wireType === LEN;
      text = isText ? utf8(bytes, value.start, Math.min(value.end, value.start + MAX_TEXT_BYTES)) : undefined;
    }
    return text;
  }

  #isName(index: number): boolean {
    return this.#options.watched[index]?.list === 'name';
  }

  /** Shows it a point with the value as its one label. */
  #explain(
    index: number,
    metric: Metric,
    ...[bytes, start, end, verdict]: [Uint8Array, number, number, SeriesVerdict]
  ): void {
    const scratch = this.#scratch;
    scratch.pos = 0;
    const entry = scratch.begin(POINT.attributesField);
    scratch.string(KEY_VALUE.key, this.#options.watched[index]?.key ?? '');
    const value = scratch.begin(KEY_VALUE.value);
    if (this.#isName(index)) scratch.bytes(ANY_VALUE.string, bytes, start, end);
    else scratch.raw(bytes, start, end);
    scratch.end(value);
    scratch.end(entry);
    const place: SeenPlace = { ...POINT, bytes: scratch.buffer };
    this.#options.explanation.newSeries(metric, place, 0, scratch.pos, verdict);
  }
}

const EMPTY = new Uint8Array(0);
/** A scratch that grew larger is not kept. */
const KEPT_BYTES = 64 * 1024;
/** More than the longest text that has a bucket of its own takes. */
const MAX_TEXT_BYTES = 8192;
const POINT = { attributesField: 1, resourceStart: 0, resourceEnd: 0, scopeStart: 0, scopeEnd: 0 } as const;
