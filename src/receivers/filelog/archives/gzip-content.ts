import { once } from 'node:events';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { OpenFile } from '../../../core/file-system.ts';

const PIECE_BYTES = 64 * 1024;

/**
 * What a gzip file holds, one or more members of it, read at places of the decompressed content. Reading on is cheap, and
 * so is reading again what the last read gave; further back it is decompressed from the start.
 *
 *   content:  ... | held: the last read, and what was decompressed with it | not decompressed yet
 *
 * Memory is bounded by the length of a read, however small the file and large its content. One read at a time.
 */
export class GzipContent {
  readonly #compressed: OpenFile;
  #pieces: AsyncIterator<Buffer> | undefined;
  #held: Buffer = Buffer.alloc(0);
  #heldStart = 0;
  #isAtEnd = false;
  /** Why the content ends where it does, when that is not its proper end. */
  failure: unknown;

  constructor(compressed: OpenFile) {
    this.#compressed = compressed;
  }

  /** True when the proper end was seen. */
  get isWhole(): boolean {
    return this.#isAtEnd && this.failure === undefined;
  }

  /** Resolves with the bytes read: fewer than `length` only where the content ends, properly or not. */
  async readAt(into: Uint8Array, length: number, position: number): Promise<number> {
    if (position < this.#heldStart) await this.close();
    while (this.#heldStart + this.#held.length < position) {
      this.#drop(this.#held.length);
      if (!(await this.#advance(1))) return 0;
    }
    this.#drop(position - this.#heldStart);
    await this.#advance(length - this.#held.length);
    return this.#held.copy(into, 0, 0, Math.min(length, this.#held.length));
  }

  /** Gives back what decompressing needs; reading again begins at the start. */
  async close(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = undefined;
    this.#held = Buffer.alloc(0);
    this.#heldStart = 0;
    this.#isAtEnd = false;
    this.failure = undefined;
    await pieces?.return?.();
  }

  #drop(bytes: number): void {
    this.#held = this.#held.subarray(bytes);
    this.#heldStart += bytes;
  }

  /** Holds at least so many bytes more; false when there are none. */
  async #advance(bytes: number): Promise<boolean> {
    const run = [this.#held];
    let more = 0;
    while (more < bytes) {
      const piece = await this.#next();
      if (piece === undefined) break;
      run.push(piece);
      more += piece.length;
    }
    if (more > 0) this.#held = Buffer.concat(run);
    return more > 0;
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#isAtEnd) return undefined;
    this.#pieces ??= decompress(this.#compressed);
    try {
      const next = await this.#pieces.next();
      if (next.done !== true) return next.value;
    } catch (error) {
      this.failure = error;
    }
    this.#isAtEnd = true;
    return undefined;
  }
}

async function* decompress(file: OpenFile): AsyncGenerator<Buffer, undefined> {
  const compressed = Readable.from(pieces(file), { objectMode: false });
  const content = createGunzip({ chunkSize: PIECE_BYTES });
  compressed.on('error', (error) => content.destroy(error));
  compressed.pipe(content);
  try {
    for await (const piece of content) if (Buffer.isBuffer(piece)) yield piece;
    return undefined;
  } finally {
    content.destroy();
    compressed.destroy();
    // Until then it may still be reading, from a descriptor that is closed next.
    if (!compressed.closed) await once(compressed, 'close');
  }
}

async function* pieces(file: OpenFile): AsyncGenerator<Buffer, undefined> {
  for (let position = 0; ;) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const length = await file.readAt(piece, piece.length, position);
    if (length === 0) return undefined;
    position += length;
    yield piece.subarray(0, length);
  }
}
