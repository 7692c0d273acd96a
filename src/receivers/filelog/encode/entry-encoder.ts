import type { Logger } from '../../../core/logger.ts';
import type { Count } from '../../../core/meter.ts';
import { errorMessage } from '../../../core/errors.ts';
import { ANY_VALUE, KEY_VALUE, LOG, SCOPE_X, VALUES } from '../../../otlp/fields.ts';
import { writeAnyValue } from '../../../otlp/value.ts';
import type { Writer } from '../../../otlp/writer.ts';
import { Double, type Entry, type Step, type Value } from '../operators/entry.ts';
import { writeNanos } from './nanos.ts';
import { OBSERVED_BYTES, type LineEncoder, type LineInfo, type RecordWriter } from './record-writer.ts';

export interface EntryEncoderOptions {
  readonly steps: readonly Step[];
  readonly log: Logger;
  readonly parseErrors: Count;
  readonly droppedLines: Count;
}

/** Any operators: the line becomes an entry of JavaScript values, the steps change it, and what is left is written. */
export class EntryEncoder implements LineEncoder {
  readonly #options: EntryEncoderOptions;

  constructor(options: EntryEncoderOptions) {
    this.#options = options;
  }

  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    const entry: Entry = {
      body: source.toString('utf8', start, end),
      attributes: new Map<string, Value>(out.constants),
      time: undefined,
      severityNumber: 0,
      severityText: '',
      traceId: undefined,
      spanId: undefined,
      flags: undefined,
      nowMs: out.nowMs,
    };
    out.extraAttributes(info, (key, value) => void entry.attributes.set(key, value));
    if (this.#run(entry)) write(out, entry);
  }

  /** False when a step drops the entry. */
  #run(entry: Entry): boolean {
    for (const step of this.#options.steps) {
      try {
        step.apply(entry);
      } catch (error) {
        this.#options.parseErrors.value += 1;
        const isQuiet = step.onError.endsWith('_quiet');
        if (!isQuiet) this.#options.log.warn('An operator failed on a line.', { reason: errorMessage(error) });
        if (!step.onError.startsWith('drop')) continue;
        this.#options.droppedLines.value += 1;
        return false;
      }
    }
    return true;
  }
}

function write(out: RecordWriter, entry: Entry): void {
  const { writer } = out;
  const record = writer.begin(SCOPE_X.items, 1024);
  writer.raw(out.prefix, 0, OBSERVED_BYTES);
  if (entry.time !== undefined) writeNanos(writer, LOG.timeUnixNano, entry.time.seconds, entry.time.nanos);
  if (entry.severityNumber > 0) writer.uint(LOG.severityNumber, entry.severityNumber);
  if (entry.severityText !== '') writer.string(LOG.severityText, entry.severityText);
  writeValue(writer, LOG.body, entry.body);
  for (const [key, value] of entry.attributes) writePair(writer, LOG.attributes, key, value);
  if (entry.flags !== undefined) writer.fixed32(LOG.flags, entry.flags);
  if (entry.traceId !== undefined) writer.bytes(LOG.traceId, entry.traceId);
  if (entry.spanId !== undefined) writer.bytes(LOG.spanId, entry.spanId);
  out.endRecord(record);
}

function writePair(writer: Writer, field: number, key: string, value: Value): void {
  const pair = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  writeValue(writer, KEY_VALUE.value, value);
  writer.end(pair);
}

/** As `writeAnyValue`, and for doubles that are whole numbers. Values are bounded in depth where they are parsed. */
function writeValue(writer: Writer, field: number, value: Value): void {
  if (!(value instanceof Double) && !(value instanceof Map) && !Array.isArray(value)) {
    writeAnyValue(writer, field, value);
    return;
  }
  const any = writer.begin(field);
  if (value instanceof Double) writer.double(ANY_VALUE.double, value.value);
  else if (value instanceof Map) {
    const kvlist = writer.begin(ANY_VALUE.kvlist);
    for (const [key, inner] of value) writePair(writer, VALUES.values, key, inner);
    writer.end(kvlist);
  } else {
    const array = writer.begin(ANY_VALUE.array);
    for (const inner of value) writeValue(writer, VALUES.values, inner);
    writer.end(array);
  }
  writer.end(any);
}
