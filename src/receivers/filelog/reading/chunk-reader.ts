import type { Batch } from '../../../core/batch.ts';
import type { LineEncoder, LineInfo, RecordWriter } from '../encode/record-writer.ts';
import { TAIL_BYTES } from '../identity.ts';
import { readAt, type Range, type TrackedFile } from '../tracked-file.ts';
import { isUtf8 } from 'node:buffer';
import { characterStart, trimEnd, trimStart } from './bytes.ts';

export interface ChunkReaderOptions {
  readonly maxLogSize: number;
  readonly truncate: boolean;
  readonly keepLeading: boolean;
  readonly keepTrailing: boolean;
  readonly fingerprintBytes: number;
  readonly encoder: LineEncoder;
  readonly out: RecordWriter;
  /** Called before the first line of a chunk: opens the request in `out`. */
  begin(file: TrackedFile): void;
  onCutLine(): void;
  onSkippedNuls(bytes: number): void;
}

export type Turn =
  /** The content is not the one that was read before; nothing was read. */
  | { readonly status: 'replaced' }
  | {
      readonly status: 'read';
      /** Undefined when no byte was taken. */
      readonly range: Range | undefined;
      /** The end of the file was seen; what is left after `file.offset` is a partial line. */
      readonly atEnd: boolean;
      /** Bytes after the offset that were seen before and are not there any more. */
      readonly lostBytes: number;
    };

export const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

/**
 * Reads a file chunk by chunk into one buffer that all files share, and turns whole lines into records.
 *
 *   file:    ... | tail (<= 32) | line \n line \n ... part of a line | ...
 *   buffer:      [ tail          . bytes read from file.offset on    )
 *
 * The bytes before the offset are read again with each chunk: when they differ from what was there, the file was replaced
 * in place. Lines of one length may end alike, so the head is compared as well whenever the file was read to its end before.
 * A partial line stays in the file and is read again once there is more, so an idle file costs no memory.
 */
export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  #buffer = Buffer.allocUnsafeSlow(TAIL_BYTES + CHUNK_BYTES);
  // State of the chunk being split.
  #data = this.#buffer;
  #base = 0;
  #valid = true;
  readonly #info: LineInfo = { cut: false, offset: 0, number: 0 };

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  /** One chunk of `file`. With `flush`, a partial last line is taken as a line. Advances `file.offset`. */
  async turn(file: TrackedFile, flush: boolean): Promise<Turn> {
    if (file.rested && !(await this.#beginsAsBefore(file))) return { status: 'replaced' };
    for (;;) {
      const { epoch } = file;
      const lead = file.tail.length;
      const wanted = this.#buffer.length;
      const length = await readAt(file.fd, this.#buffer, wanted, file.offset - lead);
      if (epoch !== file.epoch) return { status: 'replaced' };
      if (length < lead || !this.#continues(file, length)) return { status: 'replaced' };
      const atEnd = length < wanted;
      const lostBytes = this.#grow(file, length, lead, atEnd);
      const end = this.#split(file, lead, length, flush && atEnd);
      const isComplete = atEnd && !this.#options.out.full;
      file.rested = isComplete;
      if (end > lead || atEnd)
        return { status: 'read', range: this.#range(file, lead, end), atEnd: isComplete, lostBytes };
      // Not one whole line fits: the lines may be longer than the buffer, up to the limit.
      this.#buffer = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
    }
  }

  /** Gives back a buffer that one long line had made large. */
  shrink(): void {
    if (this.#buffer.length > TAIL_BYTES + CHUNK_BYTES) {
      this.#buffer = Buffer.allocUnsafeSlow(TAIL_BYTES + CHUNK_BYTES);
      this.#data = this.#buffer;
    }
  }

  /** What was seen of these bytes before, at the opening or by the last turn, is still there. */
  #continues({ tail, head, offset }: TrackedFile, length: number): boolean {
    if (this.#buffer.compare(tail, 0, tail.length, 0, tail.length) !== 0) return false;
    const start = offset - tail.length;
    const end = Math.min(head.length, start + length);
    return end <= start || this.#buffer.compare(head, start, end, 0, end - start) === 0;
  }

  async #beginsAsBefore({ fd, head }: TrackedFile): Promise<boolean> {
    const length = await readAt(fd, this.#buffer, Math.min(head.length, this.#buffer.length), 0);
    return this.#buffer.compare(head, 0, length, 0, length) === 0;
  }

  /** Notes the new size, and head bytes seen for the first time; how much smaller the file is than it was. */
  #grow(file: TrackedFile, length: number, lead: number, atEnd: boolean): number {
    const start = file.offset - lead;
    const sizeBefore = file.size;
    file.size = atEnd ? start + length : Math.max(file.size, start + length);
    const { fingerprintBytes } = this.#options;
    if (atEnd && file.size < file.head.length) file.head = file.head.subarray(0, file.size);
    const known = file.head.length;
    if (known < fingerprintBytes && start <= known && start + length > known) {
      const more = this.#buffer.subarray(known - start, Math.min(length, fingerprintBytes - start));
      file.head = Buffer.concat([file.head, more]);
    }
    return Math.max(0, sizeBefore - file.size);
  }

  /** Splits `[from, to)` of the buffer; returns where the bytes that were taken end. */
  #split(file: TrackedFile, from: number, to: number, flush: boolean): number {
    const { out, maxLogSize } = this.#options;
    out.items = 0;
    if (from === to) return from;
    const data = this.#buffer.subarray(0, to);
    this.#data = data;
    this.#base = file.offset - from;
    this.#valid = isUtf8(data.subarray(from, to));
    this.#options.begin(file);
    let at = from;
    while (at < to && !out.full) {
      if (data[at] === 0 && !file.discarding) at = this.#skipNuls(at, to);
      const newline = data.indexOf(NEWLINE, at);
      if (newline !== -1) {
        this.#line(file, at, newline);
        at = newline + 1;
      } else if (file.discarding) return to;
      else if (to - at > maxLogSize) at = this.#cut(file, at);
      else if (flush) {
        this.#line(file, at, to);
        return to;
      } else break;
    }
    return at;
  }

  /**
   * A writer that was not told of a copy-and-truncate goes on where it was; the hole before it reads as zeros, as many
   * as the file had bytes.
   */
  #skipNuls(start: number, to: number): number {
    let at = start;
    while (at < to && this.#data[at] === 0) at++;
    this.#options.onSkippedNuls(at - start);
    return at;
  }

  /** A whole line, cut where it is longer than the limit. */
  #line(file: TrackedFile, start: number, end: number): void {
    if (file.discarding) {
      file.discarding = false;
      return;
    }
    let at = start;
    while (end - at > this.#options.maxLogSize) {
      at = this.#cut(file, at);
      // The rest of the line, which ends here.
      if (this.#options.truncate) {
        file.discarding = false;
        return;
      }
    }
    this.#record(file, at, end, at > start);
  }

  /** The first max_log_size bytes from `start` as a record of their own; returns where the rest begins. */
  #cut(file: TrackedFile, start: number): number {
    const end = characterStart(this.#data, start, start + this.#options.maxLogSize);
    this.#options.onCutLine();
    this.#record(file, start, end, true);
    file.discarding = this.#options.truncate;
    return end;
  }

  #record(file: TrackedFile, start: number, end: number, cut: boolean): void {
    const { encoder, out, keepLeading, keepTrailing } = this.#options;
    let from = start;
    let to = end;
    if (!keepTrailing) to = trimEnd(this.#data, from, to);
    else if (to > from && this.#data[to - 1] === 13) to -= 1;
    if (!keepLeading) from = trimStart(this.#data, from, to);
    if (from >= to) return;
    file.records += 1;
    const info = this.#info;
    info.cut = cut;
    info.offset = this.#base + start;
    info.number = file.records;
    if (this.#valid || isUtf8(this.#data.subarray(from, to))) {
      encoder.encode(out, this.#data, from, to, info);
      return;
    }
    // A protobuf string must be UTF-8: each invalid sequence becomes U+FFFD.
    const valid = Buffer.from(this.#data.toString('utf8', from, to), 'utf8');
    encoder.encode(out, valid, 0, valid.length, info);
  }

  #range(file: TrackedFile, from: number, to: number): Range | undefined {
    if (to === from) return undefined;
    const batch: Batch | undefined = this.#options.out.finish();
    file.tail = Uint8Array.prototype.slice.call(this.#buffer, Math.max(0, to - TAIL_BYTES), to);
    file.offset += to - from;
    const range: Range = {
      batch,
      endOffset: file.offset,
      endTail: file.tail,
      endDiscarding: file.discarding,
      endRecords: file.records,
      epoch: file.epoch,
      state: 'offered',
    };
    file.ranges.push(range);
    return range;
  }
}
