import type { Count } from '../../../core/meter.ts';
import type { Group, HeldBudget } from './held-groups.ts';

/** Why a record was written although lines of it may be missing. */
export type IncompleteReason = 'bytes' | 'lines' | 'memory' | 'time';
export type IncompleteCounts = Readonly<Record<IncompleteReason, Count>>;

export interface CapsOptions {
  readonly limitBytes: number;
  readonly limitLines: number;
  readonly budget: HeldBudget;
  readonly incomplete: IncompleteCounts;
}

/** The bounds of one stage's groups. */
export class Caps {
  readonly #options: CapsOptions;

  constructor(options: CapsOptions) {
    this.#options = options;
  }

  get budget(): HeldBudget {
    return this.#options.budget;
  }

  /** True, and counted, when the group has to be written now. */
  isReached(group: Group): boolean {
    const { limitBytes, limitLines, budget } = this.#options;
    if (group.bytes >= limitBytes) return this.count('bytes');
    if (group.lines >= limitLines) return this.count('lines');
    return budget.isExceeded && this.count('memory');
  }

  count(reason: IncompleteReason): true {
    this.#options.incomplete[reason].value += 1;
    return true;
  }
}
