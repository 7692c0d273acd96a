/**
 * Buffers of results that go round (core/reuse.ts): memory that was used a moment ago costs a small part of memory that
 * is new, and what is new for each request waits for the garbage collector by the megabyte.
 *
 * Invariant: nobody reads or writes a buffer while it is in here. At most `MAX_BUFFERS` are, and `MAX_BYTES` of them.
 */
export class SpareBuffers {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  /** At least `bytes` long, and at most half as long again. */
  take(bytes: number): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const buffer = this.#free[i];
      if (buffer === undefined || buffer.length < bytes || buffer.length > bytes + bytes / 2) continue;
      this.#free.splice(i, 1);
      this.#freeBytes -= buffer.length;
      return buffer;
    }
    return Buffer.allocUnsafeSlow(roundedUp(bytes));
  }

  /** The whole memory that `part` is of, which was taken from here. Those that are seldom needed are let go. */
  give(part: Uint8Array): void {
    const bytes = part.buffer.byteLength;
    if (bytes < MIN_BYTES || bytes > MAX_BYTES / 8) return;
    this.#free.push(Buffer.from(part.buffer));
    this.#freeBytes += bytes;
    while (this.#free.length > MAX_BUFFERS || this.#freeBytes > MAX_BYTES) {
      this.#freeBytes -= this.#free.shift()?.length ?? 0;
    }
  }
}

const MAX_BUFFERS = 32;
const MAX_BYTES = 8 * 1024 * 1024;
/** Smaller ones are as quickly made as found. */
const MIN_BYTES = 1024;

/** By at most an eighth, so that the next result of about this length fits, too. */
function roundedUp(bytes: number): number {
  if (bytes < MIN_BYTES) return bytes;
  const step = 2 ** (28 - Math.clz32(bytes));
  return Math.ceil(bytes / step) * step;
}
