import { isMetricData } from '../../otlp/count.ts';
import { METRIC, METRIC_DATA, SCOPE_X } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';
import type { KnownName, NameTable } from './name-table.ts';

/**
 * A metric on its way through the transforms: the bytes of its message as they are by now, and its name, which is only
 * written at the end. Used again for the next scope.
 */
export class MetricDraft {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  name = '';
  /** True when `name` is not what the bytes say. */
  renamed = false;
  /** Let go, or moved elsewhere. */
  gone = false;
  /** The whole field in the request, which this takes the place of; -1 for a metric that was added. */
  sourceStart = -1;
  sourceEnd = -1;

  setBytes(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** As in the request, at the field that `at` stands on. */
  load(at: Cursor, name: string): void {
    this.setBytes(at.bytes, at.start, at.end);
    this.name = name;
    this.renamed = false;
    this.gone = false;
    this.sourceStart = at.tagStart;
    this.sourceEnd = at.end;
  }

  /** As a metric that was added, with the bytes and the name of `from`. */
  copy(from: MetricDraft): void {
    this.setBytes(from.bytes, from.start, from.end);
    this.name = from.name;
    this.renamed = from.renamed;
    this.gone = false;
    this.sourceStart = this.sourceEnd = -1;
  }

  clone(): MetricDraft {
    const draft = new MetricDraft();
    draft.copy(this);
    return draft;
  }

  rename(name: string): void {
    if (name === this.name) return;
    this.name = name;
    this.renamed = true;
  }

  /** Whether it is to be written in place of what the request has. */
  isChangeOf(request: Uint8Array): boolean {
    return this.renamed || this.gone || this.bytes !== request || this.end !== this.sourceEnd;
  }

  /** Writes the Metric into a ScopeMetrics. */
  write(writer: Writer): void {
    const field = writer.begin(SCOPE_X.items, this.end - this.start);
    if (this.renamed) writer.string(METRIC.name, this.name);
    this.writeFields(writer, (number) => this.renamed && number === METRIC.name);
    writer.end(field);
  }

  /** Copies the fields of the Metric but for those that are left out. */
  writeFields(writer: Writer, isLeftOut: (field: number) => boolean): void {
    let from = this.start;
    for (fields.reset(this.bytes, this.start, this.end); fields.next();) {
      if (!isLeftOut(fields.field)) continue;
      writer.raw(this.bytes, from, fields.tagStart);
      from = fields.end;
    }
    writer.raw(this.bytes, from, this.end);
  }

  release(): void {
    this.setBytes(EMPTY, 0, 0);
  }
}

/** What metrics must have in common to become one. */
export interface MetricShape {
  /** The field of Metric that holds the data points; 0 for none. */
  readonly kind: number;
  readonly temporality: number;
  readonly isMonotonic: boolean;
  readonly unit: string;
}

export function shapeOf(draft: MetricDraft): MetricShape {
  let [kind, temporality, isMonotonic, unit] = [0, 0, false, ''];
  for (fields.reset(draft.bytes, draft.start, draft.end); fields.next();) {
    if (fields.field === METRIC.unit) unit = fields.string();
    if (!isMetricData(fields.field) || fields.wireType !== LEN) continue;
    kind = fields.field;
    for (data.enter(fields); data.next();) {
      if (data.field === METRIC_DATA.aggregationTemporality) temporality = data.int32();
      else if (data.field === METRIC_DATA.isMonotonic) isMonotonic = data.uint() !== 0;
    }
  }
  return { kind, temporality, isMonotonic, unit };
}

/** The name in the Metric that `at` stands on; of one that comes twice the last counts. */
export function nameOf(at: Cursor, names: NameTable): KnownName {
  let [start, end] = [0, 0];
  for (fields.enter(at); fields.next();) {
    if (fields.field !== METRIC.name || fields.wireType !== LEN) continue;
    start = fields.start;
    end = fields.end;
  }
  return names.find(at.bytes, start, end);
}

export function releaseDrafts(): void {
  fields.reset(EMPTY, 0, 0);
  data.reset(EMPTY, 0, 0);
}

const EMPTY = new Uint8Array(0);
const fields = new Cursor();
const data = new Cursor();
