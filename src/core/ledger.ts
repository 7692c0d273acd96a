import type { Signal } from './signal.ts';

/**
 * Double-entry book of items. Every node that can hold, lose or deliver items has an account; the ledger closes when,
 * for each account, received + made = passed + dropped{reason} + rejected{reason} + held.
 *
 * - received: items the node took custody of; for a connector, items that it observed.
 * - made: items that the node added to what it received, such as copies of data points under another name.
 * - passed: items the next node took custody of; for an exporter, items the upstream confirmed; for a connector, all that
 *   it received. What it makes of them is received by an account of its own, of the stage `receiver`.
 * - dropped: items the node let go on purpose or by its bounds, by reason.
 * - rejected: items somebody further on refused for good, by reason.
 * - held: items in its custody now, measured by the node itself and never derived from the rest.
 */
export class Account {
  received = 0;
  made = 0;
  passed = 0;
  readonly dropped = new Map<string, number>();
  readonly rejected = new Map<string, number>();
  /** Set by nodes that hold items: queues, batches, buffers. */
  held: () => number = () => 0;

  readonly node: string;
  readonly signal: Signal;
  readonly stage: AccountStage;

  readonly #onReason: OnReason | undefined;

  constructor(stage: AccountStage, node: string, signal: Signal, onReason?: OnReason) {
    this.stage = stage;
    this.node = node;
    this.signal = signal;
    this.#onReason = onReason;
  }

  drop(reason: string, items: number): void {
    this.#book('dropped', reason, items);
  }

  reject(reason: string, items: number): void {
    this.#book('rejected', reason, items);
  }

  #book(outcome: 'dropped' | 'rejected', reason: string, items: number): void {
    if (items <= 0) return;
    const counts = this[outcome];
    if (!counts.has(reason)) this.#onReason?.(this, outcome, reason);
    counts.set(reason, (counts.get(reason) ?? 0) + items);
  }

  /** Over all reasons. */
  get droppedItems(): number {
    return sum(this.dropped);
  }

  /** Over all reasons. */
  get rejectedItems(): number {
    return sum(this.rejected);
  }

  /** Items that are unaccounted for: 0 when the account closes. */
  get imbalance(): number {
    return this.received + this.made - this.passed - this.droppedItems - this.rejectedItems - this.held();
  }
}

/** Called when an account books its first items under a reason. */
export type OnReason = (account: Account, outcome: 'dropped' | 'rejected', reason: string) => void;

export type AccountStage = 'receiver' | 'processor' | 'exporter' | 'connector';

export interface LedgerRow {
  readonly stage: AccountStage;
  readonly node: string;
  readonly signal: Signal;
  readonly received: number;
  readonly made: number;
  readonly passed: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly rejected: Readonly<Record<string, number>>;
  readonly held: number;
  readonly imbalance: number;
}

export class Ledger {
  readonly #accounts = new Map<string, Account>();
  readonly #onReason: OnReason | undefined;

  constructor(onReason?: OnReason) {
    this.#onReason = onReason;
  }

  /** The account of a node; the same stage, node and signal give the same account. */
  account(stage: AccountStage, node: string, signal: Signal): Account {
    const key = `${stage}\n${node}\n${signal}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new Account(stage, node, signal, this.#onReason);
      this.#accounts.set(key, account);
    }
    return account;
  }

  accounts(): IterableIterator<Account> {
    return this.#accounts.values();
  }

  rows(): LedgerRow[] {
    return Array.from(this.#accounts.values(), (account) => ({
      stage: account.stage,
      node: account.node,
      signal: account.signal,
      received: account.received,
      made: account.made,
      passed: account.passed,
      dropped: Object.fromEntries(account.dropped),
      rejected: Object.fromEntries(account.rejected),
      held: account.held(),
      imbalance: account.imbalance,
    }));
  }

  /** True when nothing is unaccounted for. Meaningful when no `consume` is under way. */
  get closed(): boolean {
    for (const account of this.#accounts.values()) if (account.imbalance !== 0) return false;
    return true;
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
