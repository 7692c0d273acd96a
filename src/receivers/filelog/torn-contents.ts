import type { FileRecord } from './identity.ts';

/**
 * Contents that were replaced in place before they were read to their end, until it was looked for the rest: a file that is
 * copied and truncated leaves it in the copy.
 */
export class TornContents {
  /** Bytes that were seen after the offset of each. */
  readonly #bytes = new Map<FileRecord, number>();

  get size(): number {
    return this.#bytes.size;
  }

  records(): FileRecord[] {
    return [...this.#bytes.keys()];
  }

  add(record: FileRecord, bytes: number): void {
    this.#bytes.set(record, Math.max(0, bytes));
  }

  /** A copy of this size has the rest of it. */
  found(record: FileRecord, size: number): void {
    const bytes = this.#bytes.get(record);
    if (bytes !== undefined) this.#bytes.set(record, Math.max(0, record.offset + bytes - size));
  }

  /** It was looked for: what was not found is gone for good. */
  delete(record: FileRecord, onLost: (path: string, bytes: number) => void): void {
    const bytes = this.#bytes.get(record) ?? 0;
    this.#bytes.delete(record);
    if (bytes > 0) onLost(record.path, bytes);
  }
}
