import type { Batch } from '../../core/batch.ts';
import type { ReadChunk } from './read-chunk.ts';
import type { Segment } from './segment.ts';

/**
 * One request that somebody has hold of: its offerer, memory, or a lease. What rests on disk alone has none.
 *
 *   reserved ─► writing ─► ready ◄─► leased ─► gone
 *                            ▲ │
 *                            │ ▼
 *                          resting                 (on disk; reading it makes another entry)
 */
export interface Entry {
  state: 'reserved' | 'writing' | 'ready' | 'leased' | 'resting' | 'gone';
  readonly items: number;
  readonly bytes: number;
  /** Undefined while it rests. */
  batch: Batch | undefined;
  /** Its place on disk, once it is written. */
  segment: Segment | undefined;
  index: number;
  offset: number;
  order: number;
  /** On the monotonic clock. */
  enqueuedAtMs: number;
  /** What it counts for in memory; 0 for one that lives in a chunk, which counts as a whole. */
  retained: number;
  chunk: ReadChunk | undefined;
  /** In the memory window of what this process has written. */
  fresh: boolean;
  /** It was leased before: somebody may still read its bytes. */
  lent: boolean;
  /** Its offerer took it back while it was being written. */
  withdrawn: boolean;
  /** Refusals that the queue had answered when this was reserved. */
  readonly refusalsBefore: number;
}

/** What every entry starts as. */
export const UNPLACED = {
  state: 'reserved',
  segment: undefined,
  index: 0,
  offset: 0,
  order: 0,
  enqueuedAtMs: 0,
  retained: 0,
  chunk: undefined,
  fresh: false,
  lent: false,
  withdrawn: false,
} as const;

/** The place of an entry that is on disk. */
export function mustPlace(entry: Entry): Segment {
  if (entry.segment === undefined) throw new Error('BUG: an entry that was not written has no place.');
  return entry.segment;
}

/** The batch of an entry that is in memory. */
export function mustBatch(entry: Entry): Batch {
  if (entry.batch === undefined) throw new Error('BUG: an entry that rests on disk has no batch in memory.');
  return entry.batch;
}
