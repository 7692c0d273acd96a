import { isUtf8 } from 'node:buffer';
import { Cursor } from '../../otlp/wire.ts';
import type { ParsedExemplar } from './exemplar.ts';
import { timestampMs, type FieldRange, type Ranges } from './proto-metric.ts';
import { PAIR, PROTO_EXEMPLAR } from './proto-page.ts';
import { ScrapeError } from './scrape-error.ts';

const outer = new Cursor();
const inner = new Cursor();

/** Adds the labels at `ranges` of the page, name and value in turn. Throws for names that cannot be and values that are no text. */
export function readLabels(page: Uint8Array, ranges: Ranges, labels: string[]): void {
  for (let at = 0; at < ranges.used; at++) {
    const range = ranges.list[at];
    if (range === undefined) continue;
    readPair(inner.reset(page, range.start, range.end), labels);
    const name = labels.at(-2) ?? '';
    if (name === '' || name === '__name__') throw new ScrapeError('parse', `"${name}" cannot be a label name.`);
    for (let other = labels.length - 4; other >= 0; other -= 2) {
      if (labels[other] === name) throw new ScrapeError('parse', `Label "${name}" is given twice.`);
    }
  }
}

/** Exemplar { repeated LabelPair label = 1; double value = 2; Timestamp timestamp = 3; } */
export function readExemplar(page: Uint8Array, { start, end }: FieldRange, exemplar: ParsedExemplar): void {
  exemplar.value = 0;
  exemplar.stampMs = Number.NaN;
  exemplar.labels.length = 0;
  const fields = outer.reset(page, start, end);
  while (fields.next()) {
    if (fields.field === PROTO_EXEMPLAR.labels) readPair(inner.enter(fields), exemplar.labels);
    else if (fields.field === PROTO_EXEMPLAR.value) exemplar.value = fields.double();
    else if (fields.field === PROTO_EXEMPLAR.timestamp) exemplar.stampMs = timestampMs(fields);
  }
}

/** LabelPair { string name = 1; string value = 2; } */
function readPair(fields: Cursor, labels: string[]): void {
  let name = '';
  let value = '';
  while (fields.next()) {
    if (fields.field === PAIR.name) name = checkedText(fields);
    else if (fields.field === PAIR.value) value = checkedText(fields);
  }
  labels.push(name, value);
}

export function checkedText(field: Cursor): string {
  const { bytes, start, end } = field;
  let at = start;
  while (at < end && (bytes[at] ?? 0) < 0x80) at += 1;
  // A view is an object of its own, and nearly all text is plain ASCII.
  if (at >= end || isUtf8(field.view())) return field.string();
  throw new ScrapeError('parse', 'A name, a label value or a help text is not UTF-8.');
}
