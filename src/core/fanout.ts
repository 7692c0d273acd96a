import type { Batch } from './batch.ts';
import { sleep, type Clock } from './clock.ts';
import type { Consumer, Reservation } from './component.ts';
import { RemoraError } from './errors.ts';
import { ACCEPTED, acceptedPartly, type Verdict } from './verdict.ts';

export interface FanoutOptions {
  readonly clock: Clock;
  /** Fires when the service stops: batches that some branches took and others still refuse are then let go. */
  readonly stopping: AbortSignal;
  /** Books what a branch did not get although others did. */
  onLost(branch: number, batch: Batch, reason: string): void;
}

const REOFFER_MS = 100;

/**
 * One batch to several consumers; the bytes are shared, never copied.
 *
 * Branches that all end in queues (`tryReserve`) are all or nothing: room is reserved in every one in the same tick, or
 * in none, so a `retry` never leads to a duplicate. Where a branch cannot reserve, the first acceptance decides: from
 * then on the batch belongs to the fan-out, which goes on offering it to the branches that said `retry` while the
 * caller waits (that is the backpressure).
 *
 * `rejected` by some: the others still get it, and the answer carries the reason as a warning.
 */
export function fanout(branches: readonly Consumer[], options: FanoutOptions): Consumer {
  const only = branches[0];
  if (only !== undefined && branches.length === 1) return only;
  if (branches.every((branch) => branch.tryReserve !== undefined)) return reservingFanout(branches, options);
  return { consume: (batch, abort) => offerToAll(branches, batch, abort, options) };
}

function reservingFanout(branches: readonly Consumer[], options: FanoutOptions): Consumer {
  return {
    async consume(batch, abort) {
      for (;;) {
        const attempt = reserveAll(branches, batch);
        if (attempt.status === 'reserved') return commitAll(attempt.reservations, batch, abort, options);
        await attempt.room?.(abort);
        if (attempt.room === undefined || abort.aborted) return attempt.verdict;
      }
    },
  };
}

type Attempt =
  | { readonly status: 'reserved'; readonly reservations: readonly Reservation[] }
  | { readonly status: 'refused'; readonly verdict: Verdict; readonly room?: (abort: AbortSignal) => Promise<void> };

function reserveAll(branches: readonly Consumer[], batch: Batch): Attempt {
  const reservations: Reservation[] = [];
  for (const branch of branches) {
    const reservation = mustReserve(branch, batch);
    if (reservation.status === 'retry') {
      for (const taken of reservations) if (taken.status === 'reserved') taken.cancel();
      const room = reservation.room;
      return { status: 'refused', verdict: reservation.verdict, ...(room === undefined ? {} : { room }) };
    }
    reservations.push(reservation);
  }
  if (reservations.some((reservation) => reservation.status === 'reserved'))
    return { status: 'reserved', reservations };
  const [first] = reservations;
  if (first === undefined || first.status === 'reserved') throw new Error('BUG: a fan-out without branches.');
  return { status: 'refused', verdict: first.verdict };
}

function mustReserve(branch: Consumer, batch: Batch): Reservation {
  if (branch.tryReserve === undefined) throw new Error('BUG: a reserving fan-out over a branch that cannot reserve.');
  return branch.tryReserve(batch);
}

async function commitAll(
  reservations: readonly Reservation[],
  batch: Batch,
  abort: AbortSignal,
  options: FanoutOptions,
): Promise<Verdict> {
  const verdicts = await Promise.all(
    reservations.map((reservation) =>
      reservation.status === 'reserved' ? reservation.commit(abort) : Promise.resolve(reservation.verdict),
    ),
  );
  return combine(verdicts, batch, options);
}

async function offerToAll(
  branches: readonly Consumer[],
  batch: Batch,
  abort: AbortSignal,
  options: FanoutOptions,
): Promise<Verdict> {
  const verdicts: Verdict[] = [];
  let custody = false;
  for (const branch of branches) {
    let verdict = await branch.consume(batch, custody ? options.stopping : abort);
    if (verdict.status === 'retry' && !custody) {
      if (verdicts.length === 0) return verdict;
      custody = true;
    }
    while (verdict.status === 'retry' && (await sleep(options.clock, REOFFER_MS, options.stopping))) {
      verdict = await branch.consume(batch, options.stopping);
    }
    verdicts.push(verdict);
    custody ||= verdict.status === 'accepted';
  }
  return combine(verdicts, batch, options);
}

/** At least one branch accepted, or all answered alike. */
function combine(verdicts: readonly Verdict[], batch: Batch, options: FanoutOptions): Verdict {
  if (!verdicts.some((verdict) => verdict.status === 'accepted')) {
    return verdicts.find((verdict) => verdict.status === 'retry') ?? mustFirst(verdicts);
  }
  let rejectedItems = 0;
  let message: string | undefined;
  verdicts.forEach((verdict, branch) => {
    if (verdict.status === 'accepted') {
      rejectedItems = Math.max(rejectedItems, verdict.rejectedItems);
      message ??= verdict.message;
      return;
    }
    message ??= verdict.reason.message;
    options.onLost(branch, batch, verdict.reason instanceof RemoraError ? verdict.reason.code : 'rejected');
  });
  if (rejectedItems === 0 && message === undefined) return ACCEPTED;
  return acceptedPartly(rejectedItems, message ?? '');
}

function mustFirst(verdicts: readonly Verdict[]): Verdict {
  const [first] = verdicts;
  if (first === undefined) throw new Error('BUG: a fan-out without branches.');
  return first;
}
