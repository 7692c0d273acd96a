import { partOfBatch, type Batch } from '../core/batch.ts';
import { framedBytes, OpenMessage, OpenRequest, type Frame } from './frame.ts';
import { REQUEST_LEVEL, type Level } from './levels.ts';
import { Cursor } from './wire.ts';

export { checkRequest } from './check.ts';

/** `bytes` is the encoded size of the request, framing included. A `max` of 0 or less is no limit. */
export interface SplitLimit {
  readonly sizer: 'items' | 'bytes';
  readonly max: number;
}

/**
 * Cuts a batch into parts that `limit` allows; together they carry the same items, in the same order.
 *
 * Whole resources are taken by `subarray`. Where a resource, a scope or a metric must be cut, its parts each get a copy
 * of its header, which is every field that is not a child, known or not. A part that is at least half full is closed
 * early rather than cut into what follows. A single item over the byte limit comes out alone. Messages without items
 * (an empty scope, say) are never cut. Throws payload_malformed.
 *
 * Headers are copied up to a bound of bytes per batch, so that a small request cannot be made to fill the memory with a
 * thousand copies of one huge resource; beyond it parts may exceed `max`.
 */
export function splitBatch(batch: Batch, limit: SplitLimit): Batch[] {
  const size = limit.sizer === 'items' ? batch.items : batch.bytes;
  if (size <= limit.max || limit.max <= 0) return [batch];
  return new Splitter(batch, limit).split();
}

const COPY_FACTOR = 8;
const COPY_ALLOWANCE_BYTES = 16 * 1024 * 1024;

/**
 * One walk down and over the batch. `#part` is the part being filled. `#open` lists the messages cut open on the way
 * down, outermost first: `#frame(d)` is the one at depth d, `#frame(0)` is the part. What is taken goes into the deepest
 * of them by way of `#run`, so that adjoining children are copied as one.
 */
class Splitter {
  readonly #batch: Batch;
  readonly #max: number;
  readonly #byBytes: boolean;
  readonly #parts: Batch[] = [];
  readonly #part = new OpenRequest();
  /** Items in the part being filled. */
  #items = 0;
  readonly #messages: OpenMessage[] = [];
  #depth = 0;
  readonly #run: { source: Uint8Array; start: number; end: number } = { source: new Uint8Array(0), start: 0, end: 0 };
  #copyBytesLeft: number;

  constructor(batch: Batch, limit: SplitLimit) {
    this.#batch = batch;
    this.#max = limit.max;
    this.#byBytes = limit.sizer === 'bytes';
    this.#copyBytesLeft = batch.bytes * COPY_FACTOR + COPY_ALLOWANCE_BYTES;
  }

  split(): Batch[] {
    const level = REQUEST_LEVEL[this.#batch.signal];
    for (const chunk of this.#batch.chunks) {
      this.#place(level, new Cursor(chunk));
      this.#endRun();
    }
    this.#flush();
    return this.#parts;
  }

  /** Hands out the children of the message that `at` walks; it is the deepest that is open. */
  #place(level: Level, at: Cursor): void {
    while (at.next()) {
      if (level.isChild(at)) this.#placeField(at, level.items(at), level.below);
      else if (this.#depth === 0) this.#placeField(at, 0, undefined);
    }
  }

  /** `below` is the level of what `at` stands on, if that can be cut. */
  #placeField(at: Cursor, items: number, below: Level | undefined): void {
    const bytes = at.end - at.tagStart;
    const used = this.#byBytes ? this.#sizeWith(bytes) - bytes : this.#items;
    const size = this.#byBytes ? bytes : items;
    if (used + size <= this.#max || !this.#mayCut()) {
      this.#take(at, items);
    } else if (used * 2 >= this.#max && this.#fitsAlone(bytes, items)) {
      this.#flush();
      this.#take(at, items);
    } else if (below !== undefined && items > 0) {
      this.#cutOpen(below, at);
    } else {
      this.#flush();
      this.#take(at, items);
    }
  }

  #cutOpen(below: Level, at: Cursor): void {
    this.#endRun();
    const message = (this.#messages[this.#depth] ??= new OpenMessage());
    message.open(below, at);
    this.#depth += 1;
    this.#place(below, new Cursor().enter(at));
    this.#endRun();
    this.#depth -= 1;
    this.#frame(this.#depth).adopt(message);
  }

  #take(at: Cursor, items: number): void {
    const run = this.#run;
    if (at.bytes !== run.source || at.tagStart !== run.end) {
      this.#endRun();
      run.source = at.bytes;
      run.start = at.tagStart;
    }
    run.end = at.end;
    this.#items += items;
  }

  #endRun(): void {
    const { source, start, end } = this.#run;
    if (end > start) this.#frame(this.#depth).append(source, start, end);
    this.#run.start = this.#run.end = 0;
  }

  /** Ends the part being filled; what is cut open goes on, with its header, in the next one. */
  #flush(): void {
    this.#endRun();
    for (let depth = this.#depth; depth > 0; depth--) {
      const message = this.#message(depth);
      this.#copyBytesLeft -= message.headerBytes;
      this.#frame(depth - 1).adopt(message);
    }
    const chunks = this.#part.takeChunks();
    if (chunks.length > 0) this.#parts.push(partOfBatch(this.#batch, chunks, this.#items));
    this.#items = 0;
  }

  /** Closing a part costs nothing between resources, and a copy of the headers inside one. */
  #mayCut(): boolean {
    return this.#depth === 0 || this.#copyBytesLeft > 0;
  }

  /** Size of the part if `bytes` more went into the deepest open message. */
  #sizeWith(bytes: number): number {
    let size = bytes + this.#run.end - this.#run.start;
    for (let depth = this.#depth; depth > 0; depth--) {
      const { headerBytes, contentBytes } = this.#message(depth);
      size = framedBytes(headerBytes + contentBytes + size);
    }
    return this.#part.contentBytes + size;
  }

  /** Whether the child would fit a part of its own. */
  #fitsAlone(bytes: number, items: number): boolean {
    if (!this.#byBytes) return items <= this.#max;
    let size = bytes;
    for (let depth = this.#depth; depth > 0; depth--) size = framedBytes(this.#message(depth).headerBytes + size);
    return size <= this.#max;
  }

  #frame(depth: number): Frame {
    return depth === 0 ? this.#part : this.#message(depth);
  }

  #message(depth: number): OpenMessage {
    const message = this.#messages[depth - 1];
    if (message === undefined) throw new RangeError(`Nothing is open at depth ${depth}.`);
    return message;
  }
}
