import { AttributeList } from '../../otlp/attribute-list.ts';
import { isMetricData } from '../../otlp/count.ts';
import { pointAttributes } from '../../otlp/edit.ts';
import { METRIC_DATA } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';
import type { LabelFilter } from './label-filter.ts';
import { releaseLabels } from './label-text.ts';
import type { MetricDraft } from './metric-draft.ts';
import type { PointDraft, PointEdit } from './point-edit.ts';
import { actsOn, ValueWriter, type ValueChange } from './value-change.ts';

/** How many of the data points of a metric are meant; `all` when it has none. */
export type Share = 'none' | 'some' | 'all';

/** Goes through the data points of metrics. */
export class PointPass {
  /** Points that `run` let go since somebody set this to 0. */
  dropped = 0;
  readonly #labels = new AttributeList();
  readonly #values: ValueChange[] = [];
  readonly #point: PointDraft = { labels: this.#labels, values: this.#values };
  readonly #valueWriter = new ValueWriter();
  readonly #metric = new Cursor();
  readonly #data = new Cursor();
  readonly #field = new Cursor();
  /** Of the data that is gone through: what stands before it is written, or left out. */
  #copied = 0;
  #kept = 0;
  #changed = false;

  /** How many of the points `filter` means; it is not asked about more than it takes to know. */
  share(draft: MetricDraft, filter: LabelFilter | undefined): Share {
    if (filter === undefined) return 'all';
    let [matched, missed] = [0, 0];
    this.each(draft, (labels) => {
      if (filter(labels)) matched += 1;
      else missed += 1;
      return matched === 0 || missed === 0;
    });
    if (matched === 0) return missed === 0 ? 'all' : 'none';
    return missed === 0 ? 'all' : 'some';
  }

  count(draft: MetricDraft): number {
    let points = 0;
    for (this.#metric.reset(draft.bytes, draft.start, draft.end); this.#metric.next();) {
      if (!isMetricData(this.#metric.field) || this.#metric.wireType !== LEN) continue;
      for (this.#data.enter(this.#metric); this.#data.next();) if (this.#isPoint()) points += 1;
    }
    return points;
  }

  /** Shows the labels of each point until `see` says no. */
  each(draft: MetricDraft, see: (labels: AttributeList) => boolean): void {
    for (this.#metric.reset(draft.bytes, draft.start, draft.end); this.#metric.next();) {
      if (!isMetricData(this.#metric.field) || this.#metric.wireType !== LEN) continue;
      const attributes = pointAttributes(this.#metric.field);
      for (this.#data.enter(this.#metric); this.#data.next();) {
        if (!this.#isPoint()) continue;
        this.#load(attributes);
        if (!see(this.#labels)) return;
      }
    }
  }

  /** Runs the edits over each point. The metric is gone when none of its points are left. */
  run(draft: MetricDraft, edits: readonly PointEdit[], arena: Writer): void {
    const { bytes, start, end } = draft;
    const from = arena.pos;
    let copied = start;
    this.#begin();
    for (this.#metric.reset(bytes, start, end); this.#metric.next();) {
      if (!isMetricData(this.#metric.field) || this.#metric.wireType !== LEN) continue;
      arena.raw(bytes, copied, this.#metric.tagStart);
      const field = arena.begin(this.#metric.field, this.#metric.end - this.#metric.start);
      this.#dataFields(edits, arena, false);
      arena.end(field);
      copied = this.#metric.end;
    }
    arena.raw(bytes, copied, end);
    if (this.#changed) draft.setBytes(arena.buffer, from, arena.pos);
    else arena.pos = from;
    if (this.#kept === 0 && this.#changed) draft.gone = true;
  }

  /** The same, where points that are let go are in another metric: they do not count. */
  select(draft: MetricDraft, edit: PointEdit, arena: Writer): void {
    const { dropped } = this;
    this.run(draft, [edit], arena);
    this.dropped = dropped;
  }

  /** Writes the points of a metric of `kind`, edited, into the data of another. Those that are let go do not count. */
  writePoints(draft: MetricDraft, kind: number, edits: readonly PointEdit[], writer: Writer): void {
    const { dropped } = this;
    this.#begin();
    for (this.#metric.reset(draft.bytes, draft.start, draft.end); this.#metric.next();) {
      if (this.#metric.field === kind && this.#metric.wireType === LEN) this.#dataFields(edits, writer, true);
    }
    this.dropped = dropped;
  }

  #begin(): void {
    this.#kept = 0;
    this.#changed = false;
  }

  /** `onlyPoints`: without the other fields. */
  #dataFields(edits: readonly PointEdit[], writer: Writer, onlyPoints: boolean): void {
    const { field: kind, bytes, start, end } = this.#metric;
    this.#copied = start;
    for (this.#data.enter(this.#metric); this.#data.next();) {
      if (this.#isPoint()) this.#edit(kind, edits, writer);
      else if (onlyPoints) this.#cut(writer);
    }
    writer.raw(bytes, this.#copied, end);
  }

  /** Leaves the field out that `#data` stands on. Fields that stay are copied together with their neighbours. */
  #cut(writer: Writer): void {
    writer.raw(this.#data.bytes, this.#copied, this.#data.tagStart);
    this.#copied = this.#data.end;
  }

  #isPoint(): boolean {
    return this.#data.field === METRIC_DATA.dataPoints && this.#data.wireType === LEN;
  }

  #load(attributes: number): void {
    this.#labels.reset(attributes);
    this.#labels.load(this.#data.bytes, this.#data.start, this.#data.end);
  }

  #edit(kind: number, edits: readonly PointEdit[], writer: Writer): void {
    const attributes = pointAttributes(kind);
    this.#load(attributes);
    this.#values.length = 0;
    for (const edit of edits) {
      if (edit(this.#point)) continue;
      this.dropped += 1;
      this.#changed = true;
      this.#cut(writer);
      return;
    }
    this.#kept += 1;
    const changesValues = this.#values.length > 0 && actsOn(kind, this.#values);
    if (!changesValues && !this.#labels.changed) return;
    this.#changed = true;
    this.#cut(writer);
    const { bytes, start, end } = this.#data;
    const point = writer.begin(METRIC_DATA.dataPoints, end - start);
    if (changesValues) this.#writeFields(writer, attributes, kind);
    else this.#labels.writeMessage(writer, bytes, start, end);
    writer.end(point);
  }

  /** Labels that changed stand behind the other fields. */
  #writeFields(writer: Writer, attributes: number, kind: number): void {
    const { bytes, start, end } = this.#data;
    const hasNewLabels = this.#labels.changed;
    let from = start;
    this.#valueWriter.begin(this.#data, kind, this.#values);
    for (this.#field.enter(this.#data); this.#field.next();) {
      const { field, wireType, tagStart } = this.#field;
      const isLabel = hasNewLabels && field === attributes && wireType === LEN;
      if (!isLabel && !this.#valueWriter.changes(field)) continue;
      writer.raw(bytes, from, tagStart);
      if (!isLabel) this.#valueWriter.write(writer, this.#field);
      from = this.#field.end;
    }
    writer.raw(bytes, from, end);
    if (hasNewLabels) this.#labels.write(writer);
  }

  release(): void {
    for (const cursor of [this.#metric, this.#data, this.#field]) cursor.reset(EMPTY, 0, 0);
    this.#labels.release();
    releaseLabels();
    this.#valueWriter.release();
  }
}

const EMPTY = new Uint8Array(0);
