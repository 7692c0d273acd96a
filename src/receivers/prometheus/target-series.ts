import { makeBatch, type Batch } from '../../core/batch.ts';
import { offerBytes } from '../../core/reuse.ts';
import type { ByteHash } from './byte-hash.ts';
import type { PageFormat } from './negotiation.ts';
import { PageReader, type ReadOutcome } from './page-reader.ts';
import { NEWLINE, PageScanner } from './page-scanner.ts';
import { PageTally, type ReadRules } from './page-tally.ts';
import type { WritingScrape } from './point-writer.ts';
import { ProtoReader, type HistogramRules } from './proto-reader.ts';
import type { ReportSeries, RequestWriter } from './request-writer.ts';
import { Series } from './series.ts';
import type { LabelRules, Target } from './target.ts';

export interface PageRules extends ReadRules, LabelRules, HistogramRules {
  readonly trackTimestamps: boolean;
}

/** What reading a page told; after a failure, as far as reading came. */
export interface PageSummary {
  readonly samples: number;
  readonly added: number;
  readonly duplicates: number;
  /** Samples that relabelling dropped. */
  readonly dropped: number;
}

export interface ScrapeBatch {
  readonly batch: Batch;
  /** Points that the page had and OTLP cannot hold. */
  readonly errored: number;
}

/** A table is replaced when it has this many entries more than twice those of a page: what vanished is let go. */
const SPARE_ENTRIES = 1000;
/** What is thought of a page that is read for the first time: so long are its lines, and not more than so many. */
const LINE_BYTES = 100;
const FIRST_LINES = 16_384;

/**
 * Everything that is remembered of one target from scrape to scrape.
 *
 * The order of calls: `read` (which throws ScrapeError for a bad page), then `batch`, then `accepted` when the batch
 * was taken. A batch that was not taken leaves what downstream knows as it was, so the next one that is taken still ends
 * the series that vanished meanwhile.
 */
export class TargetSeries {
  readonly target: Target;
  readonly #rules: PageRules;
  readonly #writer: RequestWriter;
  readonly #hash: ByteHash;
  readonly #tally: PageTally;
  readonly #reader: PageReader;
  #protoReader: ProtoReader | undefined;
  #series: Series;
  #page = 0;
  #lastGood = 0;
  #previousGood = 0;
  #lastGoodMs = Number.NaN;
  #failed = true;
  #reported = false;
  #added = 0;

  constructor(target: Target, rules: PageRules, writer: RequestWriter, hash: ByteHash) {
    this.target = target;
    this.#rules = rules;
    this.#writer = writer;
    this.#hash = hash;
    this.#series = new Series(target, rules, hash);
    this.#tally = new PageTally(rules);
    this.#reader = new PageReader(rules, this.#tally, this.#series);
  }

  /**
   * Whether `[0, length)` of `buffer` is a good page, which is taken whole; the byte behind may be overwritten. Nothing of
   * the buffer is kept.
   */
  read(buffer: Uint8Array, length: number, format: PageFormat): void {
    this.#failed = true;
    const isText = format !== 'protobuf';
    const end = isText && length > 0 && buffer[length - 1] !== NEWLINE ? length + 1 : length;
    if (end > length) buffer[length] = NEWLINE;
    const bytes = buffer.subarray(0, end);
    const old = this.#series;
    const crowded = old.entries.count > 2 * old.entries.orderLength + SPARE_ENTRIES;
    // The same line may mean another thing in another format, and OpenMetrics does not take all that text does.
    const isKnownFormat = format === 'protobuf' || old.format === undefined || old.format === format;
    if (!crowded && isKnownFormat && this.#tryRead(old, bytes, format, this.#lastGood)) return;
    const series = new Series(this.target, this.#rules, this.#hash);
    // Where pages change as a whole, two of them will be known, and a third is owed markers.
    if (crowded) series.reserve(old.entries.orderLength * 3 + SPARE_ENTRIES, old.entries.meanKeyBytes);
    this.#tryRead(series, bytes, format, 0);
    series.adopt(old);
    this.#series = series;
    this.#added = series.entries.countNew(old.entries, this.#previousGood);
  }

  /** False when the page changes the shape of what is known, so that it must be read into an empty table. */
  #tryRead(series: Series, bytes: Uint8Array, format: PageFormat, lastGood: number): boolean {
    this.#page += 1;
    if (series.entries.count === 0) series.reserve(Math.min(FIRST_LINES, bytes.length / LINE_BYTES), LINE_BYTES);
    if (format !== 'protobuf') series.format = format;
    let good = false;
    try {
      good = this.#readInto(series, bytes, format, lastGood) === 'good';
    } finally {
      if (!good) series.entries.abandonPage(lastGood);
      this.#added = this.#tally.added;
      this.#reader.forgetPage();
    }
    if (!good) return false;
    series.entries.endPage();
    this.#previousGood = this.#lastGood;
    this.#lastGood = this.#page;
    this.#failed = false;
    return true;
  }

  #readInto(series: Series, bytes: Uint8Array, format: PageFormat, lastGood: number): ReadOutcome {
    if (format !== 'protobuf') return this.#reader.read(new PageScanner(bytes), series, format, this.#page, lastGood);
    this.#protoReader ??= new ProtoReader(this.#rules, this.#tally, series);
    return this.#protoReader.read(bytes, series, this.#page, lastGood);
  }

  get summary(): PageSummary {
    const { samples, duplicates, dropped } = this.#tally;
    return { samples, added: this.#added, duplicates, dropped };
  }

  /** Bytes held for the series. */
  get retainedBytes(): number {
    return this.#series.bytes;
  }

  /** A scrape that brought no page: the next batch ends every series. */
  fail(): void {
    this.#page += 1;
    this.#failed = true;
    this.#tally.reset();
    this.#added = 0;
  }

  /** The samples of the last page, markers for what vanished, and what the scrape reports about itself. */
  batch(timeMs: number, report: readonly ReportSeries[]): ScrapeBatch {
    if (this.#failed) this.#page += 1;
    const { bytes, points, errored, reuse } = this.#writer.write(this.target, this.#scrape(timeMs), report);
    if (!this.#failed) this.#lastGoodMs = timeMs;
    const batch = makeBatch('metrics', bytes.length > 0 ? [bytes] : [], points);
    if (reuse !== undefined) offerBytes(batch, reuse);
    return { batch, errored };
  }

  #scrape(timeMs: number): WritingScrape {
    return {
      series: this.#series,
      page: this.#page,
      timeMs,
      lastGoodMs: this.#lastGoodMs,
      failed: this.#failed,
      trackTimestamps: this.#rules.trackTimestamps,
      exemplars: this.#tally.exemplars,
      natives: this.#tally.natives,
    };
  }

  /** The last batch was taken: from now on downstream knows what was in it. */
  accepted(): void {
    this.#reported = true;
    this.#series.points.markExported(this.#page);
  }

  /** Ends every series downstream knows of, `report` too; undefined when it knows none. For removal and shutdown. */
  farewell(timeMs: number, report: readonly ReportSeries[]): Batch | undefined {
    this.fail();
    const { batch } = this.batch(timeMs, this.#reported ? report : []);
    return batch.items > 0 ? batch : undefined;
  }
}
