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
    for (const file of this.#open.values()) bytes += file.repeatedAfterCrash(this.#hasCheckpoint);
    return bytes;
  }

  onOpened(file: TrackedFile): void {
    file.saved = { epoch: file.epoch, offset: file.acked };
  }

  onClosing(file: TrackedFile): void {
    if (this.#hasCheckpoint) this.#closedBytes += file.repeatedAfterCrash(true);
  }

  /** Asked together with the records for a checkpoint; called back when they are on disk. */
  noteSaved(): () => void {
    const closedBytes = this.#closedBytes;
    const saved = Array.from(this.#open.values(), (file) => ({ file, epoch: file.epoch, offset: file.acked }));
    return () => {
      this.#closedBytes -= closedBytes;
      for (const { file, epoch, offset } of saved) file.saved = { epoch, offset };
    };
  }
}
