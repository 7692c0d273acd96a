import type { Batch } from './batch.ts';

/**
 * Memory that goes round: whoever makes a batch may say what to do with its bytes once nobody needs them any more, and
 * whoever had the last of it says so. Without it dead bytes wait for the garbage collector, 64 MB of them under load.
 *
 * It is bound to the very object: a batch that was copied, joined, split or changed is another one, and its bytes are
 * never offered. So are those of a batch that several were given (`keepBytes`), and of one whose fate is not certain.
 */
const offers = new WeakMap<Batch, () => void>();

/** `reuse` is called at most once; the bytes may be written over from then on. */
export function offerBytes(batch: Batch, reuse: () => void): void {
  offers.set(batch, reuse);
}

/** Somebody else was given the batch as well: its bytes are not reused. */
export function keepBytes(batch: Batch): void {
  offers.delete(batch);
}

/** The holder of the batch, who was its only one, has delivered all of it and reads it no more. */
export function freeBytes(batch: Batch): void {
  const reuse = offers.get(batch);
  if (reuse === undefined) return;
  offers.delete(batch);
  reuse();
}
