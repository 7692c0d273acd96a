import type { Batch } from '../core/batch.ts';
import type { Bypass } from '../core/bypass.ts';
import type { Consumer, Reservation } from '../core/component.ts';
import type { Count } from '../core/meter.ts';
import { after, type Pending } from '../core/pending.ts';
import type { Verdict } from '../core/verdict.ts';

export interface BypassableOptions {
  readonly bypass: Pick<Bypass, 'active'>;
  /** Items that went around and were taken further on. */
  readonly around: Count;
}

/**
 * `processor`, or in bypass mode what comes after it. `onward` is the edge that the processor itself sends to, and the edge in front
 * of the switch counts as ever: what goes around is received and passed in the processor's account.
 */
export function bypassable(processor: Consumer, onward: Consumer, { bypass, around }: BypassableOptions): Consumer {
  const count = (batch: Batch, verdict: Verdict): Verdict => {
    if (verdict.status === 'accepted') around.value += batch.items;
    return verdict;
  };
  const goAround = async (batch: Batch, abort: AbortSignal): Promise<Verdict> =>
    count(batch, await onward.consume(batch, abort));
  const switched: Consumer = {
    consume: (batch, abort) => (bypass.active ? goAround(batch, abort) : processor.consume(batch, abort)),
  };
  const through = processor.tryReserve?.bind(processor);
  const past = onward.tryReserve?.bind(onward);
  if (through === undefined || past === undefined) return switched;
  switched.tryReserve = (batch): Reservation => {
    if (!bypass.active) return through(batch);
    const reservation = past(batch);
    if (reservation.status !== 'reserved') return reservation;
    const commit = (abort: AbortSignal): Pending<Verdict> =>
      after(reservation.commit(abort), (verdict) => count(batch, verdict));
    const { keeps } = reservation;
    return { status: 'reserved', keeps, commit, cancel: () => reservation.cancel() };
  };
  return switched;
}
