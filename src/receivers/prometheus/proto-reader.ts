import { asError, RemoraError } from '../../core/errors.ts';
import { EXPONENTIAL_POINT } from '../../otlp/fields.ts';
import { Cursor } from '../../otlp/wire.ts';
import { DROPPED, SAMPLE } from './entry-table.ts';
import { addExemplar, writeTimedExemplar, type ParsedExemplar } from './exemplar.ts';
import { valuePart, type Family, type FamilyType, type Part } from './family.ts';
import { writeNativeHistogram } from './native-histogram.ts';
import type { ReadOutcome } from './page-reader.ts';
import { tooManySamples, type PageTally, type ReadRules } from './page-tally.ts';
import { ProtoKey } from './proto-key.ts';
import { checkedText, readExemplar, readLabels } from './proto-labels.ts';
import { OF_METRIC, ProtoMetric } from './proto-metric.ts';
import { FAMILY, levelText, PROTO_METRIC, protoFamilyType } from './proto-page.ts';
import type { SampleKey } from './sample-key.ts';
import { ScrapeError } from './scrape-error.ts';
import type { Series } from './series.ts';

export interface HistogramRules {
  /** Native histograms are read; else the classic buckets beside them. */
  readonly nativeHistograms: boolean;
  /** Classic buckets are read beside native ones. */
  readonly alwaysClassic: boolean;
}

/** What a sample is called behind the name of its family, and the byte that tells it apart in its key. */
const SAMPLES = {
  value: { suffix: '', tag: 0x76 },
  native: { suffix: '', tag: 0x6e },
  count: { suffix: '_count', tag: 0x63 },
  sum: { suffix: '_sum', tag: 0x73 },
  bucket: { suffix: '_bucket', tag: 0x62 },
  quantile: { suffix: '', tag: 0x71 },
} as const;
type SampleKind = keyof typeof SAMPLES;

const MESSAGES: Readonly<Record<FamilyType, number>> = {
  counter: PROTO_METRIC.counter,
  gauge: PROTO_METRIC.gauge,
  unknown: PROTO_METRIC.untyped,
  summary: PROTO_METRIC.summary,
  histogram: PROTO_METRIC.histogram,
  gaugehistogram: PROTO_METRIC.histogram,
  info: 0,
  stateset: 0,
};

const NOTHING = new Uint8Array(0);
const NO_LEVEL = Number.NaN;
const NO_ENTRY = -1;

/**
 * Reads protobuf pages into the series of a target, as PageReader reads text: taken whole or not, known series by their
 * bytes. Throws ScrapeError.
 */
export class ProtoReader {
  readonly #rules: ReadRules & HistogramRules;
  readonly #tally: PageTally;
  readonly #families = new Cursor();
  readonly #header = new Cursor();
  readonly #metric = new ProtoMetric();
  readonly #key = new ProtoKey();
  readonly #sampleKey: SampleKey = { name: '', labels: [] };
  readonly #exemplar: ParsedExemplar = { value: 0, stampMs: Number.NaN, labels: [] };
  #bytes: Uint8Array = NOTHING;
  #series: Series;
  #number = 0;
  #fresh = true;
  #nameStart = 0;
  #nameEnd = 0;

  constructor(rules: ReadRules & HistogramRules, tally: PageTally, series: Series) {
    this.#rules = rules;
    this.#tally = tally;
    this.#series = series;
  }

  /** As PageReader's. Nothing of `bytes` is kept. */
  read(bytes: Uint8Array, series: Series, number: number, lastGood: number): ReadOutcome {
    this.#bytes = bytes;
    this.#series = series;
    this.#number = number;
    this.#fresh = lastGood === 0;
    this.#tally.begin(series.entries, number, lastGood);
    series.entries.beginPage();
    try {
      if (!this.#page()) return 'changed';
      if (this.#tally.isOver) throw tooManySamples(this.#tally, this.#rules);
      return 'good';
    } catch (error) {
      if (error instanceof ScrapeError || !(error instanceof RemoraError)) throw asError(error);
      throw new ScrapeError('parse', `The page is not what it says it is: ${error.message}`, { cause: error });
    } finally {
      this.#bytes = NOTHING;
    }
  }

  #page(): boolean {
    const bytes = this.#bytes;
    for (let pos = 0; pos < bytes.length;) {
      let length = 0;
      let byte = 0x80;
      for (let factor = 1; byte >= 0x80 && pos < bytes.length; factor *= 128) {
        byte = bytes[pos++] ?? 0;
        length += (byte & 0x7f) * factor;
      }
      if (byte >= 0x80 || length > bytes.length - pos)
        throw new ScrapeError('parse', 'The page ends inside of a message.');
      if (!this.#readFamily(pos, pos + length)) return false;
      pos += length;
    }
    return true;
  }

  /** False when the family changes what is known, so that the page must be read into an empty table. */
  #readFamily(start: number, end: number): boolean {
    const family = this.#enter(start, end);
    if (family === undefined) return false;
    const fields = this.#families.reset(this.#bytes, start, end);
    while (fields.next()) if (fields.field === FAMILY.metrics) this.#readMetric(family, fields);
    return true;
  }

  /** Name, type, help and unit may stand anywhere in the message. */
  #enter(start: number, end: number): Family | undefined {
    let name = '';
    let help = '';
    let unit = '';
    let type: FamilyType | undefined = 'counter';
    const fields = this.#header.reset(this.#bytes, start, end);
    while (fields.next()) {
      if (fields.field === FAMILY.name) {
        name = checkedText(fields);
        this.#nameStart = fields.start;
        this.#nameEnd = fields.end;
      } else if (fields.field === FAMILY.help) help = checkedText(fields);
      else if (fields.field === FAMILY.type) type = protoFamilyType(fields.uint());
      else if (fields.field === FAMILY.unit) unit = checkedText(fields);
    }
    if (name === '') throw new ScrapeError('parse', 'A metric family has no name.');
    if (type === undefined) throw new ScrapeError('parse', `The type of "${name}" is not known.`);
    const family = this.#named(name, type);
    if (family !== undefined) this.#describe(family, help, unit);
    return family;
  }

  #named(name: string, type: FamilyType): Family | undefined {
    const { families } = this.#series;
    const known = families.named(name);
    if (known?.declared === true && known.type === type) return known;
    if (known?.typePage === this.#number) throw new ScrapeError('parse', `"${name}" has two types.`);
    return this.#fresh ? families.declare(name, type, true) : undefined;
  }

  #describe(family: Family, help: string, unit: string): void {
    family.typePage = family.samplePage = this.#number;
    if (family.help === help && family.unit === unit) return;
    family.help = help;
    family.unit = unit;
    family.revision += 1;
  }

  #readMetric(family: Family, field: Cursor): void {
    const metric = this.#metric;
    if (MESSAGES[family.type] === 0) return;
    metric.read(this.#bytes, field.start, field.end);
    if (metric.kind !== MESSAGES[family.type]) {
      throw new ScrapeError('parse', `A metric of "${family.name}" has no ${family.type} value.`);
    }
    this.#key.begin(this.#bytes, this.#nameStart, this.#nameEnd, metric.labels);
    if (metric.kind === PROTO_METRIC.histogram) this.#histogram(family);
    else if (metric.kind === PROTO_METRIC.summary) this.#summary(family);
    else {
      const cell = this.#sample(family, 'value', NO_LEVEL, metric.value);
      this.#exemplars(cell, OF_METRIC);
    }
  }

  #summary(family: Family): void {
    const { count, sum, levels, levelValues } = this.#metric;
    this.#sample(family, 'count', NO_LEVEL, count);
    this.#sample(family, 'sum', NO_LEVEL, sum);
    for (const [at, value] of levelValues.entries()) this.#sample(family, 'quantile', levels[at] ?? 0, value);
  }

  #histogram(family: Family): void {
    const { native, levels } = this.#metric;
    const { nativeHistograms, alwaysClassic } = this.#rules;
    const isNative = nativeHistograms && native.isNative && !(native.hasCustomBuckets && levels.length > 0);
    if (isNative) this.#nativeHistogram(family);
    if (!isNative || (alwaysClassic && levels.length > 0)) this.#classicHistogram(family);
  }

  #classicHistogram(family: Family): void {
    const { count, sum, levels, levelValues } = this.#metric;
    this.#sample(family, 'count', NO_LEVEL, count);
    this.#sample(family, 'sum', NO_LEVEL, sum);
    for (let at = 0; at < levels.length; at++) {
      const cell = this.#sample(family, 'bucket', levels[at] ?? 0, levelValues[at] ?? 0);
      this.#exemplars(cell, at);
    }
    if (levels.at(-1) !== Infinity) this.#sample(family, 'bucket', Infinity, count);
  }

  #nativeHistogram(family: Family): void {
    const { native, count } = this.#metric;
    const cell = this.#sample(family, 'native', NO_LEVEL, count);
    const { writer, ranges } = this.#tally.natives;
    if (cell < 0 || family.type !== 'histogram' || ranges.has(cell)) return;
    const start = writer.pos;
    if (!writeNativeHistogram(writer, native)) return;
    this.#nativeExemplars();
    ranges.set(cell, { start, end: writer.pos });
  }

  /** Those of the histogram itself, or of its classic buckets; only with a time, as in Prometheus. */
  #nativeExemplars(): void {
    const { exemplars, exemplarLevels } = this.#metric;
    const { writer } = this.#tally.natives;
    const hasOwn = exemplarLevels.includes(OF_METRIC);
    for (let at = 0; at < exemplars.used; at++) {
      const range = exemplars.list[at];
      if (range === undefined || (hasOwn && exemplarLevels[at] !== OF_METRIC)) continue;
      readExemplar(this.#bytes, range, this.#exemplar);
      if (Number.isNaN(this.#exemplar.stampMs)) continue;
      const message = writer.begin(EXPONENTIAL_POINT.exemplars);
      writeTimedExemplar(writer, this.#exemplar);
      writer.end(message);
    }
  }

  /** The exemplar of a counter or a bucket. */
  #exemplars(cell: number, level: number): void {
    const { exemplars, exemplarLevels } = this.#metric;
    for (let at = 0; at < exemplars.used; at++) {
      const range = exemplars.list[at];
      if (range === undefined || exemplarLevels[at] !== level || cell < 0) continue;
      readExemplar(this.#bytes, range, this.#exemplar);
      addExemplar(this.#tally.exemplars, cell, this.#exemplar);
    }
  }

  /** Takes one number of the metric; returns where it is kept, below 0 when rules drop it. */
  #sample(family: Family, kind: SampleKind, level: number, value: number): number {
    const { entries } = this.#series;
    const tally = this.#tally;
    const key = this.#key;
    const length = key.end(SAMPLES[kind].tag, level);
    let entry = entries.recognise(key.words, length);
    if (entry < 0) entry = this.#add(family, kind, level);
    if (entry < 0) return DROPPED;
    entries.append(entry);
    const cell = entries.cells[entry] ?? entry;
    const isKept = tally.count(cell);
    if (tally.overLimit(0)) this.#tally.isOver = true;
    if (!isKept || this.#tally.isOver) return DROPPED;
    tally.keep(cell, value, this.#metric.stampMs);
    entries.setCreated(cell, this.#metric.createdMs);
    return cell;
  }

  /** The entry of a new series; none, but it is counted, when there are too many. */
  #add(family: Family, kind: SampleKind, level: number): number {
    const key = this.#sampleKey;
    key.labels.length = 0;
    key.name = family.name + SAMPLES[kind].suffix;
    readLabels(this.#bytes, this.#metric.labels, key.labels);
    if (kind === 'bucket') key.labels.push('le', levelText(level));
    if (kind === 'quantile') key.labels.push('quantile', levelText(level));
    const part = partOf(family, kind);
    const prepared = this.#series.prepare(key, { family, part });
    if (prepared !== undefined && this.#tally.overLimit(1)) {
      this.#tally.isOver = true;
      this.#tally.count(0);
      return NO_ENTRY;
    }
    const entry = this.#series.entries.add(this.#key.words, SAMPLE, family.index);
    if (prepared === undefined) this.#series.registerDropped(entry, part);
    else this.#series.register(entry, part, prepared);
    return entry;
  }
}

/** Gauge histograms have no place in OTLP. */
function partOf(family: Family, kind: SampleKind): Part {
  if (family.type === 'gaugehistogram') return 'stray';
  return kind === 'value' ? valuePart(family.name) : kind;
}
