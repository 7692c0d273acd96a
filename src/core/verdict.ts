/**
 * Custody rule: `accepted` moves the batch to the callee; anything else leaves it with the caller.
 * - accepted: in custody, or delivered. `rejectedItems` of it were refused for good (OTLP partial success is success).
 * - retry: nothing was taken, the same batch may be offered again, not before `afterMs` milliseconds.
 * - rejected: nothing was taken and offering it again would fail again: the caller counts it and lets go.
 */
export type Verdict = Accepted | Retry | Rejected;

export interface Accepted {
  readonly status: 'accepted';
  readonly rejectedItems: number;
  readonly message?: string;
}

export interface Retry {
  readonly status: 'retry';
  readonly reason: Error;
  readonly afterMs?: number;
  /** No connection came about: not a byte of it was sent. Absent where that is not known. */
  readonly unsent?: true;
}

export interface Rejected {
  readonly status: 'rejected';
  readonly reason: Error;
}

export const ACCEPTED: Accepted = Object.freeze({ status: 'accepted', rejectedItems: 0 });

export function acceptedPartly(rejectedItems: number, message: string): Accepted {
  return { status: 'accepted', rejectedItems, message };
}

export function retry(reason: Error, afterMs?: number): Retry {
  return afterMs === undefined ? { status: 'retry', reason } : { status: 'retry', reason, afterMs };
}

export function rejected(reason: Error): Rejected {
  return { status: 'rejected', reason };
}
