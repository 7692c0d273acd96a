import { codeOf } from '../../core/errors.ts';
import { acceptedPartly, ACCEPTED, rejected, retry, type Verdict } from '../../core/verdict.ts';

/** How the delivery of one request ended, after all of its attempts. */
export type Outcome = Delivered | Rejected | Dropped;

export interface Delivered {
  readonly status: 'delivered';
  /** Of the items sent, those that the upstream refused for good (OTLP partial success). */
  readonly rejectedItems: number;
  readonly message: string | undefined;
}

/** The upstream refused the request for good. */
export interface Rejected {
  readonly status: 'rejected';
  readonly reason: Error;
}

/** Let go without an answer that settles it. */
export interface Dropped {
  readonly status: 'dropped';
  readonly cause: DropCause;
  readonly reason: Error;
  /** When the upstream may be asked again, as it said last. */
  readonly afterMs?: number;
}

/**
 * - send_failed: the upstream could not take it and retry_on_failure is off.
 * - retry_exhausted: max_elapsed_time passed.
 * - failed: the exporter threw, a bug.
 * - shutdown: the deadline of the shutdown came first; if an attempt was under way its outcome is unknown.
 * - abandoned: whoever waited for the result went away; counted nowhere, because the data is still theirs.
 */
export type DropCause = 'send_failed' | 'retry_exhausted' | 'failed' | 'shutdown' | 'abandoned';

export const DELIVERED: Delivered = Object.freeze({ status: 'delivered', rejectedItems: 0, message: undefined });

/** What a caller who waited for the outcome is told: whatever was not delivered is still the caller's. */
export function verdictOf(outcome: Outcome): Verdict {
  switch (outcome.status) {
    case 'delivered':
      if (outcome.rejectedItems === 0 && outcome.message === undefined) return ACCEPTED;
      return acceptedPartly(outcome.rejectedItems, outcome.message ?? '');
    case 'rejected':
      return rejected(outcome.reason);
    case 'dropped':
      return outcome.cause === 'failed' ? rejected(outcome.reason) : retry(outcome.reason, outcome.afterMs);
  }
}

/** The label under which a refusal for good is counted. */
export function rejectionCode(reason: Error): string {
  return codeOf(reason, 'upstream_rejected');
}
