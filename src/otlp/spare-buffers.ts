/**
 * Buffers of results that go round (core/reuse.ts): memory that was used a moment ago costs a small part of memory that
 * is new, and what is new for each request waits for the garbage collector by the megabyte.
 *
 * Each processor has its own: an upstream that answers before it has read a request may read what was written over its
 * rest, which then is of the same pipeline, and not what goes elsewhere.
 *
 * Invariants: nobody reads or writes a buffer while it is in here. At most `MAX_BUFFERS` are, and `MAX_BYTES` in all of
 * these together; `filled` has those that are not empty, the one that was given to last at the end.
 */
export class SpareBuffers {
  readonly #free: Buffer[] = [];

  /** At least `bytes` long, and at most half as long again. */
  take(bytes: number): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const buffer = this.#free[i];
      if (buffer === undefined || buffer.length < bytes || buffer.length > bytes + bytes / 2) continue;
      this.#remove(i);
      return buffer;
    }
    return Buffer.allocUnsafeSlow(roundedUp(bytes));
  }

  /** The whole memory that `part` is of, which was taken from here. Those that are seldom needed are let go. */
  give(part: Uint8Array): void {
    const bytes = part.buffer.byteLength;
    if (bytes < MIN_BYTES || bytes > MAX_BYTES / 8) return;
    this.#free.push(Buffer.from(part.buffer));
    filledBytes += bytes;
    filled.delete(this);
    filled.add(this);
    if (this.#free.length > MAX_BUFFERS) this.#remove(0);
    for (const idlest of filled) while (filledBytes > MAX_BYTES && idlest.#free.length > 0) idlest.#remove(0);
  }

  #remove(at: number): void {
    filledBytes -= this.#free[at]?.length ?? 0;
    this.#free.splice(at, 1);
    if (this.#free.length === 0) filled.delete(this);
  }
}

const filled = new Set<SpareBuffers>();
let filledBytes = 0;

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
