import { makeBatch, type Batch } from '../../src/core/batch.ts';
import type { Signal } from '../../src/core/signal.ts';

/** A batch of `items` whose content does not matter: `bytesPerItem` bytes each, in memory of its own. */
export function opaqueBatch(items: number, bytesPerItem = 10, signal: Signal = 'logs'): Batch {
  return makeBatch(signal, [new Uint8Array(items * bytesPerItem)], items);
}
