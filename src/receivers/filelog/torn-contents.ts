import type { FileRecord } from './identity.ts';
import type { Settlement } from './settlement.ts';
import type { TrackedFile } from './tracked-file.ts';

/**
 * Contents that were replaced in place before they were read to their end, until it was looked for the rest: a file that is
 * copied and truncated leaves it in the copy. What of it is under way is then named by the record of the copy, which is
 * where a run after a crash reads it again.
 */
export class TornContents {
  /** Bytes that were seen after the offset of each. */
  readonly #bytes = new Map<FileRecord, number>();
  readonly #settlements = new Map<FileRecord, Settlement>();

  get size(): number {
    return this.#bytes.size;
  }

  records(): FileRecord[] {
    return [...this.#bytes.keys()];
  }

  /** `settlement` is that of the content, when it was read in this run. */
  add(record: FileRecord, bytes: number, settlement?: Settlement): void {
    this.#bytes.set(record, Math.max(0, bytes));
    if (settlement !== undefined) this.#settlements.set(record, settlement);
  }

  /** This copy has the rest of it, and nothing was read of it yet. */
  found(record: FileRecord, copy: TrackedFile): void {
    const bytes = this.#bytes.get(record);
    if (bytes !== undefined) this.#bytes.set(record, Math.max(0, record.offset + bytes - copy.size));
    const settlement = this.#settlements.get(record);
    if (settlement !== undefined) copy.settlement = settlement;
    this.#settlements.delete(record);
  }

  /** It was looked for: what was not found is gone for good. */
  delete(record: FileRecord, onLost: (path: string, bytes: number) => void): void {
    const bytes = this.#bytes.get(record) ?? 0;
    this.#bytes.delete(record);
    this.#settlements.delete(record);
    if (bytes > 0) onLost(record.path, bytes);
  }
}
