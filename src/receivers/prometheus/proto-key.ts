import type { Ranges } from './proto-metric.ts';

/** The bytes that a series of a protobuf page is known by; no line of a text page begins with the first of them. */
const START = 0;

/**
 *   0 | name of the family | 0 | label messages as the page has them | part | bound or quantile, 8 bytes
 *   `------------------------------ begin ------------------------------´`------------- end ------------´
 */
export class ProtoKey {
  bytes = Buffer.allocUnsafeSlow(1024);
  words = wordsOf(this.bytes);
  #head = 0;

  /** Starts the keys of one metric: `[nameStart, nameEnd)` of the page is the name of its family. */
  begin(page: Uint8Array, nameStart: number, nameEnd: number, labels: Ranges): void {
    let length = nameEnd - nameStart + 11;
    for (let at = 0; at < labels.used; at++) length += lengthOf(labels, at);
    this.#ensure(length);
    const { bytes } = this;
    let to = 0;
    bytes[to++] = START;
    to = copy(page, nameStart, nameEnd, bytes, to);
    bytes[to++] = START;
    for (let at = 0; at < labels.used; at++) {
      const label = labels.list[at];
      if (label !== undefined) to = copy(page, label.tagStart, label.end, bytes, to);
    }
    this.#head = to;
  }

  /** Length of the key of one number of the metric; `level` is NaN when it has none. */
  end(part: number, level: number): number {
    const { bytes } = this;
    bytes[this.#head] = part;
    if (Number.isNaN(level)) return this.#head + 1;
    return bytes.writeDoubleLE(level, this.#head + 1);
  }

  #ensure(length: number): void {
    if (length <= this.bytes.length) return;
    this.bytes = Buffer.allocUnsafeSlow(length * 2);
    this.words = wordsOf(this.bytes);
  }
}

function lengthOf({ list }: Ranges, at: number): number {
  const range = list[at];
  return range === undefined ? 0 : range.end - range.tagStart;
}

function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  let pos = at;
  for (let i = start; i < end; i++) to[pos++] = from[i] ?? 0;
  return pos;
}

function wordsOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
