/** Kept between scrapes at most, over all targets: a few pages of 10,000 series, and what they became. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** Buffers come in steps of this, and a little larger than asked for: pages grow by a digit here and there. */
const STEP_BYTES = 64 * 1024;

/**
 * Memory for pages and for large batches, used again from scrape to scrape: fresh memory for each page costs page faults and collections.
 * Invariant: what is kept is at most KEPT_BYTES, however many targets there are and however large one page was.
 */
export class PageBuffers {
  #kept: Buffer[] = [];
  #keptBytes = 0;

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * A buffer of at least `bytes` with any content, and at most `mostBytes`, which is twice as many or more. It is the
   * caller's until `give`, which it may leave out.
   */
  take(bytes: number, mostBytes = Infinity): Buffer {
    const at = this.#kept.findIndex((buffer) => buffer.length >= bytes && buffer.length <= mostBytes);
    const [found] = at < 0 ? [] : this.#kept.splice(at, 1);
    if (found === undefined) return Buffer.allocUnsafeSlow(Math.ceil((bytes * 9) / 8 / STEP_BYTES) * STEP_BYTES);
    this.#keptBytes -= found.length;
    return found;
  }

  /** Nobody may use the buffer from now on. The smallest fitting one is taken first, so small pages leave the large ones. */
  give(buffer: Buffer): void {
    if (this.#keptBytes + buffer.length > KEPT_BYTES) return;
    this.#keptBytes += buffer.length;
    this.#kept.push(buffer);
    this.#kept.sort((a, b) => a.length - b.length);
  }
}
