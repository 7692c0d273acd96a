import { PrivateKeys } from './private-keys.ts';
import type { Redaction } from './redaction.ts';

/** Of a line that has not ended, kept in memory. A credential that began before that is not known any more. */
const MAX_BEFORE = 16 * 2 ** 10;

/**
 * Chunks of a text that follow each other, such as those of a file, redacted as they come: what began in one, a line or a private key, is
 * known in the next.
 */
export class RedactedChunks {
  readonly #redaction: Redaction;
  readonly #keys = new PrivateKeys();
  #before = '';

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  next(chunk: string): string {
    const plain = this.#redaction.text(chunk, this.#keys, this.#before);
    const line = this.#before + chunk.slice(-MAX_BEFORE);
    this.#before = line.slice(
      Math.max(chunk.includes('\n') ? line.lastIndexOf('\n') + 1 : 0, line.length - MAX_BEFORE),
    );
    return plain;
  }

  /** Nothing of it matters to the next chunk. */
  get isDone(): boolean {
    return this.#before === '' && !this.#keys.isOpen;
  }
}
