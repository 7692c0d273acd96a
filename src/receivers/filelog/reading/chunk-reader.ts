import type { Batch } from '../../../core/batch.ts';
import { NOTHING_FRESH } from '../../../core/file-system.ts';
import { newLineInfo } from '../encode/line-info.ts';
import type { LineEncoder, RecordWriter } from '../encode/record-writer.ts';
import type { HeldLines } from '../joining/held-groups.ts';
import { Piece } from '../joining/piece.ts';
import { TAIL_BYTES } from '../identity.ts';
import type { Range } from '../settlement.ts';
import type { TrackedFile } from '../tracked-file.ts';
import type { Encoding } from './encodings.ts';
import type { Splitter } from './splitter.ts';

export interface ChunkReaderOptions {
  readonly encoding: Encoding;
  readonly splitter: Splitter;
  readonly maxLogSize: number;
  readonly truncate: boolean;
  readonly keepLeading: boolean;
  readonly keepTrailing: boolean;
  /** Blank lines are lines too; otherwise they are left out. */
  readonly keepBlank: boolean;
  readonly fingerprintBytes: number;
  readonly encoder: LineEncoder;
  /** The encoder is given lines of UTF-8 as they stand, valid or not, and told which. */
  readonly takesBytes?: boolean;
  /** The stages of the encoder that keep lines back, first to last. */
  readonly held: readonly HeldLines[];
  /** A part of a record stays held when everything else is flushed: the next run joins it with the rest. */
  readonly keepsParts: boolean;
  readonly out: RecordWriter;
  /** Bytes that are read at once, unless a record is longer. CHUNK_BYTES when left out. */
  readonly chunkBytes?: number;
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
      /** The end of the file was seen; what is left after `file.offset` is a partial record. */
      readonly atEnd: boolean;
      /** Bytes after the offset that were seen before and are not there any more. */
      readonly lostBytes: number;
    };

/** What a turn takes besides whole lines: a last line without its end, and what stages hold back. */
export type Flush = 'nothing' | 'last line' | 'everything';

export const CHUNK_BYTES = 256 * 1024;

/**
 * Reads a file chunk by chunk into one buffer that all files share, and turns whole records into log records.
 *
 *   file:    ... | tail (<= 32) | record | record | part of a record | ...
 *   buffer:      [ tail          . bytes read from file.offset on    )
 *
 * The bytes before the offset are read again with each chunk: when they differ from what was there, the file was replaced
 * in place. Lines of one length may end alike, so the head is compared as well whenever the file was read to its end before.
 * A partial record stays in the file and is read again once there is more, so an idle file costs no memory.
 */
export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  readonly #bufferBytes: number;
  #buffer: Buffer<ArrayBuffer>;
  // State of the chunk being split.
  #data: Buffer;
  #base = 0;
  #valid = true;
  #isRestoring = false;
  readonly #info = newLineInfo();

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
    this.#bufferBytes = TAIL_BYTES + (options.chunkBytes ?? CHUNK_BYTES);
    this.#buffer = Buffer.allocUnsafeSlow(this.#bufferBytes);
    this.#data = this.#buffer;
  }

  /** One chunk of `file`, or what an earlier run held of it. Advances `file.offset`. */
  async turn(file: TrackedFile, flush: Flush): Promise<Turn> {
    if (file.rested && file.archive === undefined && !(await this.#beginsAsBefore(file))) return { status: 'replaced' };
    if (file.heldEpoch !== file.epoch && this.holds(file)) return this.#release(file);
    if (file.toRestore.length > 0) return this.#restore(file);
    for (;;) {
      const { epoch } = file;
      const lead = file.tail.length;
      const wanted = this.#buffer.length;
      const length = await file.readAt(this.#buffer, wanted, file.offset - lead, file.offset);
      if (epoch !== file.epoch) return { status: 'replaced' };
      if (length < lead || !this.#continues(file, length)) return { status: 'replaced' };
      const atEnd = length < wanted;
      const lostBytes = this.#grow(file, length, lead, atEnd);
      this.#options.begin(file);
      const end = this.#split(file, lead, length, atEnd && mayEnd(file, flush !== 'nothing'));
      const isComplete = atEnd && !this.#options.out.full;
      file.restedSize = isComplete ? file.size : -1;
      if (end > lead || atEnd) {
        // Nothing follows what is compressed, or in a file that is over.
        const keepsParts = this.#options.keepsParts && file.archive === undefined && !file.isOver;
        this.#flushHeld(file, isComplete && mayEnd(file, flush === 'everything'), keepsParts);
        return { status: 'read', range: this.#range(file, lead, end), atEnd: isComplete, lostBytes };
      }
      // Not one whole record fits: they may be longer than the buffer, up to the limit.
      this.#buffer = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
    }
  }

  /** Gives back a buffer that one long record had made large. */
  shrink(): void {
    this.#options.out.rest();
    if (this.#buffer.length > this.#bufferBytes) {
      this.#buffer = Buffer.allocUnsafeSlow(this.#bufferBytes);
      this.#data = this.#buffer;
    }
  }

  /** True when lines may have to wait for further ones. */
  get holdsBack(): boolean {
    return this.#options.held.length > 0;
  }

  /** True when lines of the file wait for further ones. */
  holds(file: TrackedFile): boolean {
    return this.#options.held.some((stage) => stage.holds(file));
  }

  /** `file` goes on where `predecessor` ended. */
  adopt(predecessor: TrackedFile, file: TrackedFile): void {
    for (const stage of this.#options.held) stage.adopt(predecessor, file);
    file.heldEpoch = file.epoch;
    file.holdsLines = this.holds(file);
    predecessor.holdsLines = false;
    file.predecessor = undefined;
    predecessor.successor = undefined;
  }

  /** The content that held lines were read from is gone: nothing will continue them. */
  #release(file: TrackedFile): Turn {
    this.#options.begin(file);
    this.#flushHeld(file, true);
    return { status: 'read', range: this.#offer(file, file.tail), atEnd: false, lostBytes: 0 };
  }

  #flushHeld(file: TrackedFile, everything: boolean, keepsParts = false): void {
    const { held, out } = this.#options;
    file.heldDueMs = Number.POSITIVE_INFINITY;
    file.heldEpoch = file.epoch;
    file.holdsLines = false;
    for (const stage of held) {
      stage.flush(out, everything && !(keepsParts && stage.isPartial) ? Number.POSITIVE_INFINITY : out.monotonicMs);
    }
    for (const stage of held) {
      stage.note(file);
      file.holdsLines ||= stage.holds(file);
      file.heldDueMs = Math.min(file.heldDueMs, stage.dueMs(file));
    }
  }

  /** Reads what an earlier run held back, so that it waits again. */
  async #restore(file: TrackedFile): Promise<Turn> {
    const { epoch, toRestore } = file;
    const runs: Buffer[] = [];
    for (const [start, end] of toRestore) {
      const bytes = Buffer.allocUnsafe(end - start);
      runs.push(bytes.subarray(0, await file.readAt(bytes, end - start, start)));
    }
    if (epoch !== file.epoch) return { status: 'replaced' };
    file.toRestore = [];
    this.#options.begin(file);
    this.#isRestoring = true;
    const { afterCut } = file;
    for (const [i, data] of runs.entries()) {
      file.afterCut = false;
      this.#splitRun(file, data, { base: toRestore[i]?.[0] ?? 0, from: 0, isFinal: true });
    }
    file.afterCut = afterCut;
    this.#isRestoring = false;
    this.#flushHeld(file, false);
    return { status: 'read', range: this.#offer(file, file.tail), atEnd: false, lostBytes: 0 };
  }

  /** What was seen of these bytes before, at the opening or by the last turn, is still there. */
  #continues({ tail, head, offset }: TrackedFile, length: number): boolean {
    if (this.#buffer.compare(tail, 0, tail.length, 0, tail.length) !== 0) return false;
    const start = offset - tail.length;
    const end = Math.min(head.length, start + length);
    return end <= start || this.#buffer.compare(head, start, end, 0, end - start) === 0;
  }

  async #beginsAsBefore(file: TrackedFile): Promise<boolean> {
    const { head } = file;
    const headBytes = Math.min(head.length, this.#buffer.length);
    const length = await file.readAt(this.#buffer, headBytes, 0, NOTHING_FRESH);
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
  #split(file: TrackedFile, from: number, to: number, isFinal: boolean): number {
    return this.#splitRun(file, this.#buffer.subarray(0, to), { base: file.offset - from, from, isFinal });
  }

  /** Splits `bytes` from `from` on; `base` is where its first byte stands in the file. */
  #splitRun(
    file: TrackedFile,
    bytes: Buffer,
    { base, from, isFinal }: { base: number; from: number; isFinal: boolean },
  ): number {
    const { encoding, splitter } = this.#options;
    const { unitBytes } = encoding;
    const first = from + ((base + from) % unitBytes);
    const before = from >= unitBytes ? first - unitBytes : first;
    const data = encoding.arrange(bytes, before, file.head);
    const mark = base + from === 0 ? encoding.markBytes(data, first) : 0;
    const start = first + mark;
    const end = data.length - ((data.length - start) % unitBytes);
    if (start >= end) return from;
    this.#data = data;
    this.#base = base;
    this.#valid = encoding.isUtf8(data.subarray(start, end));
    splitter.begin({ data, start: mark > 0 ? start : before, end, isFinal });
    return this.#records(file, start, end, isFinal);
  }

  #records(file: TrackedFile, start: number, end: number, isFinal: boolean): number {
    const { out, splitter, encoding, maxLogSize } = this.#options;
    // With one more unit than the limit there is certainly more than the first half of `\r\n` left over.
    const cutBytes = maxLogSize + encoding.unitBytes + splitter.reachBytes;
    let at = start;
    // What is restored is taken at once: bounded by what may be held, and named by the checkpoint until it is settled.
    while (at < end && (this.#isRestoring || !out.full)) {
      if (this.#data[at] === 0 && !file.afterCut) {
        at = this.#skipNuls(at, end);
        if (at === end) break;
      }
      if (splitter.find(at, file.afterCut)) {
        this.#record(file, at);
        file.afterCut = false;
        at = splitter.next;
        continue;
      }
      if (file.afterCut && this.#options.truncate) {
        return isFinal ? end : encoding.characterStart(this.#data, at, Math.max(at, end - splitter.reachBytes));
      }
      splitter.takeRest(at, file.afterCut);
      if (end - splitter.from > cutBytes) at = this.#cut(file, splitter.from, at);
      else if (isFinal) {
        this.#record(file, at);
        return end;
      } else break;
    }
    return at;
  }

  /**
   * A writer that was not told of a copy-and-truncate goes on where it was; the hole before it reads as zeros, as many
   * as the file had bytes.
   */
  #skipNuls(start: number, end: number): number {
    const at = this.#options.encoding.skipNuls(this.#data, start, end);
    if (at > start) this.#options.onSkippedNuls(at - start);
    return at;
  }

  /** The record that the splitter found, cut where it is longer than the limit. Begins at `start` with what is not content. */
  #record(file: TrackedFile, start: number): void {
    const { splitter, maxLogSize, truncate } = this.#options;
    const { to, next } = splitter;
    if (file.afterCut && truncate) return;
    const info = this.#info;
    info.offset = this.#base + start;
    let at = splitter.from;
    while (to - at > maxLogSize) {
      at = this.#cut(file, at, at === splitter.from ? start : at);
      if (truncate) return;
      info.offset = this.#base + at;
    }
    info.endOffset = this.#base + next;
    this.#emit(file, at, to, false);
  }

  /** The first max_log_size bytes from `at` as a record of their own, which begins at `start`; returns where the rest begins. */
  #cut(file: TrackedFile, at: number, start: number): number {
    const end = this.#options.encoding.characterStart(this.#data, at, at + this.#options.maxLogSize);
    this.#options.onCutLine();
    this.#info.offset = this.#base + start;
    this.#info.endOffset = this.#base + end;
    this.#emit(file, at, end, true);
    file.afterCut = true;
    return end;
  }

  /** Blanks at the ends of a record are not content; where it was cut they are. */
  #emit(file: TrackedFile, from: number, to: number, isCutAfter: boolean): void {
    const { encoding, keepLeading, keepTrailing, keepBlank } = this.#options;
    const isCutBefore = file.afterCut;
    const end = keepTrailing || isCutAfter ? to : encoding.trimEnd(this.#data, from, to);
    const start = keepLeading || isCutBefore ? from : encoding.trimStart(this.#data, from, end);
    if (start >= end && (!keepBlank || isCutBefore)) return;
    this.#info.cut = isCutBefore || isCutAfter;
    if (this.#isRestoring) this.#encodeRestored(file, start, end);
    else {
      this.#info.number = ++file.records;
      this.#encode(start, end);
    }
  }

  #encode(from: number, to: number): void {
    const { encoder, encoding, out, takesBytes = false } = this.#options;
    const isUtf8 = this.#valid || encoding.isUtf8(this.#data.subarray(from, to));
    this.#info.isUtf8 = isUtf8 || !takesBytes;
    if (isUtf8 || takesBytes) {
      encoder.encode(out, this.#data, from, to, this.#info);
      return;
    }
    // A string of protobuf is UTF-8: what cannot be carried over becomes U+FFFD.
    const utf8 = Buffer.from(encoding.decode(this.#data, from, to), 'utf8');
    encoder.encode(out, utf8, 0, utf8.length, this.#info);
  }

  /** The checkpoint goes on naming the line until the batch with its record is settled, whichever that will be. */
  #encodeRestored(file: TrackedFile, from: number, to: number): void {
    const info = this.#info;
    const pieces = [new Piece(file, info.offset, info.endOffset)];
    for (const piece of pieces) piece.note();
    info.number = file.records;
    info.pieces = pieces;
    this.#encode(from, to);
    this.#options.out.settle(info);
  }

  #range(file: TrackedFile, from: number, to: number): Range | undefined {
    if (to === from && this.#options.out.isEmpty) return undefined;
    file.offset += to - from;
    return this.#offer(file, Uint8Array.prototype.slice.call(this.#buffer, Math.max(0, to - TAIL_BYTES), to));
  }

  /** The bytes up to `file.offset`, which end in `tail`, with what was written since the turn began. */
  #offer(file: TrackedFile, tail: Uint8Array): Range {
    const { out } = this.#options;
    const batch: Batch | undefined = out.finish();
    file.tail = tail;
    const range: Range = {
      batch,
      endOffset: file.offset,
      endTail: file.tail,
      endAfterCut: file.afterCut,
      endRecords: file.records,
      settles: out.takeSettled(),
      settlement: file.settlement,
      state: 'offered',
    };
    file.settlement.ranges.push(range);
    return range;
  }
}

/** Whether what is left at the end is a record: when asked to take it, or, of what is compressed, when it is whole. */
function mayEnd({ archive }: TrackedFile, flush: boolean): boolean {
  return archive === undefined ? flush : archive.isWhole;
}
