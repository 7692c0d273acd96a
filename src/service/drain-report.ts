import type { Account, Ledger } from '../core/ledger.ts';
import type { Logger } from '../core/logger.ts';

interface Before {
  readonly passed: number;
  readonly dropped: number;
  readonly rejected: number;
}

/** What the drain did with what each exporter held or still got: the difference between its books before and after. */
export class DrainReport {
  readonly #before = new Map<Account, Before>();

  constructor(ledger: Ledger) {
    for (const account of exportersOf(ledger)) this.#before.set(account, booked(account));
  }

  /** Items in all queues now. */
  get queuedItems(): number {
    let items = 0;
    for (const account of this.#before.keys()) items += account.held();
    return items;
  }

  /** One line for each exporter and signal that had something to do. `persisted` is in its queue on disk. */
  tell(log: Logger): void {
    for (const [account, before] of this.#before) {
      const now = booked(account);
      const drained = now.passed - before.passed;
      const dropped = now.dropped - before.dropped;
      const rejected = now.rejected - before.rejected;
      const persisted = account.held();
      if (drained + dropped + rejected + persisted === 0) continue;
      const fields = { exporter: account.node, signal: account.signal, drained, persisted, dropped, rejected };
      log.info('Drained an exporter.', fields);
    }
  }
}

function exportersOf(ledger: Ledger): Account[] {
  return [...ledger.accounts()].filter(({ stage }) => stage === 'exporter');
}

function booked({ passed, droppedItems: dropped, rejectedItems: rejected }: Account): Before {
  return { passed, dropped, rejected };
}
