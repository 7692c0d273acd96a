import type { FileSystem } from '../../core/file-system.ts';
import { isDone } from './parking.ts';
import type { TrackedFile } from './tracked-file.ts';

export interface DeletionOptions {
  readonly files: FileSystem;
  readonly hasCheckpoint: boolean;
  onDeleted(path: string): void;
  /** It is left where it is. */
  onFailed(path: string, error: unknown): void;
}

/**
 * Deletes files that were read to their end: they have content, every byte was acknowledged, and (with a checkpoint) the
 * checkpoint says so, so that no crash can bring lines back or lose them.
 *
 * The descriptor stays open, so what a writer that still holds the file writes now is read for some seconds more. What is
 * left is a name that is taken over by another file between the last look and the removal, which the system has no way to
 * rule out.
 */
export function deleteReadFiles(files: Iterable<TrackedFile>, options: DeletionOptions): void {
  for (const file of files) {
    if (!file.keepsPlace || !mayBeDeleted(file, options.hasCheckpoint)) continue;
    try {
      if (!isUnchanged(options.files, file)) continue;
      options.files.unlink(file.path);
      options.onDeleted(file.path);
    } catch (error) {
      file.keepsPlace = false;
      options.onFailed(file.path, error);
    }
  }
}

function mayBeDeleted(file: TrackedFile, hasCheckpoint: boolean): boolean {
  if (!file.matched || file.acked === 0 || !isDone(file)) return false;
  return !hasCheckpoint || file.settlement.savedOffset === file.acked;
}

function isUnchanged(files: FileSystem, file: TrackedFile): boolean {
  return file.currentSize() === file.acked && files.stat(file.path)?.key === file.key;
}
