import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { Writer } from '../../otlp/writer.ts';
import { isLevel } from './kinds.ts';
import type { Target } from './merging.ts';
import { OVERFLOW_ENTRY } from './overflow-attribute.ts';
import type { SeriesBook } from './series-book.ts';
import type { Identity } from './surroundings.ts';

/**
 * The overflow series of a stream: the one with the attribute otel.metric.overflow and no other. It is found, or opened,
 * when the first point of a metric goes over.
 */
export class OverflowTarget implements Target {
  low = 0;
  mid = 0;
  high = 0;
  slot = NOT_ASKED;
  attributes: Uint8Array = EMPTY;
  readonly #hasher: SeriesHasher;
  readonly #book: SeriesBook;

  constructor(hasher: SeriesHasher, book: SeriesBook) {
    this.#hasher = hasher;
    this.#book = book;
  }

  /** Points of another metric follow. */
  enter(): void {
    this.slot = NOT_ASKED;
  }

  /** False when there is no room for it. */
  find(place: MetricPlace, stream: Identity, metricNumber: number): boolean {
    if (this.slot !== NOT_ASKED) return this.slot >= 0;
    const { table, period } = this.#book;
    this.#identify(place, stream);
    this.attributes = encoded(place.attributesField);
    this.slot = table.find(this.low, this.mid, this.high);
    if (this.slot >= 0) table.touch(this.slot, period);
    else this.slot = this.#book.openMerged(this, metricNumber, false, isLevel(place));
    return this.slot >= 0;
  }

  #identify(place: MetricPlace, stream: Identity): void {
    const hasher = this.#hasher;
    hasher.source(OVERFLOW_ENTRY);
    hasher.begin(stream.low, stream.mid, stream.high);
    hasher.attribute(0, OVERFLOW_ENTRY.length);
    hasher.end();
    this.low = hasher.low;
    this.mid = hasher.mid;
    this.high = hasher.high;
    hasher.source(place.bytes);
  }
}

const EMPTY = new Uint8Array(0);
/** Less than what stands for no room. */
const NOT_ASKED = -2;

const encodedByField = new Map<number, Uint8Array>();

function encoded(field: number): Uint8Array {
  let bytes = encodedByField.get(field);
  if (bytes === undefined) {
    const writer = new Writer(64);
    writer.bytes(field, OVERFLOW_ENTRY);
    encodedByField.set(field, (bytes = writer.take()));
  }
  return bytes;
}
