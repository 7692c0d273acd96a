import { Cursor, LEN, utf8 } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';
import {
  BUCKET,
  FAMILY,
  HISTOGRAM,
  PAIR,
  PROTO_EXEMPLAR,
  PROTO_METRIC,
  VALUE,
} from '../../receivers/prometheus/proto-page.ts';
import type { Redaction } from './redaction.ts';

/** What may hold a credential: a text, a pair of name and value, or a message with such fields. All else is copied. */
type Part = 'text' | 'pair' | Message;
type Message = ReadonlyMap<number, Part>;

const EXEMPLAR_PARTS: Message = new Map([[PROTO_EXEMPLAR.labels, 'pair']]);
const COUNTER_PARTS: Message = new Map([[VALUE.exemplar, EXEMPLAR_PARTS]]);
const BUCKET_PARTS: Message = new Map([[BUCKET.exemplar, EXEMPLAR_PARTS]]);
const HISTOGRAM_PARTS: Message = new Map([
  [HISTOGRAM.buckets, BUCKET_PARTS],
  [HISTOGRAM.exemplars, EXEMPLAR_PARTS],
]);
const METRIC_PARTS: Message = new Map<number, Part>([
  [PROTO_METRIC.labels, 'pair'],
  [PROTO_METRIC.counter, COUNTER_PARTS],
  [PROTO_METRIC.histogram, HISTOGRAM_PARTS],
]);
const FAMILY_PARTS: Message = new Map<number, Part>([
  [FAMILY.help, 'text'],
  [FAMILY.metrics, METRIC_PARTS],
]);

/**
 * A page of MetricFamily messages, each behind its length, without credentials in labels, those of exemplars, and explanations.
 * Everything else is the same bytes. Throws `payload_malformed`.
 */
export function redactedProtobufPage(page: Uint8Array, redaction: Redaction): Uint8Array {
  const [out, family, lengths] = [new Writer(page.length + 64), new Writer(), new Cursor()];
  for (let at = 0; at < page.length;) {
    const [start, end] = familyAt(lengths, page, at);
    copy(page, start, end, FAMILY_PARTS, { writer: family, redaction });
    const bytes = family.takeView();
    out.varint(bytes.length);
    out.raw(bytes);
    at = end;
  }
  return out.take();
}

/** Where the message is that stands behind its length here. */
function familyAt(cursor: Cursor, page: Uint8Array, at: number): readonly [start: number, end: number] {
  cursor.enterElement(page, at, page.length, LEN);
  return [cursor.start, cursor.end];
}

interface Target {
  readonly writer: Writer;
  readonly redaction: Redaction;
}

function copy(bytes: Uint8Array, start: number, end: number, parts: Message, target: Target): void {
  const { writer, redaction } = target;
  for (const fields = new Cursor(bytes, start, end); fields.next();) {
    const part = fields.wireType === LEN ? parts.get(fields.field) : undefined;
    if (part === undefined) writer.raw(bytes, fields.tagStart, fields.end);
    else if (part === 'text') copyText(fields, (text) => redaction.text(text), writer);
    else {
      const mark = writer.begin(fields.field, fields.end - fields.start);
      if (part === 'pair') copyPair(bytes, fields.start, fields.end, target);
      else copy(bytes, fields.start, fields.end, part, target);
      writer.end(mark);
    }
  }
}

function copyPair(bytes: Uint8Array, start: number, end: number, { writer, redaction }: Target): void {
  let name = '';
  for (const fields = new Cursor(bytes, start, end); fields.next();) {
    if (fields.field === PAIR.name && fields.wireType === LEN) name = utf8(bytes, fields.start, fields.end);
  }
  for (const fields = new Cursor(bytes, start, end); fields.next();) {
    if (fields.field === PAIR.value) copyText(fields, (value) => redaction.value(name, value), writer);
    else writer.raw(bytes, fields.tagStart, fields.end);
  }
}

/** As it stands where nothing is taken out of it: it may be no text. */
function copyText(field: Cursor, redact: (text: string) => string, writer: Writer): void {
  const { bytes, start, end, wireType } = field;
  const text = wireType === LEN ? utf8(bytes, start, end) : '';
  const plain = redact(text);
  if (plain === text) writer.raw(bytes, field.tagStart, end);
  else writer.string(field.field, plain);
}
