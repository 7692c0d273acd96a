import type { Batch } from '../../../core/batch.ts';
import type { Count } from '../../../core/meter.ts';
import type { Transformed } from '../../../core/transform.ts';
import type { AttributeList } from '../../../otlp/attribute-list.ts';
import { rewriteRequest, type RequestEdit } from '../../../otlp/edit.ts';
import { KEY_VALUE, LOG, SPAN } from '../../../otlp/fields.ts';
import type { Place } from '../../../otlp/place.ts';
import type { RangeCopier } from '../../../otlp/range-copier.ts';
import { SpareBuffers } from '../../../otlp/spare-buffers.ts';
import { valueText } from '../../../otlp/value-text.ts';
import { readAnyValue, writeAnyValue } from '../../../otlp/value.ts';
import { WantedAttributes } from '../../../otlp/wanted-attributes.ts';
import { Cursor, LEN } from '../../../otlp/wire.ts';
import type { Writer } from '../../../otlp/writer.ts';
import { keptName } from '../kept-name.ts';
import { REMOVED, REPLACED, STAYS, type Fate, type ValueLimiter } from './value-limiter.ts';
import type { WatchedValues } from './watched-values.ts';

export interface ItemLimiterOptions {
  readonly signal: 'traces' | 'logs';
  readonly watched: readonly WatchedValues[];
  readonly values: ValueLimiter;
  /** By watched values: those that did not stay, of batches that were accepted. */
  readonly counts: readonly Count[];
  /** The attribute of resources that names their tenant. */
  readonly tenantAttribute: string | undefined;
  /** What the metadata of a batch says of its tenant. */
  tenantOf(batch: Batch): string | undefined;
}

/**
 * Bounds the values of attributes of spans or log records. Only the bytes of an attribute whose value does not stay are
 * written anew; all others go on as ranges. A key that an item has twice is looked at twice.
 */
export class ItemLimiter {
  readonly #options: ItemLimiterOptions;
  readonly #edit: RequestEdit;
  readonly #attributesField: number;
  /** Of items; its places are those of `#ofItems`. */
  readonly #wanted = new WantedAttributes();
  readonly #ofItems: number[] = [];
  readonly #ofResources: { readonly index: number; readonly key: Uint8Array; readonly text: string }[] = [];
  readonly #nameIndex: number;
  readonly #tenantKey: Uint8Array | undefined;
  readonly #fields = new Cursor();
  readonly #value = new Cursor();
  /** By watched values, of the batch that is now. */
  readonly #changed: number[];
  #batchTenant = '';

  constructor(options: ItemLimiterOptions) {
    const { signal, watched, tenantAttribute } = options;
    this.#options = options;
    this.#attributesField = signal === 'traces' ? SPAN.attributes : LOG.attributes;
    this.#nameIndex = watched.findIndex(({ list }) => list === 'name');
    this.#changed = watched.map(() => 0);
    this.#tenantKey = tenantAttribute === undefined ? undefined : Buffer.from(tenantAttribute);
    watched.forEach(({ list, key }, index) => {
      if (list === 'attributes') this.#ofItems[this.#wanted.want(key)] = index;
      else if (list === 'resource_attributes') this.#ofResources.push({ index, key: Buffer.from(key), text: key });
    });
    const seesItems = this.#nameIndex >= 0 || this.#ofItems.length > 0;
    this.#edit = {
      spare: new SpareBuffers(),
      ...(tenantAttribute === undefined && this.#ofResources.length === 0
        ? {}
        : { resource: (list) => this.#resource(list) }),
      ...(seesItems ? { itemBytes: (place, at, copier) => this.#item(place, at, copier) } : {}),
    };
  }

  /** For `transformer`. Values have their places also when the batch is not accepted: offered again, it finds them. */
  transform(batch: Batch): Transformed {
    const { values, counts } = this.#options;
    this.#changed.fill(0);
    this.#batchTenant = this.#options.tenantOf(batch) ?? '';
    values.enter(this.#batchTenant);
    this.#wanted.reset();
    try {
      const { batch: rest, copied } = rewriteRequest(batch, this.#edit);
      if (rest === batch) return { batch };
      const changed = [...this.#changed];
      const accepted = (): void => counts.forEach((count, index) => void (count.value += changed[index] ?? 0));
      return { batch: rest, copied, accepted };
    } finally {
      values.release();
      this.#wanted.release();
      this.#fields.reset(EMPTY, 0, 0);
      this.#value.reset(EMPTY, 0, 0);
    }
  }

  #resource(list: AttributeList): void {
    const value = this.#value;
    if (this.#tenantKey !== undefined) {
      const at = list.find(this.#tenantKey);
      const names = at >= 0 && list.value(at, value);
      const tenant = names ? keptName(valueText(readAnyValue(value))) : this.#batchTenant;
      this.#options.values.enter(tenant);
    }
    for (const { index, key, text } of this.#ofResources) {
      for (let at = list.find(key); at >= 0; at = list.find(key, at + 1)) {
        if (!list.value(at, value)) continue;
        const fate = this.#decide(index, value.bytes, value.start, value.end);
        if (fate === REMOVED) list.remove(at);
        else if (fate === REPLACED) this.#replaceIn(list, at, text);
      }
    }
  }

  #replaceIn(list: AttributeList, at: number, key: string): void {
    const writer = list.scratch;
    const start = writer.pos;
    this.#write(writer, key);
    // Entries that were replaced before point into a buffer that a growing scratch has left; that one stays as it is.
    list.set(at, writer.buffer, start, writer.pos);
  }

  #item(place: Place, at: Cursor, copier: RangeCopier): boolean {
    const fields = this.#fields;
    const { bytes } = place;
    let isEntered = false;
    for (fields.enter(at); fields.next();) {
      if (fields.wireType !== LEN) continue;
      const index = this.#indexOf(fields);
      if (index < 0) continue;
      const value = this.#value;
      const fate = this.#decide(index, bytes, value.start, value.end);
      if (fate === STAYS) continue;
      if (!isEntered) copier.enter(at);
      isEntered = true;
      const writer = copier.cut(fields.tagStart, fields.end);
      if (fate === REPLACED) this.#writeField(writer, fields.field, index);
    }
    if (isEntered) copier.leave();
    return true;
  }

  /** The watched values that the field has one of, whose place is then in `#value`; -1 for none. */
  #indexOf(fields: Cursor): number {
    const value = this.#value;
    if (fields.field !== this.#attributesField) {
      if (this.#nameIndex < 0 || fields.field !== SPAN.name) return -1;
      value.start = fields.start;
      value.end = fields.end;
      return this.#nameIndex;
    }
    const wanted = this.#wanted;
    const at = wanted.offer(fields.bytes, fields.start, fields.end);
    if (at < 0) return -1;
    value.start = wanted.starts[at] ?? 0;
    value.end = wanted.ends[at] ?? 0;
    wanted.forget(at);
    return this.#ofItems[at] ?? -1;
  }

  #decide(index: number, bytes: Uint8Array, start: number, end: number): Fate {
    const fate = this.#options.values.decide(index, bytes, start, end);
    if (fate !== STAYS) this.#changed[index] = (this.#changed[index] ?? 0) + 1;
    return fate;
  }

  #writeField(writer: Writer, field: number, index: number): void {
    const { values, watched } = this.#options;
    if (index === this.#nameIndex) {
      writer.string(field, values.replacement);
      return;
    }
    const entry = writer.begin(field);
    this.#write(writer, watched[index]?.key ?? '');
    writer.end(entry);
  }

  /** The content of a KeyValue. */
  #write(writer: Writer, key: string): void {
    writer.string(KEY_VALUE.key, key);
    writeAnyValue(writer, KEY_VALUE.value, this.#options.values.replacement);
  }
}

const EMPTY = new Uint8Array(0);
