import { LOG, SCOPE_X } from '../../../otlp/fields.ts';
import { copyValue, type Entry, type Value } from '../operators/entry.ts';
import type { Node } from '../operators/nodes.ts';
import { writeEntryPair, writeEntryValue } from './entry-value.ts';
import { writeNanos } from './nanos.ts';
import type { LineInfo } from './line-info.ts';
import { OBSERVED_BYTES, type LineEncoder, type RecordWriter } from './record-writer.ts';

/** Any operators: the line becomes an entry of JavaScript values, a graph changes it, and what comes out is written. */
export class EntryEncoder implements LineEncoder {
  readonly #first: Node;

  /** `compile` makes the graph that ends in the node that it is given, which writes to `out`. */
  constructor(out: RecordWriter, compile: (end: Node) => Node) {
    this.#first = compile({ accept: (entry) => write(out, entry) });
  }

  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    const entry: Entry = {
      body: source.toString('utf8', start, end),
      attributes: new Map<string, Value>(out.constants),
      resource: out.resource,
      scopeName: '',
      time: info.seconds < 0 ? undefined : { seconds: info.seconds, nanos: info.nanos },
      severityNumber: 0,
      severityText: '',
      traceId: undefined,
      spanId: undefined,
      flags: undefined,
      nowMs: out.nowMs,
      offset: info.offset,
      endOffset: info.endOffset,
      pieces: info.pieces,
    };
    if (info.marks !== undefined)
      for (const [key, value] of info.marks.attributes) entry.attributes.set(key, copyValue(value));
    out.extraAttributes(info, (key, value) => void entry.attributes.set(key, value));
    this.#first.accept(entry);
    info.pieces = entry.pieces;
  }
}

function write(out: RecordWriter, entry: Entry): void {
  const { writer } = out;
  out.place(entry.resource, entry.scopeName);
  const record = writer.begin(SCOPE_X.items, 1024);
  writer.raw(out.prefix, 0, OBSERVED_BYTES);
  if (entry.time !== undefined) writeNanos(writer, LOG.timeUnixNano, entry.time.seconds, entry.time.nanos);
  if (entry.severityNumber > 0) writer.uint(LOG.severityNumber, entry.severityNumber);
  if (entry.severityText !== '') writer.string(LOG.severityText, entry.severityText);
  writeEntryValue(writer, LOG.body, entry.body);
  for (const [key, value] of entry.attributes) writeEntryPair(writer, LOG.attributes, key, value);
  if (entry.flags !== undefined) writer.fixed32(LOG.flags, entry.flags);
  if (entry.traceId !== undefined) writer.bytes(LOG.traceId, entry.traceId);
  if (entry.spanId !== undefined) writer.bytes(LOG.spanId, entry.spanId);
  out.endRecord(record);
}
