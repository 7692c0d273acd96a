import type { DurableQueueOptions } from '../../core/queue.ts';
import type { Random } from '../../core/random.ts';
import type { Disk } from '../disk.ts';
import type { FsyncPolicy } from './appender.ts';

export interface DiskQueueOptions extends DurableQueueOptions {
  readonly random: Random;
  readonly fsync: FsyncPolicy;
  /** Makes the folder of the queue ready; throws storage_failed. */
  readonly folder: () => Promise<Disk>;
  /** Size of a segment, and of what is read at once; for tests. */
  readonly segmentBytes?: number;
  readonly chunkBytes?: number;
}

const MIN_SEGMENT_BYTES = 64 * 1024;
const USUAL_SEGMENT_BYTES = 16 * 1024 * 1024;
const MIN_CHUNK_BYTES = 16 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;

/** Room comes back in whole segments, so a small queue has small ones, and a large one not too many. */
export function segmentBytesOf({ segmentBytes, maxBytes }: DiskQueueOptions): number {
  const most = Math.max(USUAL_SEGMENT_BYTES, maxBytes / 512);
  return segmentBytes ?? Math.floor(Math.min(most, Math.max(MIN_SEGMENT_BYTES, maxBytes / 16)));
}

/** What is read at once; several pieces fit in memory. */
export function chunkBytesOf({ chunkBytes, memoryBytes }: DiskQueueOptions): number {
  return chunkBytes ?? Math.floor(Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, memoryBytes / 8)));
}
