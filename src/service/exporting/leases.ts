import type { Lease } from '../../core/queue.ts';
import { freeBytes, keepBytes } from '../../core/reuse.ts';
import { ACCEPTED, acceptedPartly, type Verdict } from '../../core/verdict.ts';
import type { Books } from './books.ts';
import { rejectionCode, verdictOf, type Dropped, type Outcome, type Rejected } from './outcome.ts';
import type { Parcel } from './delivery.ts';
import type { Batch } from '../../core/batch.ts';

/** Items of one lease that travel in one request. */
export interface Share {
  readonly of: OpenLease;
  readonly items: number;
}

/** One request to the upstream: a whole lease, several joined, or a piece of them. */
export class Request implements Parcel {
  readonly batch: Batch;
  readonly shares: readonly Share[];

  constructor(batch: Batch, shares: readonly Share[]) {
    this.batch = batch;
    this.shares = shares;
  }

  get wanted(): boolean {
    return this.shares.some(({ of }) => of.lease.abandoned !== true);
  }

  repeats(): void {
    for (const { of } of this.shares) keepBytes(of.lease.batch);
  }
}

interface Loss {
  /** False when it was the upstream's choice among the items of several leases: booked here, but nobody's in particular. */
  readonly own: boolean;
  readonly kind: 'rejected' | 'dropped';
  readonly reason: string;
  readonly items: number;
}

/** What became of a lease so far; it is booked in one go when the last of its items is settled. */
export class OpenLease {
  readonly lease: Lease;
  /** Items not settled yet. */
  left: number;
  passed = 0;
  #delivered = false;
  #message: string | undefined;
  #refused: Rejected | undefined;
  #dropped: Dropped | undefined;
  #losses: Loss[] | undefined;

  constructor(lease: Lease) {
    this.lease = lease;
    this.left = lease.batch.items;
  }

  get losses(): readonly Loss[] {
    return this.#losses ?? [];
  }

  /** `rejectedItems` of these items were refused although the request was taken. */
  settle(items: number, outcome: Outcome, rejectedItems = 0, shared = false): void {
    this.left -= items;
    switch (outcome.status) {
      case 'delivered':
        this.#delivered = true;
        this.passed += items - rejectedItems;
        if (rejectedItems > 0) this.#lose('rejected', 'partial_success', rejectedItems, !shared);
        this.#message ??= outcome.message;
        return;
      case 'rejected':
        this.#refused = outcome;
        this.#lose('rejected', rejectionCode(outcome.reason), items);
        return;
      case 'dropped':
        this.#dropped = outcome;
        this.#lose('dropped', outcome.cause, items);
    }
  }

  /**
   * For whoever waits. Once a part was delivered the answer is `accepted`, because offering the whole again would
   * duplicate that part; the rest is then in our books.
   */
  verdict(): Verdict {
    if (!this.#delivered) return verdictOf(this.#dropped ?? this.#refused ?? UNTOUCHED);
    let rejectedItems = 0;
    for (const loss of this.losses) if (loss.own && loss.kind === 'rejected') rejectedItems += loss.items;
    const message = this.#message ?? this.#refused?.reason.message ?? this.#dropped?.reason.message;
    return rejectedItems === 0 && message === undefined ? ACCEPTED : acceptedPartly(rejectedItems, message ?? '');
  }

  #lose(kind: Loss['kind'], reason: string, items: number, own = true): void {
    (this.#losses ??= []).push({ own, kind, reason, items });
  }
}

/** A lease without items has nothing that could fail. */
const UNTOUCHED: Outcome = { status: 'delivered', rejectedItems: 0, message: undefined };

export interface LeasesOptions {
  readonly books: Books;
  /** True when callers wait for the outcome: then what was not accepted is theirs and stays out of our books. */
  readonly callersWait: boolean;
  /** A lease left the queue for good. */
  onDone(lease: Lease): void;
}

/**
 * The leases that are out, and what each request means for them.
 * Invariant: a lease is in `#open` until all of its items are settled; then it is booked and done in the same tick, so
 * that received = passed + dropped + rejected + queued holds at every moment.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #open = new Set<OpenLease>();

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Undefined when the lease holds no items: it is done already. */
  open(lease: Lease): OpenLease | undefined {
    const open = new OpenLease(lease);
    if (open.left === 0) {
      this.#close(open);
      return undefined;
    }
    this.#open.add(open);
    return open;
  }

  settle(request: Request, outcome: Outcome): void {
    const shared = request.shares.length > 1;
    const told = shared ? toldToEach(outcome, request.batch.items) : outcome;
    let rejectedLeft = outcome.status === 'delivered' ? outcome.rejectedItems : 0;
    for (const { of, items } of request.shares) {
      if (!this.#open.has(of)) continue;
      const rejectedItems = Math.min(rejectedLeft, items);
      rejectedLeft -= rejectedItems;
      of.settle(items, told, rejectedItems, shared);
      if (of.left === 0) this.#close(of);
    }
  }

  /** Every lease that is out ends now: what is left of it is dropped. Later outcomes find nothing to settle. */
  dropAll(outcome: Dropped): void {
    for (const open of this.#open) {
      open.settle(open.left, outcome);
      this.#close(open);
    }
  }

  /** Every lease that is out goes back to its queue, unbooked; parts already delivered will be delivered again. */
  giveBackAll(): void {
    for (const open of this.#open) open.lease.giveBack();
    this.#open.clear();
  }

  #close(open: OpenLease): void {
    const { books, callersWait } = this.#options;
    this.#open.delete(open);
    const verdict = open.verdict();
    if (!callersWait || (verdict.status === 'accepted' && open.lease.abandoned !== true)) {
      books.passed(open.passed);
      for (const { kind, reason, items } of open.losses) books[kind](reason, items);
    }
    open.lease.done(verdict);
    this.#options.onDone(open.lease);
    // Who gave up waiting may offer it again, and what was not delivered may still be read.
    if (open.passed === open.lease.batch.items && open.lease.abandoned !== true) freeBytes(open.lease.batch);
  }
}

/** The upstream does not say which items it refused, so those who share a request are told of it as a warning. */
function toldToEach(outcome: Outcome, items: number): Outcome {
  if (outcome.status !== 'delivered' || outcome.rejectedItems === 0) return outcome;
  const message = `The upstream refused ${outcome.rejectedItems} of the ${items} items sent in one request with these: ${outcome.message ?? ''}`;
  return { ...outcome, message };
}
