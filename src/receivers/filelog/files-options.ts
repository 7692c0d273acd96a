import type { Clock } from '../../core/clock.ts';
import type { FileSystem } from '../../core/file-system.ts';
import type { Logger } from '../../core/logger.ts';
import type { Follow } from './discovery/follower.ts';
import type { FileRecord } from './identity.ts';
import type { RememberedLimits } from './remembered.ts';
import type { TrackedFile } from './tracked-file.ts';

export interface FilesOptions {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly log: Logger;
  readonly follow: Follow;
  readonly fingerprintBytes: number;
  readonly maxOpen: number;
  readonly startAt: 'beginning' | 'end';
  /** What the checkpoint knows; undefined when there is none. */
  readonly known: readonly FileRecord[] | undefined;
  /** Wall time: what was rotated away and was born before this is known, or none of ours. */
  readonly bornAfterMs: number;
  /** Offsets are kept over a restart. */
  readonly hasCheckpoint: boolean;
  readonly limits?: RememberedLimits;
  /** Files that are not open and were not modified for so long are not opened. */
  readonly excludeOlderMs?: number | undefined;
  /** Files are deleted when they were read, and keep their place until then. */
  readonly deleteAfterRead?: boolean;
  /** The file may have more to read. */
  wake(file: TrackedFile): void;
  onRotated(file: TrackedFile): void;
  onUnreadable(path: string): void;
  /** Bytes that were seen in a file, or must have been, are gone before they were read. */
  onLost(path: string, bytes: number): void;
  /** A closed file is no longer known; should it come back, it would be read again. */
  onForgotten(path: string): void;
  /** What `records` gives changed, although nothing was acknowledged. */
  onRecordsChanged(): void;
  /** A name event or a notice: look at the directories soon, and at this path whatever happens. */
  lookSoon(path?: string): void;
}
