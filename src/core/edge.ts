import type { Batch } from './batch.ts';
import type { Consumer, Reservation } from './component.ts';
import { asError, codeOf, RemoraError } from './errors.ts';
import type { Account } from './ledger.ts';
import type { Logger } from './logger.ts';
import type { Pending } from './pending.ts';
import { rejected, type Verdict } from './verdict.ts';

/** Items and requests that went over one edge of the graph, by outcome. Plain numbers, read when scraped. */
export class EdgeCounts {
  acceptedItems = 0;
  acceptedBytes = 0;
  acceptedRequests = 0;
  /** `retry`: the caller keeps them and may offer them again. */
  refusedItems = 0;
  refusedRequests = 0;
  rejectedItems = 0;
  rejectedRequests = 0;
  /** The callee threw, which is a bug. */
  failedItems = 0;
}

/** The accounts on both sides of an edge; either is absent where the edge starts or ends in no account. */
export interface EdgeAccounts {
  readonly from?: Account;
  readonly to?: Account;
  /** The receiver's own account: what was offered, and what of it the pipelines took or refused for good. */
  readonly source?: Account;
}

/**
 * Wraps `to` so that every item crossing is counted with its outcome, in the edge's counts and in the accounts of both
 * sides. A throw from the callee is a bug: the batch is counted as failed, logged, and answered as `rejected`; the
 * process lives.
 */
export function edge(to: Consumer, counts: EdgeCounts, log: Logger, accounts: EdgeAccounts = {}): Consumer {
  const settle = (batch: Batch, verdict: Verdict): Verdict => {
    countVerdict(counts, batch, verdict);
    if (verdict.status === 'accepted') {
      if (accounts.from !== undefined) accounts.from.passed += batch.items;
      if (accounts.to !== undefined) accounts.to.received += batch.items;
    }
    if (accounts.source !== undefined) bookSource(accounts.source, batch, verdict);
    return verdict;
  };
  const fail = (batch: Batch, error: unknown): Verdict => {
    counts.failedItems += batch.items;
    log.error('A component threw; its batch is counted as failed.', {
      error: asError(error).stack,
      items: batch.items,
    });
    const verdict = rejected(
      new RemoraError('component_failed', 'A component failed inside Remora.', { cause: error }),
    );
    if (accounts.source !== undefined) bookSource(accounts.source, batch, verdict);
    return verdict;
  };
  const consume = async (batch: Batch, abort: AbortSignal): Promise<Verdict> => {
    try {
      return settle(batch, await to.consume(batch, abort));
    } catch (error) {
      return fail(batch, error);
    }
  };
  if (to.tryReserve === undefined) return { consume };
  const reserve = to.tryReserve.bind(to);
  const settleRefusal = (batch: Batch, refusal: Exclude<Reservation, { status: 'reserved' }>): Reservation => {
    // With `room` the caller goes on waiting, which is no refusal yet.
    if (refusal.status === 'rejected' || refusal.room === undefined) settle(batch, refusal.verdict);
    return refusal;
  };
  return {
    consume,
    tryReserve(batch): Reservation {
      let reservation: Reservation;
      try {
        reservation = reserve(batch);
      } catch (error) {
        return { status: 'rejected', verdict: fail(batch, error) };
      }
      if (reservation.status !== 'reserved') return settleRefusal(batch, reservation);
      const commit = (abort: AbortSignal): Pending<Verdict> => {
        try {
          const verdict = reservation.commit(abort);
          if (!(verdict instanceof Promise)) return settle(batch, verdict);
          return verdict.then(
            (later) => settle(batch, later),
            (error: unknown) => fail(batch, error),
          );
        } catch (error) {
          return fail(batch, error);
        }
      };
      return { status: 'reserved', keeps: reservation.keeps, commit, cancel: () => reservation.cancel() };
    },
  };
}

function bookSource(source: Account, batch: Batch, verdict: Verdict): void {
  if (verdict.status === 'retry') return;
  source.received += batch.items;
  if (verdict.status === 'accepted') source.passed += batch.items;
  else source.reject(codeOf(verdict.reason), batch.items);
}

export function countVerdict(counts: EdgeCounts, batch: Batch, verdict: Verdict): void {
  switch (verdict.status) {
    case 'accepted':
      counts.acceptedItems += batch.items;
      counts.acceptedBytes += batch.bytes;
      counts.acceptedRequests += 1;
      return;
    case 'retry':
      counts.refusedItems += batch.items;
      counts.refusedRequests += 1;
      return;
    case 'rejected':
      counts.rejectedItems += batch.items;
      counts.rejectedRequests += 1;
      return;
  }
}
