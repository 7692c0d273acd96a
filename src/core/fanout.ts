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
 *   none, so that a `retry` never leads to a duplicate. Who keeps nothing of the batch has it last, once the others took it.
 * - Where a branch cannot reserve, they are asked in order until one accepts, those first that cannot. A `retry` before
 *   that is the answer. From then on the batch belongs to the fan-out, and so does a batch of which a committed reservation came to nothing
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
  if (branches.every(reserves)) return reservingFanout(branches, options);
  const order = [...branches.entries()].sort(([, a], [, b]) => Number(reserves(a)) - Number(reserves(b)));
  const inOrder = order.map(([, branch]) => branch);
  const onLost: FanoutOptions['onLost'] = (at, batch, reason) => options.onLost(order[at]?.[0] ?? at, batch, reason);
  return { consume: (batch, abort) => offerInTurn(inOrder, batch, abort, { ...options, onLost }) };
}

function reserves(branch: Consumer): boolean {
  return branch.tryReserve !== undefined;
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
  const keepers = taken.filter(keepsIt).length;
  if (keepers > 1) keepBytes(batch);
  return {
    status: 'reserved',
    keeps: keepers > 0,
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
  const answers = taken.map((reservation) => (isLast(reservation) ? undefined : answerOf(reservation, abort)));
  const isDecided = answers.every(isThere);
  // They may have delivered it by the time the last ones look at it.
  if (!isDecided && answers.includes(undefined)) keepBytes(batch);
  const finish = (verdicts: readonly (Verdict | undefined)[]): Pending<Verdict> => {
    const decided = verdicts.filter((verdict) => verdict !== undefined);
    if (decided.some(isRetry) && !decided.some(isAccepted)) {
      cancelAll(taken.filter(isLast));
      return refusalOf(decided);
    }
    const completed = taken.map((reservation, at) => verdicts[at] ?? answerOf(reservation, abort));
    if (completed.every(isThere)) return settleAll(branches, completed, batch, options);
    return all(completed).then((every) => settleAll(branches, every, batch, options));
  };
  return isDecided ? finish(answers) : all(answers).then(finish);
}

/** It keeps nothing of the batch, so it has to wait for nobody, and what others do not take must not be counted by it. */
function isLast(reservation: Answered): boolean {
  return reservation.status === 'reserved' && reservation.keeps === false;
}

function answerOf(reservation: Answered, abort: AbortSignal): Pending<Verdict> {
  return reservation.status === 'reserved' ? reservation.commit(abort) : reservation.verdict;
}

function all<T>(answers: readonly Pending<T>[]): Promise<T[]> {
  return Promise.all(answers.map(async (answer) => answer));
}

function isThere<T extends Verdict | undefined>(answer: Pending<T>): answer is T {
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
