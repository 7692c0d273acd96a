import { ANY_VALUE, KEY_VALUE } from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';
import type { LabelRewrite } from './label-rewrites.ts';
import type { Target } from './merging.ts';
import { OVERFLOW_ENTRY } from './overflow-attribute.ts';
import type { Identity } from './surroundings.ts';

/**
 * The series with the attributes of a point, but for what is dropped or put in a bucket, and with otel.metric.overflow,
 * which tells it from a series that came with such attributes itself.
 */
export class RewrittenTarget implements Target {
  low = 0;
  mid = 0;
  high = 0;
  slot = -1;
  readonly #hasher: SeriesHasher;
  readonly #fields = new Cursor();
  readonly #entry = new Cursor();
  readonly #value = new Cursor();
  readonly #writer = new Writer(512);
  #isChanged = false;
  #key = '';
  #keyStart = 0;
  #keyEnd = 0;

  constructor(hasher: SeriesHasher) {
    this.#hasher = hasher;
  }

  /** A copy, for whoever opens it. */
  get attributes(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#writer.buffer, 0, this.#writer.pos);
  }

  /**
   * Stands on the target of the point at [start, end); false when nothing of its attributes changes. Without a rewrite: on
   * the series of the point itself, which is one that others are merged in.
   */
  stand(place: MetricPlace, stream: Identity, start: number, end: number, rewrite: LabelRewrite | undefined): boolean {
    const writer = this.#writer;
    const { attributesField: field } = place;
    writer.pos = 0;
    this.#isChanged = rewrite === undefined;
    let hasOverflow = false;
    for (this.#fields.reset(place.bytes, start, end); this.#fields.next();) {
      if (this.#fields.field !== field || this.#fields.wireType !== LEN) continue;
      // It stays whatever the labels are that go: without it this were the series of whoever has the others alone.
      const isMark = this.#fields.equals(OVERFLOW_ENTRY);
      hasOverflow ||= isMark;
      if (isMark || rewrite === undefined || !this.#rewrite(rewrite, field)) {
        writer.bytes(field, place.bytes, this.#fields.start, this.#fields.end);
      }
    }
    if (!hasOverflow) writer.bytes(field, OVERFLOW_ENTRY);
    if (this.#isChanged) this.#identify(place, stream, field);
    return this.#isChanged;
  }

  /** Lets go of the request. */
  release(): void {
    for (const cursor of [this.#fields, this.#entry, this.#value]) cursor.reset(EMPTY, 0, 0);
    if (this.#writer.buffer.length > KEPT_BYTES) this.#writer.detach(512);
  }

  /** False when the attribute stays as it is, and nothing was written. */
  #rewrite(rewrite: LabelRewrite, field: number): boolean {
    const text = this.#readText();
    if (rewrite.dropsLabel(this.#key)) {
      this.#isChanged = true;
      return true;
    }
    if (text === undefined) return false;
    const bucket = rewrite.textOf(this.#key, text);
    if (bucket === text) return false;
    this.#isChanged = true;
    const writer = this.#writer;
    const mark = writer.begin(field);
    writer.bytes(KEY_VALUE.key, this.#fields.bytes, this.#keyStart, this.#keyEnd);
    const value = writer.begin(KEY_VALUE.value);
    writer.string(ANY_VALUE.string, bucket);
    writer.end(value);
    writer.end(mark);
    return true;
  }

  /** The text of the attribute that `#fields` stands on, and its key; undefined when it is no text. */
  #readText(): string | undefined {
    let text: string | undefined;
    this.#key = '';
    this.#keyStart = this.#keyEnd = this.#fields.start;
    for (this.#entry.enter(this.#fields); this.#entry.next();) {
      if (this.#entry.wireType !== LEN) continue;
      if (this.#entry.field === KEY_VALUE.key) {
        this.#key = this.#entry.string();
        this.#keyStart = this.#entry.start;
        this.#keyEnd = this.#entry.end;
      } else if (this.#entry.field === KEY_VALUE.value) {
        text = undefined;
        for (this.#value.enter(this.#entry); this.#value.next();) {
          text = this.#value.field === ANY_VALUE.string ? this.#value.string() : undefined;
        }
      }
    }
    return text;
  }

  #identify(place: MetricPlace, stream: Identity, field: number): void {
    const hasher = this.#hasher;
    const { buffer, pos } = this.#writer;
    hasher.source(buffer);
    hasher.begin(stream.low, stream.mid, stream.high);
    for (this.#fields.reset(buffer, 0, pos); this.#fields.next();) {
      if (this.#fields.field === field) hasher.attribute(this.#fields.start, this.#fields.end);
    }
    hasher.end();
    this.low = hasher.low;
    this.mid = hasher.mid;
    this.high = hasher.high;
    hasher.source(place.bytes);
  }
}

const EMPTY = new Uint8Array(0);
const KEPT_BYTES = 64 * 1024;
