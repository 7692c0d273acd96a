import { utf8 } from '../../../otlp/wire.ts';
import type { LabelSource, PointLabels } from './point-labels.ts';
import { mixed } from './range-hash.ts';
import { SeriesSample } from './series-sample.ts';
import { DistinctSketch, SKETCH_BYTES } from './sketch.ts';
import { shownText, shownValue, ValueSamples } from './value-samples.ts';

/** What stands for the labels beyond those that are told apart. */
export const OTHER_LABELS = '_other';
const SCOPE_NAME = 'otel.scope.name';

export interface AnalysisLimits {
  /** Labels that are told apart. */
  readonly labels: number;
  /** Values that are shown of each; 0 shows none. */
  readonly samples: number;
}

/** One label of a metric, and what is known of it. */
export interface AnalysedLabel {
  /** As it was received: at most 256 bytes that may say anything. */
  readonly key: string;
  /** Undefined for `_other`. */
  readonly source: LabelSource | undefined;
  /** Different values. */
  readonly values: DistinctSketch;
  /** The series that would be left without the label. */
  readonly without: DistinctSketch;
  readonly samples: ValueSamples;
}

/** Of objects, strings and typed arrays around what is counted exactly. */
const SKETCH_OVERHEAD_BYTES = 400;
const LABEL_OVERHEAD_BYTES = 1024;
const ANALYSIS_OVERHEAD_BYTES = 4096;

/**
 * What the series of one metric that came so far have in common, in a fixed amount of memory.
 *
 * Invariants: the first label is `_other`, whose part is whatever belongs to no other label, so that the parts sum up to
 * the series. `without` of each label has every series that `series` has, less the part of that label; a label that comes
 * for the first time takes over `series`, because all series before lacked it. A series that comes again changes nothing.
 */
export class MetricAnalysis {
  readonly series = new DistinctSketch();
  readonly sample: SeriesSample;
  readonly labels: AnalysedLabel[] = [];
  readonly #limits: AnalysisLimits;
  /** By label. */
  readonly #keyHashes: Uint32Array;
  /** Of the point that is added, by label; 0 where it is missing. */
  readonly #parts: Uint32Array;

  constructor(limits: AnalysisLimits) {
    this.#limits = limits;
    this.#keyHashes = new Uint32Array(limits.labels + 1);
    this.#parts = new Uint32Array(limits.labels + 1);
    this.sample = new SeriesSample(limits.labels + 1);
    this.#open(OTHER_LABELS, undefined);
  }

  /** What one takes at most. */
  static bytesFor({ labels, samples }: AnalysisLimits): number {
    const sketches = 2 * (SKETCH_BYTES + SKETCH_OVERHEAD_BYTES);
    const label = sketches + ValueSamples.bytesFor(samples) + LABEL_OVERHEAD_BYTES;
    return (labels + 1) * label + SeriesSample.bytesFor(labels + 1) + SKETCH_BYTES + ANALYSIS_OVERHEAD_BYTES;
  }

  /** Throws payload_malformed. */
  add(point: PointLabels): void {
    const parts = this.#parts.fill(0);
    let other = point.total;
    for (let i = 0; i < point.count; i++) {
      const index = this.#indexOf(point, i);
      // A key that comes twice has one part under its name.
      if (index === 0 || parts[index] !== 0) continue;
      const part = point.part[i] ?? 0;
      parts[index] = part;
      other = (other - part) | 0;
      this.#addValue(index, point, i);
    }
    parts[0] = other;
    if (other !== 0) this.labels[0]?.values.add(other);
    this.#addSeries(point.total);
  }

  /** Begins anew. */
  clear(): void {
    this.series.clear();
    this.sample.clear();
    this.labels.length = 0;
    this.#open(OTHER_LABELS, undefined);
  }

  #addSeries(total: number): void {
    const hash = mixed(total);
    this.series.add(hash);
    for (let index = 0; index < this.labels.length; index++) {
      this.labels[index]?.without.add(mixed(total - (this.#parts[index] ?? 0)));
    }
    this.sample.add(hash, this.#parts, total);
  }

  #addValue(index: number, point: PointLabels, at: number): void {
    const label = this.labels[index];
    const part = point.part[at] ?? 0;
    if (label === undefined) return;
    label.values.add(part);
    if (!label.samples.wants(part)) return;
    const show = point.isScopeName(at) ? shownText : shownValue;
    label.samples.add(part, show(point.bytes, point.valueStart[at] ?? 0, point.valueEnd[at] ?? 0));
  }

  /** 0 when the label is new and there is no room. */
  #indexOf(point: PointLabels, at: number): number {
    const keyHash = point.keyHash[at] ?? 0;
    for (let index = 1; index < this.labels.length; index++) if (this.#keyHashes[index] === keyHash) return index;
    if (this.labels.length > this.#limits.labels) return 0;
    const key = point.isScopeName(at) ? SCOPE_NAME : utf8(point.bytes, point.keyStart[at] ?? 0, point.keyEnd[at] ?? 0);
    this.#keyHashes[this.labels.length] = keyHash;
    return this.#open(key, point.source[at]);
  }

  #open(key: string, source: LabelSource | undefined): number {
    const samples = new ValueSamples(source === undefined ? 0 : this.#limits.samples);
    const label = { key, source, values: new DistinctSketch(), without: new DistinctSketch(), samples };
    label.without.copyFrom(this.series);
    return this.labels.push(label) - 1;
  }
}
