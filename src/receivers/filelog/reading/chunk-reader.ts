import type { Batch } from '../../../core/batch.ts';
import { newLineInfo } from '../encode/line-info.ts';
import type { LineEncoder, RecordWriter } from '../encode/record-writer.ts';
import type { HeldLines } from '../joining/held-groups.ts';
import { Piece } from '../joining/piece.ts';
import { TAIL_BYTES } from '../identity.ts';
import { readAt, type Range, type TrackedFile } from '../tracked-file.ts';
import { isUtf8 } from 'node:buffer';
import { characterStart, trimEnd, trimStart } from './bytes.ts';

export interface ChunkReaderOptions {
  readonly maxLogSize: number;
  readonly truncate: boolean;
  readonly keepLeading: boolean;
  readonly keepTrailing: boolean;
  /** Blank lines are lines too; otherwise they are left out. */
  readonly keepBlank: boolean;
  readonly fingerprintBytes: number;
  readonly encoder: LineEncoder;
  /** The stages of the encoder that keep lines back, first to last. */
  readonly held: readonly HeldLines[];
  /** A part of a record stays held when everything else is flushed: the next run joins it with the rest. */
  readonly keepsParts: boolean;
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
    };

/** What a turn takes besides whole lines: a last line without its end, and what stages hold back. */
export type Flush = 'nothing' | 'last line' | 'everything';

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
  #data: Buffer = this.#buffer;
  #base = 0;
  #valid = true;
  #isRestoring = false;
  readonly #info = newLineInfo();

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  /** One chunk of `file`, or what an earlier run held of it. Advances `file.offset`. */
  async turn(file: TrackedFile, flush: Flush): Promise<Turn> {
    if (file.rested && !(await this.#beginsAsBefore(file))) return { status: 'replaced' };
    if (file.heldEpoch !== file.epoch && this.holds(file)) return this.#release(file);
    if (file.toRestore.length > 0) return this.#restore(file);
    for (;;) {
      const { epoch } = file;
      const lead = file.tail.length;
      const wanted = this.#buffer.length;
      const length = await readAt(file.fd, this.#buffer, wanted, file.offset - lead);
      if (epoch !== file.epoch) return { status: 'replaced' };
      if (length < lead || !this.#continues(file)) return { status: 'replaced' };
      const atEnd = length < wanted;
      this.#grow(file, length, lead, atEnd);
      this.#options.begin(file);
      const end = this.#split(file, lead, length, flush !== 'nothing' && atEnd);
      const isComplete = atEnd && !this.#options.out.full;
      file.rested = isComplete;
      if (end > lead || atEnd) {
        this.#flushHeld(file, flush === 'everything' && isComplete);
        return { status: 'read', range: this.#range(file, lead, end), atEnd: isComplete };
      }
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
    return { status: 'read', range: this.#offer(file, file.tail), atEnd: false };
  }

  #flushHeld(file: TrackedFile, everything: boolean): void {
    const { held, out, keepsParts } = this.#options;
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
      runs.push(bytes.subarray(0, await readAt(file.fd, bytes, end - start, start)));
    }
    if (epoch !== file.epoch) return { status: 'replaced' };
    file.toRestore = [];
    this.#options.begin(file);
    this.#isRestoring = true;
    for (const [i, data] of runs.entries())
      this.#splitRun(file, data, { base: toRestore[i]?.[0] ?? 0, from: 0, flush: true });
    this.#isRestoring = false;
    this.#flushHeld(file, false);
    return { status: 'read', range: this.#offer(file, file.tail), atEnd: false };
  }

  #continues({ tail }: TrackedFile): boolean {
    return this.#buffer.compare(tail, 0, tail.length, 0, tail.length) === 0;
  }

  async #beginsAsBefore({ fd, head }: TrackedFile): Promise<boolean> {
    const length = await readAt(fd, this.#buffer, Math.min(head.length, this.#buffer.length), 0);
    return this.#buffer.compare(head, 0, length, 0, length) === 0;
  }

  /** Notes the new size, and head bytes seen for the first time. */
  #grow(file: TrackedFile, length: number, lead: number, atEnd: boolean): void {
    const start = file.offset - lead;
    file.size = atEnd ? start + length : Math.max(file.size, start + length);
    const { fingerprintBytes } = this.#options;
    const known = file.head.length;
    if (known < fingerprintBytes && start <= known && start + length > known) {
      const more = this.#buffer.subarray(known - start, Math.min(length, fingerprintBytes - start));
      file.head = Buffer.concat([file.head, more]);
    }
  }

  /** Splits `[from, to)` of the buffer; returns where the bytes that were taken end. */
  #split(file: TrackedFile, from: number, to: number, flush: boolean): number {
    return this.#splitRun(file, this.#buffer.subarray(0, to), { base: file.offset - from, from, flush });
  }

  /** Splits `data` from `from` on; `base` is where its first byte stands in the file. */
  #splitRun(
    file: TrackedFile,
    data: Buffer,
    { base, from, flush }: { base: number; from: number; flush: boolean },
  ): number {
    const { out, maxLogSize } = this.#options;
    const to = data.length;
    if (from === to) return from;
    this.#data = data;
    this.#base = base;
    this.#valid = isUtf8(data.subarray(from, to));
    let at = from;
    while (at < to && !out.full) {
      if (data[at] === 0 && !file.discarding) at = this.#skipNuls(at, to);
      const newline = data.indexOf(NEWLINE, at);
      if (newline !== -1) {
        this.#line(file, at, newline, newline + 1);
        at = newline + 1;
      } else if (file.discarding) return to;
      else if (to - at > maxLogSize) at = this.#cut(file, at);
      else if (flush) {
        this.#line(file, at, to, to);
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

  /** A whole line, cut where it is longer than the limit; `next` is where the next one begins. */
  #line(file: TrackedFile, start: number, end: number, next: number): void {
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
    this.#record(file, at, end, next, at > start);
  }

  /** The first max_log_size bytes from `start` as a record of their own; returns where the rest begins. */
  #cut(file: TrackedFile, start: number): number {
    const end = characterStart(this.#data, start, start + this.#options.maxLogSize);
    this.#options.onCutLine();
    this.#record(file, start, end, end, true);
    file.discarding = this.#options.truncate;
    return end;
  }

  #record(file: TrackedFile, start: number, end: number, next: number, cut: boolean): void {
    const { keepLeading, keepTrailing, keepBlank } = this.#options;
    let from = start;
    let to = end;
    if (!keepTrailing) to = trimEnd(this.#data, from, to);
    else if (to > from && this.#data[to - 1] === 13) to -= 1;
    if (!keepLeading) from = trimStart(this.#data, from, to);
    if (from >= to && !keepBlank) return;
    const info = this.#info;
    info.cut = cut;
    info.offset = this.#base + start;
    info.endOffset = this.#base + next;
    if (this.#isRestoring) this.#encodeRestored(file, from, to);
    else {
      info.number = ++file.records;
      this.#encode(from, to);
    }
  }

  #encode(from: number, to: number): void {
    const { encoder, out } = this.#options;
    if (this.#valid || isUtf8(this.#data.subarray(from, to))) {
      encoder.encode(out, this.#data, from, to, this.#info);
      return;
    }
    // A protobuf string must be UTF-8: each invalid sequence becomes U+FFFD.
    const valid = Buffer.from(this.#data.toString('utf8', from, to), 'utf8');
    encoder.encode(out, valid, 0, valid.length, this.#info);
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
      endDiscarding: file.discarding,
      endRecords: file.records,
      settles: out.takeSettled(),
      epoch: file.epoch,
      state: 'offered',
    };
    file.ranges.push(range);
    return range;
  }
}
