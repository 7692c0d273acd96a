import type { Batch } from '../../core/batch.ts';
import type { Random } from '../../core/random.ts';
import { METRIC_DATA } from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import { walkMetrics, type MetricFate, type MetricVisitor, type WalkedMetrics } from '../../otlp/metrics/walk.ts';
import type { RangeCopier } from '../../otlp/range-copier.ts';
import { SpareBuffers } from '../../otlp/spare-buffers.ts';
import type { Cursor } from '../../otlp/wire.ts';
import { Tally, type Conversion } from './conversion.ts';
import { Pairs } from './pair.ts';
import { StreamIdentity } from './stream-identity.ts';
import type { Streams } from './streams.ts';

/** Converts the points of a request: values and times are written anew, everything else is copied. */
export class Rewriter implements MetricVisitor {
  readonly #conversion: Conversion;
  readonly #streams: Streams;
  readonly #identity: StreamIdentity;
  readonly #pairs = new Pairs();
  readonly #spare = new SpareBuffers();
  #tally = new Tally();

  constructor(conversion: Conversion, streams: Streams, random: Random) {
    this.#conversion = conversion;
    this.#streams = streams;
    this.#identity = new StreamIdentity(random);
  }

  /** Changes the states of `streams`, which is the caller's to accept or to undo. Throws payload_malformed. */
  run(batch: Batch): { readonly walked: WalkedMetrics; readonly tally: Tally } {
    const tally = (this.#tally = new Tally());
    try {
      return { walked: walkMetrics(batch, this, this.#spare), tally };
    } finally {
      this.#identity.release();
      this.#pairs.release();
    }
  }

  metric(metric: MetricPlace): MetricFate {
    const { from } = this.#conversion;
    const isOurs = metric.temporality === from && this.#pairs.of(metric.dataField) !== undefined;
    if (!isOurs || !this.#conversion.converts(metric)) return 'keep';
    this.#identity.enter(metric);
    return 'visit';
  }

  point(metric: MetricPlace, at: Cursor, copier: RangeCopier): boolean {
    const pair = this.#pairs.of(metric.dataField);
    if (pair === undefined) return true;
    const { point } = pair;
    point.read(at.bytes, at.start, at.end);
    if (pair.isBlank()) return true;
    this.#identity.point(metric, at);
    const { low, mid, high } = this.#identity.hasher;
    this.#streams.find(low, mid, high);
    const values = this.#conversion.convert(pair, this.#streams, this.#tally);
    if (values === 'drop') return false;
    this.#tally.converted += 1;
    const writer = copier.cut(at.tagStart, at.end);
    const mark = writer.begin(METRIC_DATA.dataPoints, at.end - at.start);
    values.writeValues(writer);
    point.writeRest(writer);
    writer.end(mark);
    return true;
  }

  dataField(_metric: MetricPlace, at: Cursor, copier: RangeCopier): void {
    if (at.field !== METRIC_DATA.aggregationTemporality) return;
    copier.cut(at.tagStart, at.end).uint(METRIC_DATA.aggregationTemporality, this.#conversion.to);
  }
}
