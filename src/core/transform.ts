import type { Batch } from './batch.ts';
import type { Processor, ProcessorContext, Reservation } from './component.ts';
import { RemoraError } from './errors.ts';
import { freeBytes } from './reuse.ts';
import { after, type Pending } from './pending.ts';
import { ACCEPTED, rejected, type Rejected, type Verdict } from './verdict.ts';

export interface Transformed {
  /** What goes on; undefined when nothing is left. */
  readonly batch: Batch | undefined;
  /** Items let go, by reason. Their sum with the items that go on is what came in, and what was made. */
  readonly dropped?: Readonly<Record<string, number>>;
  /** Items added to those that came in. */
  readonly made?: number;
  /** None of the bytes that came in go on: they are given back once the rest was accepted. */
  readonly copied?: boolean;
  /** Called once when the rest was accepted: the place for counts. */
  readonly accepted?: () => void;
}

/**
 * A processor that holds nothing: each batch is transformed and offered on within the same call. Drops are booked only
 * once the rest was accepted, because until then the batch is still the caller's and may be offered again; for the same
 * reason `transform` has no effects of its own. Where the next consumer can reserve, so can this one, which keeps a
 * fan-out over whole pipelines all or nothing. A batch that `transform` finds malformed is `rejected`.
 */
export function transformer(
  context: Pick<ProcessorContext, 'next' | 'account'>,
  transform: (batch: Batch) => Transformed,
): Processor {
  const { next, account } = context;
  const book = (verdict: Verdict, input: Batch, { dropped, made, accepted, copied }: Transformed): Verdict => {
    if (verdict.status !== 'accepted') return verdict;
    if (copied === true) freeBytes(input);
    for (const reason in dropped) account.drop(reason, dropped[reason] ?? 0);
    if (made !== undefined) account.made += made;
    accepted?.();
    return verdict;
  };
  const processor: Processor = {
    async consume(batch, abort) {
      const transformed = tryTransform(transform, batch);
      if ('status' in transformed) return transformed;
      const { batch: rest } = transformed;
      return book(rest === undefined ? ACCEPTED : await next.consume(rest, abort), batch, transformed);
    },
  };
  const reserve = next.tryReserve?.bind(next);
  if (reserve === undefined) return processor;
  processor.tryReserve = (batch) => {
    const transformed = tryTransform(transform, batch);
    if ('status' in transformed) return { status: 'rejected', verdict: transformed };
    const { batch: rest, dropped, accepted, copied } = transformed;
    const reservation = rest === undefined ? NOTHING_LEFT : reserve(rest);
    const isToBeBooked = rest !== batch || dropped !== undefined || accepted !== undefined;
    if (reservation.status !== 'reserved' || !isToBeBooked) return reservation;
    const commit = (abort: AbortSignal): Pending<Verdict> =>
      after(reservation.commit(abort), (verdict) => book(verdict, batch, transformed));
    return { status: 'reserved', keeps: keepsOf(reservation, copied), commit, cancel: () => reservation.cancel() };
  };
  return processor;
}

/** Of a reservation in front of `reservation`. Whoever gives the bytes of the batch back must be known to have them. */
export function keepsOf(reservation: Reserved, givesBack = false): boolean | undefined {
  return givesBack ? true : reservation.keeps;
}

type Reserved = Extract<Reservation, { status: 'reserved' }>;

/** Receivers check a request down to its items, not what is inside them. */
function tryTransform(transform: (batch: Batch) => Transformed, batch: Batch): Transformed | Rejected {
  try {
    return transform(batch);
  } catch (error) {
    return badData(error);
  }
}

/** Bad data, thrown by whoever read it, as a verdict; anything else is thrown again. */
export function badData(error: unknown): Rejected {
  const isBadData =
    error instanceof RemoraError && (error.code === 'payload_malformed' || error.code === 'payload_too_deep');
  if (isBadData) return rejected(error);
  throw error;
}

/** Of a batch of which nothing goes on. */
export const NOTHING_LEFT: Reservation = {
  status: 'reserved',
  keeps: false,
  commit: () => ACCEPTED,
  cancel: () => undefined,
};
