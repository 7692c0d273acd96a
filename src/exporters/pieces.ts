import type { Batch } from '../core/batch.ts';
import { RemoraError } from '../core/errors.ts';
import { ACCEPTED, acceptedPartly, rejected, type Verdict } from '../core/verdict.ts';
import { splitBatch } from '../otlp/split.ts';

export type SendPiece = (piece: Batch, abort: AbortSignal) => Promise<Verdict>;

interface Progress {
  /** What is left to send, in order. */
  readonly pieces: Batch[];
  acceptedItems: number;
  rejectedItems: number;
  message: string | undefined;
  reason: Error | undefined;
}

/**
 * Sends a batch in requests that the upstream's size limit allows, one after another.
 *
 * One batch has one verdict, so when a piece is answered with `retry` the whole batch is; the pieces that are already
 * settled are remembered for as long as the caller keeps that batch, and the next attempt goes on where this one
 * stopped: nothing is sent twice.
 */
export function inPieces(limitBytes: number, sendPiece: SendPiece): SendPiece {
  const unfinished = new WeakMap<Batch, Progress>();
  return async (batch, abort) => {
    if (batch.bytes <= limitBytes) return sendPiece(batch, abort);
    const progress = unfinished.get(batch) ?? begin(batch, limitBytes);
    const { pieces } = progress;
    for (let [piece] = pieces; piece !== undefined; [piece] = pieces) {
      if (piece.bytes > limitBytes && tryCut(pieces, piece, limitBytes)) continue;
      const verdict = piece.bytes > limitBytes ? tooLarge(piece, limitBytes) : await sendPiece(piece, abort);
      if (verdict.status === 'retry') {
        unfinished.set(batch, progress);
        return verdict;
      }
      book(progress, piece, verdict);
    }
    unfinished.delete(batch);
    return total(progress);
  };
}

function begin(batch: Batch, limitBytes: number): Progress {
  const pieces = splitBatch(batch, { sizer: 'bytes', max: limitBytes });
  return { pieces, acceptedItems: 0, rejectedItems: 0, message: undefined, reason: undefined };
}

/**
 * `splitBatch` bounds what it copies, so a piece of several items may still be over the limit: it is cut again when its
 * turn comes. False, with nothing changed, when no part of it would fit: what the items share is too large.
 */
function tryCut(pieces: Batch[], piece: Batch, limitBytes: number): boolean {
  if (piece.items < 2) return false;
  const parts = splitBatch(piece, { sizer: 'bytes', max: limitBytes });
  if (parts.length < 2 || parts.every(({ bytes }) => bytes > limitBytes)) return false;
  pieces.splice(0, 1, ...parts);
  return true;
}

function book(progress: Progress, piece: Batch, verdict: Exclude<Verdict, { status: 'retry' }>): void {
  progress.pieces.shift();
  if (verdict.status === 'rejected') {
    progress.rejectedItems += piece.items;
    progress.reason ??= verdict.reason;
    progress.message ??= verdict.reason.message;
    return;
  }
  progress.acceptedItems += piece.items - verdict.rejectedItems;
  progress.rejectedItems += verdict.rejectedItems;
  progress.message ??= verdict.message;
}

function total({ acceptedItems, rejectedItems, message, reason }: Progress): Verdict {
  if (acceptedItems === 0 && reason !== undefined) return rejected(reason);
  return rejectedItems === 0 && message === undefined ? ACCEPTED : acceptedPartly(rejectedItems, message ?? '');
}

function tooLarge(piece: Batch, limitBytes: number): Verdict {
  const what = piece.items === 1 ? 'One item' : `Each of ${piece.items} items, with what they share,`;
  const text = `${what} is larger than max_request_bytes (${limitBytes}).`;
  return rejected(new RemoraError('payload_too_large', text));
}
