import type { TrackedFile } from './tracked-file.ts';

/** Counts the bytes that were read and that a crash at this moment would repeat. */
export class CrashWindow {
  readonly #open: ReadonlyMap<string, TrackedFile>;
  readonly #hasCheckpoint: boolean;
  /** Of files that were closed since the last checkpoint. */
  #closedBytes = 0;

  constructor(open: ReadonlyMap<string, TrackedFile>, hasCheckpoint: boolean) {
    this.#open = open;
    this.#hasCheckpoint = hasCheckpoint;
  }

  get bytes(): number {
    let bytes = this.#closedBytes;
    for (const file of this.#open.values()) bytes += this.#repeated(file);
    return bytes;
  }

  onOpened(file: TrackedFile): void {
    file.settlement.savedOffset = file.acked;
  }

  onClosing(file: TrackedFile): void {
    if (this.#hasCheckpoint) this.#closedBytes += this.#repeated(file);
  }

  /** Asked together with the records for a checkpoint; called back when they are on disk. */
  noteSaved(): () => void {
    const closedBytes = this.#closedBytes;
    const saved = Array.from(this.#open.values(), ({ settlement }) => ({ settlement, offset: settlement.acked }));
    return () => {
      this.#closedBytes -= closedBytes;
      for (const { settlement, offset } of saved) settlement.savedOffset = offset;
    };
  }

  #repeated({ settlement, offset }: TrackedFile): number {
    return settlement.repeatedAfterCrash(offset, this.#hasCheckpoint);
  }
}
