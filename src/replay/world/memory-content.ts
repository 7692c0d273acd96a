/** Of all blocks but the first, which begins smaller. */
const BLOCK_BYTES = 64 * 1024;
const FIRST_BYTES = 1024;

/**
 * The content of a file in memory. It lies in blocks, so that a long file grows without being copied:
 *
 *     | block 0     | block 1     | block 2     |
 *     |<-------------- size ------------>|
 *
 * Invariants: every block but the last is full and has BLOCK_BYTES; no block lies behind `size`. Block 0 doubles until it
 * has that, since most files are short.
 */
export class MemoryContent {
  readonly #blocks: Uint8Array[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(content: Uint8Array): void {
    for (let from = 0; from < content.length;) {
      const room = this.#room(content.length - from);
      const piece = content.subarray(from, from + room.length);
      room.set(piece);
      from += piece.length;
      this.#size += piece.length;
    }
  }

  /** Cuts it off; does nothing when it is shorter. */
  truncate(size: number): void {
    this.#size = Math.min(this.#size, size);
    this.#blocks.length = Math.ceil(this.#size / BLOCK_BYTES);
  }

  /** Copies what is there of `length` bytes from `position` on; the number of bytes. */
  readAt(into: Uint8Array, length: number, position: number): number {
    const end = Math.min(this.#size, position + length);
    let at = position;
    while (at < end) {
      const start = at % BLOCK_BYTES;
      const block = this.#blocks[(at - start) / BLOCK_BYTES];
      const piece = block?.subarray(start, start + end - at);
      if (piece === undefined || piece.length === 0) break;
      into.set(piece, at - position);
      at += piece.length;
    }
    return Math.max(0, at - position);
  }

  /** Where the next bytes go: some of them at least. */
  #room(wanted: number): Uint8Array {
    const used = this.#size % BLOCK_BYTES;
    const index = (this.#size - used) / BLOCK_BYTES;
    const block = this.#blocks[index];
    if (block !== undefined && used < block.length) return block.subarray(used);
    const least = index === 0 ? Math.max(FIRST_BYTES, used * 2, used + wanted) : BLOCK_BYTES;
    const made = new Uint8Array(Math.min(BLOCK_BYTES, least));
    if (block !== undefined) made.set(block);
    this.#blocks[index] = made;
    return made.subarray(used);
  }
}
