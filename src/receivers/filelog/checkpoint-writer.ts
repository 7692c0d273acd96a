import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { StorageClient } from '../../core/storage.ts';
import { loadCheckpoint, saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import type { CrashWindow } from './crash-window.ts';
import type { FileRecord } from './identity.ts';
import type { FilelogMetrics } from './metrics.ts';

export interface Checkpointed {
  records(): readonly FileRecord[];
  readonly lookedMs: number;
  readonly crashWindow: CrashWindow;
  /** Now is no moment to write: what a crash needs is in the checkpoint that there is. */
  mustWait(): boolean;
}

/** Loads the checkpoint, and writes it when it changed. Without storage both do nothing. */
export class CheckpointWriter {
  readonly #storage: StorageClient | undefined;
  readonly #log: Logger;
  readonly #metrics: FilelogMetrics;
  #dirty = false;
  #saving: Promise<boolean> | undefined;

  constructor(storage: StorageClient | undefined, log: Logger, metrics: FilelogMetrics) {
    this.#storage = storage;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** What the last run left; undefined when it left nothing that can be understood. */
  async load(): Promise<Checkpoint | undefined> {
    if (this.#storage === undefined) return undefined;
    try {
      return await loadCheckpoint(this.#storage);
    } catch (error) {
      this.#metrics.checkpointFailures.value += 1;
      this.#log.error('The checkpoint cannot be read; files are taken as never seen.', { reason: errorMessage(error) });
      return undefined;
    }
  }

  /** There is something new to write. */
  touch(): void {
    this.#dirty = true;
  }

  /**
   * Writes the checkpoint when something changed since the last one, after the one that is under way. Resolves with whether
   * the checkpoint is as `files` were when it was called, or newer. Never rejects.
   */
  async save(files: Checkpointed): Promise<boolean> {
    while (this.#saving !== undefined) await this.#saving;
    if (!this.#dirty || this.#storage === undefined) return true;
    if (files.mustWait()) return false;
    this.#dirty = false;
    this.#saving = this.#write(this.#storage, files).finally(() => (this.#saving = undefined));
    return this.#saving;
  }

  async #write(storage: StorageClient, files: Checkpointed): Promise<boolean> {
    const onSaved = files.crashWindow.noteSaved();
    try {
      await saveCheckpoint(storage, { files: files.records(), lookedMs: files.lookedMs });
      onSaved();
      this.#metrics.checkpointWrites.value += 1;
      return true;
    } catch (error) {
      this.#dirty = true;
      this.#metrics.checkpointFailures.value += 1;
      const reason = errorMessage(error);
      this.#log.error('The checkpoint cannot be written; a restart would send lines again.', { reason });
      return false;
    }
  }
}
