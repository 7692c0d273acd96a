import type { Batch } from '../../core/batch.ts';
import type { Processor, ProcessorContext, Reservation } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import type { Count } from '../../core/meter.ts';
import { after } from '../../core/pending.ts';
import { badData, NOTHING_LEFT } from '../../core/transform.ts';
import { ACCEPTED, retry, type Verdict } from '../../core/verdict.ts';
import type { Division, Share } from './division.ts';
import type { Tenant, Tenants } from './tenants.ts';

export interface RateGateOptions {
  readonly context: Pick<ProcessorContext, 'next' | 'account'>;
  readonly division: Division;
  readonly tenants: Tenants;
  readonly drops: boolean;
  /** Items measured against the limit that those without one of their own share. */
  readonly overflowed: Count;
}

interface Part {
  readonly tenant: Tenant;
  readonly share: Share;
}

/** What goes on, and whose limits it counts against. */
interface Passage {
  /** Undefined when nothing is left. */
  readonly batch: Batch | undefined;
  readonly passing: readonly Part[];
  readonly dropped: readonly Part[];
}

/**
 * Lets through what the limits of its tenants allow; holds nothing.
 * Invariant: tokens are taken before the batch is offered on, in the tick in which the limits were asked, and given back
 * unless it was accepted; so those of a reservation that is cancelled, too.
 */
export class RateGate implements Processor {
  /** Present when the next consumer has it, so that a fan-out over whole pipelines stays all or nothing. */
  tryReserve?: (batch: Batch) => Reservation;
  readonly #options: RateGateOptions;

  constructor(options: RateGateOptions) {
    this.#options = options;
    const { next } = options.context;
    const reserve = next.tryReserve?.bind(next);
    if (reserve !== undefined) this.tryReserve = (batch) => this.#reserve(batch, reserve);
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    const passage = this.#judge(batch);
    if ('status' in passage) return passage;
    take(passage);
    const { batch: rest } = passage;
    return this.#settle(passage, rest === undefined ? ACCEPTED : await this.#options.context.next.consume(rest, abort));
  }

  #reserve(batch: Batch, reserve: (batch: Batch) => Reservation): Reservation {
    const passage = this.#judge(batch);
    if ('status' in passage) return { status: passage.status === 'rejected' ? 'rejected' : 'retry', verdict: passage };
    const reservation = passage.batch === undefined ? NOTHING_LEFT : reserve(passage.batch);
    if (reservation.status !== 'reserved') return reservation;
    take(passage);
    let isOpen = true;
    return {
      status: 'reserved',
      keeps: reservation.keeps,
      commit: (abort) => {
        isOpen = false;
        return after(reservation.commit(abort), (verdict) => this.#settle(passage, verdict));
      },
      cancel: () => {
        if (isOpen) giveBack(passage);
        isOpen = false;
        reservation.cancel();
      },
    };
  }

  /** What may pass now, or why not; takes nothing yet. */
  #judge(batch: Batch): Passage | Verdict {
    if (batch.items === 0) return { batch, passing: [], dropped: [] };
    try {
      return this.#judgeParts(batch, this.#partsOf(batch));
    } catch (error) {
      return badData(error);
    }
  }

  #judgeParts(batch: Batch, parts: readonly Part[]): Passage | Verdict {
    let waitMs = 0;
    for (const { tenant } of parts) waitMs = Math.max(waitMs, tenant.limit.waitMs());
    if (waitMs === 0) return { batch, passing: parts, dropped: [] };
    const over = parts.filter(({ tenant }) => tenant.limit.waitMs() > 0);
    if (!this.#options.drops) {
      count(over);
      return retry(OVER_LIMIT, waitMs);
    }
    if (over.length === parts.length) return { batch: undefined, passing: [], dropped: parts };
    const passing = parts.filter((part) => !over.includes(part));
    const names = new Set(over.map(({ share }) => share.name));
    return { batch: this.#options.division.without(batch, names), passing, dropped: over };
  }

  #partsOf(batch: Batch): Part[] {
    const { division, tenants, overflowed } = this.#options;
    return division.shares(batch).map((share) => {
      const tenant = tenants.of(share.name);
      if (tenant === tenants.overflow) overflowed.value += share.items;
      return { tenant, share };
    });
  }

  /** Drops are booked only once the rest was accepted: until then the batch is the caller's, who may offer it again. */
  #settle(passage: Passage, verdict: Verdict): Verdict {
    if (verdict.status !== 'accepted') {
      giveBack(passage);
      return verdict;
    }
    count(passage.dropped);
    for (const { share } of passage.dropped) this.#options.context.account.drop('rate_limited', share.items);
    return verdict;
  }
}

function take({ passing }: Passage): void {
  for (const { tenant, share } of passing) tenant.limit.take(share);
}

function giveBack({ passing }: Passage): void {
  for (const { tenant, share } of passing) tenant.limit.giveBack(share);
}

function count(over: readonly Part[]): void {
  for (const { tenant, share } of over) tenant.limited.value += share.items;
}

/** One object for all refusals: under overload they come by the thousand. */
const OVER_LIMIT = new RemoraError('rate_limited', 'More was sent than the rate limit of the sender lets through.');
