import { makeBatch, type Batch } from '../../core/batch.ts';
import {
  ANY_VALUE,
  KEY_VALUE,
  METRIC,
  METRIC_DATA,
  NUMBER_POINT,
  REQUEST,
  RESOURCE_X,
  SCOPE,
  SCOPE_X,
  TEMPORALITY,
} from '../../otlp/fields.ts';
import { Nanos } from '../../otlp/nanos.ts';
import { Writer } from '../../otlp/writer.ts';
import { writeCount } from './counts.ts';
import type { Dimension, Dimensions, Family } from './dimensions.ts';
import { KeyReader, LEFT_OUT } from './key.ts';
import type { Group, Series } from './series.ts';

export interface PointOptions {
  readonly dimensions: Dimensions;
  readonly namespace: string;
  readonly unit: string;
  readonly isDelta: boolean;
  /** Written where the resource of a series does not say whose it is; undefined for nowhere. */
  readonly instanceId: string | undefined;
}

/** Series whose points stand in one ResourceMetrics. */
const SERIES_TOGETHER = 500;
/** A batch ends once it is as large. */
const BATCH_BYTES = 512 * 1024;
/** As the Collector's, because queries may go by it. */
const SCOPE_NAME = 'spanmetricsconnector';

const KINDS = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
];
const STATUSES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'];

/** Writes series as OTLP metrics, straight to the wire. */
export class PointWriter {
  readonly #options: PointOptions;
  readonly #prefix: string;
  readonly #start = new Nanos();
  readonly #time = new Nanos();
  #writer = new Writer(0);
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #points = 0;

  constructor(options: PointOptions) {
    this.#options = options;
    this.#prefix = options.namespace === '' ? '' : `${options.namespace}.`;
  }

  /** Everything that was counted, as of `nowMs`; no batch is much larger than BATCH_BYTES. */
  write(groups: readonly Group[], nowMs: number): Batch[] {
    const batches: Batch[] = [];
    this.#writer = new Writer(16_384);
    this.#time.set(nowMs);
    this.#options.dimensions.families.forEach((family, index) => {
      for (const group of groups) {
        const counted = (group.series[index] ?? []).filter(({ calls }) => calls > 0);
        for (let at = 0; at < counted.length; at += SERIES_TOGETHER) {
          this.#resource(group, family, counted.slice(at, at + SERIES_TOGETHER), nowMs);
          if (this.#bytes >= BATCH_BYTES) batches.push(this.#take());
        }
      }
    });
    if (this.#points > 0) batches.push(this.#take());
    this.#writer = new Writer(0);
    return batches;
  }

  #take(): Batch {
    const batch = makeBatch('metrics', this.#chunks, this.#points);
    this.#chunks = [];
    this.#bytes = 0;
    this.#points = 0;
    return batch;
  }

  #resource(group: Group, family: Family, series: readonly Series[], nowMs: number): void {
    const writer = this.#writer;
    const resource = writer.begin(REQUEST.resources, 16_384);
    writer.bytes(RESOURCE_X.resource, group.attributes);
    const scope = writer.begin(RESOURCE_X.scopes, 16_384);
    const named = writer.begin(SCOPE_X.scope);
    writer.string(SCOPE.name, SCOPE_NAME);
    writer.end(named);
    if (family.calls) this.#calls(family, series, nowMs);
    if (family.durations) this.#durations(family, series, nowMs);
    writer.end(scope);
    writer.end(resource);
    const chunk = writer.take();
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  #calls(family: Family, list: readonly Series[], nowMs: number): void {
    const writer = this.#writer;
    const metric = writer.begin(SCOPE_X.items, 16_384);
    writer.string(METRIC.name, `${this.#prefix}calls`);
    const sum = writer.begin(METRIC.sum, 16_384);
    for (const series of list) {
      const point = writer.begin(METRIC_DATA.dataPoints, 128);
      this.#times(series, NUMBER_POINT, nowMs);
      writeCount(writer, NUMBER_POINT.asInt, series.calls);
      this.#attributes(series, NUMBER_POINT.attributes, family);
      writer.end(point);
      this.#points += 1;
    }
    this.#temporality();
    writer.bool(METRIC_DATA.isMonotonic, true);
    writer.end(sum);
    writer.end(metric);
  }

  #durations(family: Family, list: readonly Series[], nowMs: number): void {
    const writer = this.#writer;
    const metric = writer.begin(SCOPE_X.items, 16_384);
    writer.string(METRIC.name, `${this.#prefix}duration`);
    writer.string(METRIC.unit, this.#options.unit);
    const isExponential = list[0]?.durations?.isExponential === true;
    const data = writer.begin(isExponential ? METRIC.exponentialHistogram : METRIC.histogram, 16_384);
    for (const series of list) {
      const { durations, exemplars } = series;
      if (durations === undefined) continue;
      const point = writer.begin(METRIC_DATA.dataPoints, 256);
      this.#times(series, durations.pointFields, nowMs);
      durations.write(writer);
      exemplars?.write(writer, durations.pointFields.exemplars);
      this.#attributes(series, durations.pointFields.attributes, family);
      writer.end(point);
      this.#points += 1;
    }
    this.#temporality();
    writer.end(data);
    writer.end(metric);
  }

  #temporality(): void {
    const { delta, cumulative } = TEMPORALITY;
    this.#writer.uint(METRIC_DATA.aggregationTemporality, this.#options.isDelta ? delta : cumulative);
  }

  #times({ startMs }: Series, fields: { startTimeUnixNano: number; timeUnixNano: number }, nowMs: number): void {
    // The wall clock may have been set back.
    this.#start.set(Math.min(startMs, nowMs));
    this.#writer.fixed64Parts(fields.startTimeUnixNano, this.#start.low, this.#start.high);
    this.#writer.fixed64Parts(fields.timeUnixNano, this.#time.low, this.#time.high);
  }

  #attributes(series: Series, field: number, { own }: Family): void {
    const { instanceId, dimensions } = this.#options;
    if (instanceId !== undefined && !series.group.isWhole) this.#text(field, 'collector.instance.id', instanceId);
    if (series.isOverflow) {
      this.#overflow(field);
      return;
    }
    const key = new KeyReader(series.key);
    if (key.value()) this.#value(field, 'service.name', key);
    if (key.value()) this.#raw(field, 'span.instrumentation.scope.name', key);
    if (key.value()) this.#raw(field, 'span.instrumentation.scope.version', key);
    if (key.value()) this.#raw(field, 'span.name', key);
    const kind = key.byte();
    if (kind !== LEFT_OUT) this.#text(field, 'span.kind', KINDS[kind] ?? '');
    const status = key.byte();
    if (status !== LEFT_OUT) this.#text(field, 'status.code', STATUSES[status] ?? '');
    this.#dimensions(key, field, dimensions.common);
    this.#dimensions(key, field, own);
  }

  #dimensions(key: KeyReader, field: number, dimensions: readonly Dimension[]): void {
    const writer = this.#writer;
    for (const { name } of dimensions) {
      if (!key.value()) continue;
      const pair = writer.begin(field);
      writer.bytes(KEY_VALUE.key, name);
      writer.bytes(KEY_VALUE.value, key.bytes, key.start, key.end);
      writer.end(pair);
    }
  }

  /** A KeyValue whose value stands in the key as the content of an AnyValue. */
  #value(field: number, name: string, { bytes, start, end }: KeyReader): void {
    const writer = this.#writer;
    const pair = writer.begin(field);
    writer.string(KEY_VALUE.key, name);
    writer.bytes(KEY_VALUE.value, bytes, start, end);
    writer.end(pair);
  }

  /** A KeyValue whose value stands in the key as text. */
  #raw(field: number, name: string, { bytes, start, end }: KeyReader): void {
    const writer = this.#writer;
    const pair = writer.begin(field);
    writer.string(KEY_VALUE.key, name);
    const value = writer.begin(KEY_VALUE.value);
    writer.bytes(ANY_VALUE.string, bytes, start, end);
    writer.end(value);
    writer.end(pair);
  }

  #text(field: number, name: string, text: string): void {
    const writer = this.#writer;
    const pair = writer.begin(field);
    writer.string(KEY_VALUE.key, name);
    const value = writer.begin(KEY_VALUE.value);
    writer.string(ANY_VALUE.string, text);
    writer.end(value);
    writer.end(pair);
  }

  #overflow(field: number): void {
    const writer = this.#writer;
    const pair = writer.begin(field);
    writer.string(KEY_VALUE.key, 'otel.metric.overflow');
    const value = writer.begin(KEY_VALUE.value);
    writer.bool(ANY_VALUE.bool, true);
    writer.end(value);
    writer.end(pair);
  }
}
