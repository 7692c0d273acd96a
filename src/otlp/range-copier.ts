import { SpareBuffers } from './spare-buffers.ts';
import type { Cursor } from './wire.ts';
import { Writer } from './writer.ts';

/** How much longer than its source a result is expected to be. */
const GROWTH = 0.1;

const NO_BYTES = Buffer.alloc(0);

/** A message on the way down to an edit. */
interface Level {
  /** The whole field in the source is [tagStart, end); its content is [start, end). */
  tagStart: number;
  start: number;
  end: number;
  field: number;
  /** True once an edit inside made it differ from the source, so that its length is written anew. */
  open: boolean;
  /** From `Writer.begin`. */
  mark: number;
  /** Where the writer stood before the field: what `prune` goes back to. */
  before: number;
}

/**
 * Copies one message while some ranges of it, at any depth, are cut out or replaced. Edits come in the order of the
 * source. Nothing is written before the first edit, and a message is opened (its length written anew) only when
 * something inside it changes: whole untouched siblings go over in one copy.
 *
 *   source   [ A [ B ....... ][ C [ D ..x.. ] ] ][ E ]         x: cut
 *   written  [ A'[ B ....... ][ C'[ D'.. .. ] ] ][ E ]         A', C', D' opened; B and E copied as ranges
 *
 * Invariant: everything of the source before `#copied` is written, or cut.
 */
export class RangeCopier {
  readonly #writer = new Writer(0);
  #spare = new SpareBuffers();
  readonly #levels: Level[] = [];
  #depth = 0;
  #opened = 0;
  #source: Uint8Array = new Uint8Array(0);
  #copied = 0;
  #changed = false;
  #expectedShare = 1;

  /** The result is of memory that is taken from `spare`. `expectedShare`: how long it will be against the source, about. */
  start(source: Uint8Array, spare: SpareBuffers, expectedShare = 1): void {
    this.#giveBack();
    this.#source = source;
    this.#spare = spare;
    this.#expectedShare = expectedShare;
    this.#depth = 0;
    this.#opened = 0;
    this.#copied = 0;
    this.#changed = false;
  }

  /** Goes down into the LEN field that `cursor` stands on. */
  enter(cursor: Cursor): void {
    const level = (this.#levels[this.#depth] ??= emptyLevel());
    level.tagStart = cursor.tagStart;
    level.start = cursor.start;
    level.end = cursor.end;
    level.field = cursor.field;
    level.open = false;
    this.#depth += 1;
  }

  /** Goes back up. */
  leave(): void {
    const level = this.#pop();
    if (!level.open) return;
    this.#copyTo(level.end);
    this.#writer.end(level.mark);
  }

  /** Goes back up and leaves the whole field out. */
  prune(): void {
    const level = this.#pop();
    if (level.open) this.#writer.pos = level.before;
    else this.cut(level.tagStart, level.end);
    this.#copied = level.end;
  }

  /** Leaves [from, to) out; what is written to the returned writer stands in its place. `to` may equal `from`. */
  cut(from: number, to: number): Writer {
    if (!this.#changed) this.#reserve();
    if (this.#opened < this.#depth) this.#openAll();
    this.#copyTo(from);
    this.#copied = to;
    return this.#writer;
  }

  /** The message with all edits, in memory of its own; undefined when there were none. */
  finish(): Uint8Array | undefined {
    if (!this.#changed) return undefined;
    this.#copyTo(this.#source.length);
    const writer = this.#writer;
    if (writer.pos * 2 >= writer.buffer.length) return writer.swap(NO_BYTES);
    const out = this.#spare.take(writer.pos).subarray(0, writer.pos);
    writer.buffer.copy(out, 0, 0, writer.pos);
    this.#giveBack();
    return out;
  }

  #giveBack(): void {
    const unused = this.#writer.buffer;
    this.#writer.swap(NO_BYTES);
    if (unused.length > 0) this.#spare.give(unused);
  }

  /** One buffer with room for a little more than is expected, so that the result is given away as it is. */
  #reserve(): void {
    this.#changed = true;
    this.#writer.swap(this.#spare.take(Math.ceil(this.#source.length * this.#expectedShare * (1 + GROWTH)) + 256));
  }

  #pop(): Level {
    this.#depth -= 1;
    const level = this.#levels[this.#depth];
    if (level === undefined) throw new Error('BUG: left more messages than were entered.');
    if (level.open) this.#opened -= 1;
    return level;
  }

  #openAll(): void {
    for (; this.#opened < this.#depth; this.#opened++) {
      const level = this.#levels[this.#opened];
      if (level === undefined) return;
      this.#copyTo(level.tagStart);
      level.before = this.#writer.pos;
      level.mark = this.#writer.begin(level.field, level.end - level.start);
      level.open = true;
      this.#copied = level.start;
    }
  }

  #copyTo(end: number): void {
    if (end > this.#copied) this.#writer.raw(this.#source, this.#copied, end);
    this.#copied = end;
  }
}

function emptyLevel(): Level {
  return { tagStart: 0, start: 0, end: 0, field: 0, open: false, mark: 0, before: 0 };
}
