import type { LineInfo } from './line-info.ts';
import type { LineEncoder, RecordWriter } from './record-writer.ts';

/** Hands lines on as UTF-8: a string of protobuf is, and what cannot be carried over becomes U+FFFD. */
export class Utf8Encoder implements LineEncoder {
  readonly #next: LineEncoder;

  constructor(next: LineEncoder) {
    this.#next = next;
  }

  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    if (info.isUtf8) {
      this.#next.encode(out, source, start, end, info);
      return;
    }
    info.isUtf8 = true;
    const utf8 = Buffer.from(source.toString('utf8', start, end), 'utf8');
    this.#next.encode(out, utf8, 0, utf8.length, info);
  }
}
