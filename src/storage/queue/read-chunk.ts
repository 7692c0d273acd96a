/**
 * Memory that several records were read into. It counts as a whole for as long as one of them is held, and goes round
 * once every one of them was delivered: the garbage collector would let a backlog's dead buffers gather by the dozen.
 */
export interface ReadChunk {
  readonly bytes: Buffer;
  /** Records in it that are in memory or leased. */
  held: number;
  /** Records in it that nobody reads any more. */
  free: number;
  records: number;
}

/** Buffers of one size. */
export class ChunkPool {
  readonly chunkBytes: number;
  readonly #limit: number;
  readonly #idle: Buffer[] = [];

  /** Keeps at most `limit` buffers that nobody uses. */
  constructor(chunkBytes: number, limit: number) {
    this.chunkBytes = chunkBytes;
    this.#limit = limit;
  }

  /** At least `bytes` long; a larger one than usual is not used again. */
  take(bytes: number): ReadChunk {
    const fresh = bytes > this.chunkBytes ? Buffer.allocUnsafeSlow(bytes) : undefined;
    const buffer = fresh ?? this.#idle.pop() ?? Buffer.allocUnsafeSlow(this.chunkBytes);
    return { bytes: buffer, held: 0, free: 0, records: 0 };
  }

  giveBack({ bytes }: ReadChunk): void {
    if (bytes.byteLength === this.chunkBytes && this.#idle.length < this.#limit) this.#idle.push(bytes);
  }

  /** Lets the idle ones go; returns their bytes. */
  shed(): number {
    const freed = this.#idle.length * this.chunkBytes;
    this.#idle.length = 0;
    return freed;
  }
}
