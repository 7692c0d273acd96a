import type { Batch } from './batch.ts';
import { sleep, type Clock } from './clock.ts';
import type { Consumer, Reservation } from './component.ts';
import { codeOf } from './errors.ts';
import type { Pending } from './pending.ts';
import { keepBytes } from './reuse.ts';
import { ACCEPTED, acceptedPartly, type Verdict } from './verdict.ts';

export interface FanoutOptions {
  readonly clock: Clock;
  /** Fires when the service stops: what some branches took and others still refuse is then lost to those others. */
  readonly stopping: AbortSignal;
  /** Books what a branch did not get although others did. */
  onLost(branch: number, batch: Batch, reason: string): void;
}

/** Pauses between offers to a branch that says `retry`; longer when it asks for longer. */
const FIRST_REOFFER_MS = 50;
const MAX_REOFFER_MS = 1000;

/**
 * One batch to several consumers; the bytes are shared, never copied.
 *
 * - Branches that can all reserve (`tryReserve`) are all or nothing: room is taken in every one in the same tick, or in
 *   none, so that a `retry` never leads to a duplicate.
 * - Where a branch cannot reserve, they are asked in order until one accepts. A `retry` before that is the answer. From
 *   then on the batch belongs to the fan-out, and so does a batch of which a committed reservation came to nothing
 *   (wait_for_result): it is offered to the others until each has decided, and the caller waits for that, even one whose
 *   `abort` fires, because letting it go would leave batches in nobody's bounds.
 * - `rejected` by some: the others still get it, and the answer carries the reason as a warning.
 *
 * `onLost` is called only for a batch that was answered with `accepted`; otherwise it is the caller's to count.
 */
export function fanout(branches: readonly Consumer[], options: FanoutOptions): Consumer {
  const [only] = branches;
  if (only === undefined) throw new RangeError('fanout needs at least one branch.');
  if (branches.length === 1) return only;
  if (branches.every((branch) => branch.tryReserve !== undefined)) return reservingFanout(branches, options);
  return { consume: (batch, abort) => offerInTurn(branches, batch, abort, options) };
}

function reservingFanout(branches: readonly Consumer[], options: FanoutOptions): Consumer {
  const tryReserve = (batch: Batch): Reservation => reserveAll(branches, batch, options);
  return {
    tryReserve,
    async consume(batch, abort) {
      for (;;) {
        const reservation = tryReserve(batch);
        if (reservation.status === 'reserved') return reservation.commit(abort);
        if (reservation.status === 'rejected' || reservation.room === undefined) return reservation.verdict;
        await reservation.room(abort);
        if (abort.aborted) return reservation.verdict;
      }
    },
  };
}

type Answered = Exclude<Reservation, { status: 'retry' }>;

function reserveAll(branches: readonly Consumer[], batch: Batch, options: FanoutOptions): Reservation {
  const taken: Answered[] = [];
  let refusedByAll: Reservation | undefined;
  for (const branch of branches) {
    const reservation = mustReserve(branch, batch);
    if (reservation.status === 'retry') {
      cancelAll(taken);
      return reservation;
    }
    if (reservation.status === 'rejected') refusedByAll ??= reservation;
    taken.push(reservation);
  }
  if (refusedByAll !== undefined && taken.every(({ status }) => status === 'rejected')) return refusedByAll;
  // Who is the only one to keep it may have its bytes written over once it is delivered.
  if (taken.filter(keepsIt).length > 1) keepBytes(batch);
  return {
    status: 'reserved',
    commit: (abort) => commitAll(branches, taken, batch, abort, options),
    cancel: () => cancelAll(taken),
  };
}

function keepsIt(reservation: Answered): boolean {
  return reservation.status === 'reserved' && reservation.keeps !== false;
}

function mustReserve(branch: Consumer, batch: Batch): Reservation {
  if (branch.tryReserve === undefined) throw new Error('BUG: a reserving fan-out over a branch that cannot reserve.');
  return branch.tryReserve(batch);
}

function cancelAll(taken: readonly Answered[]): void {
  for (const reservation of taken) if (reservation.status === 'reserved') reservation.cancel();
}

function commitAll(
  branches: readonly Consumer[],
  taken: readonly Answered[],
  batch: Batch,
  abort: AbortSignal,
  options: FanoutOptions,
): Pending<Verdict> {
  const answers = taken.map((reservation) =>
    reservation.status === 'reserved' ? reservation.commit(abort) : reservation.verdict,
  );
  if (answers.every(isThere)) return settleAll(branches, answers, batch, options);
  return Promise.all(answers.map(async (answer) => answer)).then((verdicts) =>
    settleAll(branches, verdicts, batch, options),
  );
}

function isThere(answer: Pending<Verdict>): answer is Verdict {
  return !(answer instanceof Promise);
}

/** Who was committed to and has not taken it after all gets it again, if others have it. */
function settleAll(
  branches: readonly Consumer[],
  verdicts: readonly Verdict[],
  batch: Batch,
  options: FanoutOptions,
): Pending<Verdict> {
  if (!verdicts.some(isAccepted)) return refusalOf(verdicts);
  if (!verdicts.some(isRetry)) return combine(verdicts, batch, options);
  const decided = branches.map(async (branch, at) => {
    const verdict = verdicts[at];
    return verdict === undefined || isRetry(verdict) ? offerUntilDecided(branch, batch, options) : verdict;
  });
  return Promise.all(decided).then((all) => combine(all, batch, options));
}

async function offerInTurn(
  branches: readonly Consumer[],
  batch: Batch,
  abort: AbortSignal,
  options: FanoutOptions,
): Promise<Verdict> {
  keepBytes(batch);
  const verdicts: Verdict[] = [];
  for (const branch of branches) {
    const verdict = await branch.consume(batch, abort);
    if (verdict.status === 'retry') return verdict;
    verdicts.push(verdict);
    if (verdict.status === 'accepted') break;
  }
  if (!verdicts.some(isAccepted)) return refusalOf(verdicts);
  const others = branches.slice(verdicts.length).map((branch) => offerUntilDecided(branch, batch, options));
  return combine([...verdicts, ...(await Promise.all(others))], batch, options);
}

/** `retry` only when the service stops first. */
async function offerUntilDecided(branch: Consumer, batch: Batch, options: FanoutOptions): Promise<Verdict> {
  const { clock, stopping } = options;
  for (let pauseMs = FIRST_REOFFER_MS; ; pauseMs = Math.min(MAX_REOFFER_MS, pauseMs * 2)) {
    const verdict = await branch.consume(batch, stopping);
    if (verdict.status !== 'retry') return verdict;
    if (!(await sleep(clock, Math.max(pauseMs, verdict.afterMs ?? 0), stopping))) return verdict;
  }
}

function isAccepted(verdict: Verdict): boolean {
  return verdict.status === 'accepted';
}

function isRetry(verdict: Verdict): boolean {
  return verdict.status === 'retry';
}

/** No branch took anything: the caller may try again if that can help any of them. */
function refusalOf(verdicts: readonly Verdict[]): Verdict {
  const refusal = verdicts.find((verdict) => verdict.status === 'retry') ?? verdicts[0];
  if (refusal === undefined) throw new Error('BUG: a fan-out without branches.');
  return refusal;
}

/** At least one branch accepted; what the others did not take is lost to them, and booked. */
function combine(verdicts: readonly Verdict[], batch: Batch, options: FanoutOptions): Verdict {
  let rejectedItems = 0;
  let message: string | undefined;
  for (const [branch, verdict] of verdicts.entries()) {
    if (verdict.status === 'accepted') {
      rejectedItems = Math.max(rejectedItems, verdict.rejectedItems);
      message ??= verdict.message;
      continue;
    }
    message ??= verdict.reason.message;
    options.onLost(branch, batch, lossReason(verdict));
  }
  if (rejectedItems === 0 && message === undefined) return ACCEPTED;
  return acceptedPartly(rejectedItems, message ?? '');
}

function lossReason(verdict: Exclude<Verdict, { status: 'accepted' }>): string {
  return verdict.status === 'retry' ? 'shutdown' : codeOf(verdict.reason);
}
