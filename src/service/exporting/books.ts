import type { LogFields, Logger } from '../../core/logger.ts';
import type { Account } from '../../core/ledger.ts';
import { rejectionCode, type Outcome } from './outcome.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { SenderOptions } from './sender.ts';

/**
 * Where outcomes are written down. Two views, on purpose: `concluded` counts and logs each request as the upstream saw
 * it; `passed`, `rejected` and `dropped` book items that were in our custody, and only those, so that the ledger closes.
 */
export class Books {
  readonly #account: Account;
  readonly #metrics: SenderMetrics;
  readonly #log: Logger;
  readonly #fields: LogFields;
  readonly #custody: boolean;

  /** `custody` false: callers wait for the outcome and keep what was not delivered. */
  constructor(options: SenderOptions, metrics: SenderMetrics, custody: boolean) {
    this.#account = options.account;
    this.#metrics = metrics;
    this.#log = options.log;
    this.#fields = { exporter: options.id, signal: options.signal };
    this.#custody = custody;
  }

  passed(items: number): void {
    this.#account.passed += items;
  }

  rejected(reason: string, items: number): void {
    this.#account.reject(reason, items);
    this.#metrics.rejected(reason, items);
  }

  dropped(reason: string, items: number): void {
    this.#account.drop(reason, items);
    this.#metrics.dropped(reason, items);
  }

  /** One request is over. */
  concluded(outcome: Outcome, items: number): void {
    switch (outcome.status) {
      case 'delivered':
        this.#metrics.sent.value += items - outcome.rejectedItems;
        this.#delivered(outcome.rejectedItems, outcome.message, items);
        return;
      case 'rejected':
        this.#metrics.sendFailed.value += items;
        this.#lost('The upstream refused a request for good.', outcome.reason, items);
        return;
      case 'dropped':
        if (outcome.cause === 'abandoned') return;
        this.#metrics.sendFailed.value += items;
        if (outcome.cause === 'failed') this.#failed(outcome.reason, items);
        else if (outcome.cause !== 'shutdown') this.#lost('A request could not be delivered.', outcome.reason, items);
    }
  }

  #delivered(rejectedItems: number, reason: string | undefined, items: number): void {
    if (rejectedItems > 0) {
      this.#log.error('The upstream refused part of a request for good.', {
        ...this.#fields,
        reason,
        rejectedItems,
        items,
      });
    } else if (reason !== undefined && reason !== '') {
      this.#log.warn('The upstream took a request with a warning.', { ...this.#fields, reason, items });
    }
  }

  #lost(message: string, reason: Error, items: number): void {
    const fields = { ...this.#fields, code: rejectionCode(reason), reason: reason.message, items };
    if (this.#custody) this.#log.error(message, fields);
    else this.#log.warn(message, fields);
  }

  #failed(reason: Error, items: number): void {
    this.#log.error('The exporter threw, which is a bug; its request is counted as failed.', {
      ...this.#fields,
      error: reason.stack ?? reason.message,
      items,
    });
  }
}
