/** Buffers of one size that go round; so many are kept while there is work, and a few of them while there is none. */
export class BufferPool {
  readonly #bufferBytes: number;
  readonly #limits: { readonly working: number; readonly resting: number };
  readonly #free: Buffer[] = [];
  #limit: number;

  constructor(bufferBytes: number, limits: { readonly working: number; readonly resting: number }) {
    this.#bufferBytes = bufferBytes;
    this.#limits = limits;
    this.#limit = limits.resting;
  }

  take(): Buffer {
    this.#limit = this.#limits.working;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bufferBytes);
  }

  /** Takes a buffer back, which nobody may read any more. Others than its own are left to the garbage collector. */
  give(buffer: Buffer): void {
    if (buffer.length === this.#bufferBytes && this.#free.length < this.#limit) this.#free.push(buffer);
  }

  /** There is nothing to do for now. */
  rest(): void {
    this.#limit = this.#limits.resting;
    this.#free.length = Math.min(this.#free.length, this.#limit);
  }
}
