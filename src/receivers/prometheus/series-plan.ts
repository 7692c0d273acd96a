import { ANY_VALUE, KEY_VALUE } from '../../otlp/fields.ts';
import { LEN } from '../../otlp/wire.ts';
import { putVarint, varintSize, Writer } from '../../otlp/writer.ts';
import { copyBytes } from './columns.ts';
import type { Family, Part } from './family.ts';
import type { ValueRanges } from './line-shape.ts';
import type { PageScanner } from './page-scanner.ts';
import type { Metric } from './point.ts';
import { addExternalLabels, type MergedLabels, type Target } from './target.ts';

/** An attribute of every series of a shape, in the order in which they are written. */
export interface PlannedAttribute {
  readonly name: string;
  /** Which label of the line gives its value; below 0, `value` does. */
  readonly label: number;
  readonly value: string;
}

/**
 * How series that differ in label values alone are registered: their attributes go from the page to the wire without
 * becoming text.
 */
export interface SeriesPlan {
  readonly metric: Metric;
  readonly family: Family;
  readonly part: Part;
  /** Which label is the `le` or `quantile`; below 0, none. */
  readonly level: number;
  readonly attributes: AttributePlan;
}

/** The attributes of a sample whose labels were just merged, by name, those of the target and external ones among them. */
export function plannedAttributes({ pairs, sources }: MergedLabels, target: Target): PlannedAttribute[] {
  const all = [...pairs];
  addExternalLabels(all, target);
  const planned: PlannedAttribute[] = [];
  for (let at = 0; at < all.length; at += 2) {
    planned.push({ name: all[at] ?? '', label: sources[at / 2] ?? -1, value: all[at + 1] ?? '' });
  }
  return planned.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

const VALUE_TAG = (KEY_VALUE.value << 3) | LEN;
const STRING_TAG = (ANY_VALUE.string << 3) | LEN;

interface Slot {
  readonly label: number;
  /** The field `key` and the tag of `value`; of an attribute that is always the same, all of it. */
  readonly encoded: DataView;
}

/** Writes `repeated KeyValue { string key = 1; AnyValue value = 2; }` with values from a page. */
export class AttributePlan {
  readonly #tag: number;
  readonly #slots: readonly Slot[];

  constructor(field: number, attributes: readonly PlannedAttribute[]) {
    this.#tag = (field << 3) | LEN;
    this.#slots = attributes.map((attribute) => slotOf(field, attribute));
  }

  write(writer: Writer, page: PageScanner, { starts, ends }: ValueRanges): void {
    for (const { label, encoded } of this.#slots) {
      if (label < 0) {
        writer.ensure(encoded.byteLength);
        copyBytes(encoded, 0, encoded.byteLength, writer.words, writer.pos);
        writer.pos += encoded.byteLength;
      } else this.#writeValue(writer, encoded, page.words, starts[label] ?? 0, ends[label] ?? 0);
    }
  }

  #writeValue(writer: Writer, key: DataView, page: DataView, start: number, end: number): void {
    const length = end - start;
    const any = 1 + varintSize(length) + length;
    const attribute = key.byteLength + varintSize(any) + any;
    writer.ensure(attribute + 16);
    const { buffer, words } = writer;
    let { pos } = writer;
    buffer[pos++] = this.#tag;
    pos = putVarint(buffer, pos, attribute);
    copyBytes(key, 0, key.byteLength, words, pos);
    pos = putVarint(buffer, pos + key.byteLength, any);
    buffer[pos++] = STRING_TAG;
    pos = putVarint(buffer, pos, length);
    copyBytes(page, start, end, words, pos);
    writer.pos = pos + length;
  }
}

function slotOf(field: number, { name, label, value }: PlannedAttribute): Slot {
  const writer = new Writer(256);
  if (label < 0) {
    const attribute = writer.begin(field);
    writer.string(KEY_VALUE.key, name);
    const any = writer.begin(KEY_VALUE.value);
    writer.string(ANY_VALUE.string, value);
    writer.end(any);
    writer.end(attribute);
  } else {
    writer.string(KEY_VALUE.key, name);
    writer.varint(VALUE_TAG);
  }
  const { buffer, byteOffset, byteLength } = writer.take();
  return { label, encoded: new DataView(buffer, byteOffset, byteLength) };
}
