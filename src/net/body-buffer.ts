import type { Admitted } from '../core/component.ts';

/** Memory taken on the word of a header at most; beyond it, memory follows the bytes that really arrive. */
const TRUSTED_BYTES = 1024 * 1024;
/** First room for a body whose length nobody announced. */
const UNKNOWN_BYTES = 16 * 1024;

export type PushResult = 'ok' | 'too_large' | 'no_room';

/**
 * One body as it arrives, in one run of bytes that nobody else uses.
 * Invariants: at most `limitBytes`; the room that is allocated is always admitted first. The admission stays open until
 * `release`, because the bytes live on while the pipeline decides about them.
 */
export class BodyBuffer {
  length = 0;
  readonly #limitBytes: number;
  readonly #admitted: Admitted;
  readonly #expectedBytes: number;
  #buffer: Buffer | undefined;
  #roomBytes: number;

  /** `expectedBytes` undefined: not announced. Gives undefined, and releases, when admission has no room for it. */
  static tryOpen(admitted: Admitted, limitBytes: number, expectedBytes: number | undefined): BodyBuffer | undefined {
    const firstBytes = Math.min(limitBytes, expectedBytes ?? UNKNOWN_BYTES, TRUSTED_BYTES);
    if (admitted.tryResize(firstBytes)) {
      return new BodyBuffer(admitted, limitBytes, expectedBytes ?? limitBytes, firstBytes);
    }
    admitted.release();
    return undefined;
  }

  private constructor(admitted: Admitted, limitBytes: number, expectedBytes: number, firstBytes: number) {
    this.#admitted = admitted;
    this.#limitBytes = limitBytes;
    this.#expectedBytes = expectedBytes;
    this.#roomBytes = firstBytes;
  }

  /** What the body holds of the admission, for work that needs more, such as inflating. */
  get admitted(): Admitted {
    return this.#admitted;
  }

  push(chunk: Uint8Array): PushResult {
    const needBytes = this.length + chunk.length;
    if (needBytes > this.#limitBytes) return 'too_large';
    if (needBytes > this.#roomBytes && !this.#tryGrow(needBytes)) return 'no_room';
    this.#buffer ??= Buffer.allocUnsafeSlow(this.#roomBytes);
    this.#buffer.set(chunk, this.length);
    this.length = needBytes;
    return 'ok';
  }

  /** The bytes so far. The buffer itself must not be pushed to afterwards. */
  bytes(): Buffer {
    return this.#buffer?.subarray(0, this.length) ?? EMPTY;
  }

  release(): void {
    this.#admitted.release();
    this.#buffer = undefined;
  }

  #tryGrow(needBytes: number): boolean {
    const roomBytes = Math.max(needBytes, Math.min(this.#roomBytes * 2, this.#expectedBytes));
    if (!this.#admitted.tryResize(roomBytes)) return false;
    if (this.#buffer !== undefined) {
      const grown = Buffer.allocUnsafeSlow(roomBytes);
      this.#buffer.copy(grown, 0, 0, this.length);
      this.#buffer = grown;
    }
    this.#roomBytes = roomBytes;
    return true;
  }
}

const EMPTY = Buffer.alloc(0);
