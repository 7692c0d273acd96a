import type { Batch } from '../../core/batch.ts';
import type { ByteRange } from './identity.ts';
import type { Piece } from './joining/piece.ts';

/** A run of bytes that was read and awaits its verdict. */
export interface Range {
  /** Undefined when the bytes held nothing to send, for example only blank lines. */
  readonly batch: Batch | undefined;
  readonly endOffset: number;
  /** The bytes before `endOffset`, for the checkpoint. */
  readonly endTail: Uint8Array;
  readonly endAfterCut: boolean;
  readonly endRecords: number;
  /** Bytes before it, of this file or of the one that it replaced, whose records are in the batch. */
  readonly settles: readonly Piece[];
  /** That of the content that it was read from. */
  readonly settlement: Settlement;
  state: 'offered' | 'refused' | 'settled';
}

/**
 * What is acknowledged of one content of a file, and what is under way.
 *
 * It belongs to the content and not to the file: when a file is copied and truncated, the file begins a new one, and the
 * copy takes this one over, so that what was under way at that moment stays in the checkpoint until its verdict comes.
 *
 * Invariants: `ranges` are the bytes behind `acked` that were read, in order; `acked` moves over settled ranges only, from
 * the front; `held` are bytes that were read but whose records are not settled.
 */
export class Settlement {
  acked: number;
  /** The bytes before `acked`. */
  tail: Uint8Array;
  afterCut: boolean;
  records: number;
  /** How far the last written checkpoint goes. */
  savedOffset = 0;
  readonly ranges: Range[] = [];
  readonly held = new Set<Piece>();
  /** Held bytes of an earlier run, to be read again before anything else. */
  toRestore: readonly ByteRange[] = [];

  constructor(offset: number, tail: Uint8Array, afterCut: boolean, records: number) {
    this.acked = offset;
    this.tail = tail;
    this.afterCut = afterCut;
    this.records = records;
  }

  /** Takes the range into account as settled and moves `acked` as far as it may go; true when it moved. */
  settle(range: Range): boolean {
    range.state = 'settled';
    let moved = false;
    for (let first = this.ranges[0]; first?.state === 'settled'; first = this.ranges[0]) {
      this.ranges.shift();
      this.acked = first.endOffset;
      this.tail = first.endTail;
      this.afterCut = first.endAfterCut;
      this.records = first.endRecords;
      for (const piece of first.settles) piece.settle();
      moved = true;
    }
    return moved;
  }

  /** Bytes up to `offset` that were read and that a crash at this moment would read again; without a checkpoint, those under way. */
  repeatedAfterCrash(offset: number, hasCheckpoint: boolean): number {
    if (!hasCheckpoint) return offset - this.acked;
    let bytes = offset - this.savedOffset;
    for (const { start, end } of this.held) bytes += Math.max(0, Math.min(end, this.savedOffset) - start);
    return bytes;
  }

  /** What has to be read again before `acked`; what is behind it is read again anyway. */
  pending(): readonly ByteRange[] | undefined {
    const ranges: ByteRange[] = this.toRestore.slice();
    for (const { start, end } of this.held) if (end <= this.acked) ranges.push([start, end]);
    // What was noted first need not come first, and lines are joined in the order in which they are read.
    ranges.sort(([a], [b]) => a - b);
    return ranges.length === 0 ? undefined : ranges;
  }
}
