import type { Signal } from '../../core/signal.ts';
import type { Item } from '../output/items.ts';
import type { Summary } from '../output/outcome.ts';

/** How a check came out. */
export interface CheckResult {
  /** As the manifest has it: `max_series 500`. */
  readonly name: string;
  /** What is wrong, in one sentence; undefined when it holds. */
  readonly failure?: string;
  /** Where, as far as it is told. */
  readonly examples: readonly string[];
}

/** One rule: it sees what comes in and what is delivered, and says at the end whether it held. */
export interface Check {
  readonly name: string;
  /** Which signal `delivered` is about; every one when absent. */
  readonly signal?: Signal;
  /** Whether what exporters of the type `debug` are given counts where there are others. */
  readonly countsDebug?: boolean;
  /** A span of a request that arrives. */
  arrived?(item: Item, atMs: number): void;
  /** An item that an exporter delivered which counts. */
  delivered?(item: Item, exporter: string, atMs: number): void;
  /** The failure, or undefined. A check that had nothing to look at fails. `exporters`: ids of those that count. */
  verdict(summary: Summary, exporters: ReadonlySet<string>): Failure | undefined;
}

export interface Failure {
  readonly message: string;
  readonly examples: readonly string[];
}

const SHOWN = 5;

/** Counts what is wrong, and keeps the first few as examples. */
export class Findings {
  readonly examples: string[] = [];
  count = 0;

  add(example: () => string): void {
    this.count += 1;
    if (this.examples.length < SHOWN) this.examples.push(example());
  }

  failure(message: (count: number) => string): Failure | undefined {
    return this.count === 0 ? undefined : { message: message(this.count), examples: this.examples };
  }
}
