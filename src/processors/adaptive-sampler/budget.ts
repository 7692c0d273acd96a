import type { Clock } from '../../core/clock.ts';
import type { KeyTable } from './key-table.ts';
import { Flows, ORDINARY, PRIORITY } from './flows.ts';
import type { Tally, TallyKeeper } from './tally.ts';
import { waterLevel } from './water-level.ts';

/** How long a plan holds, unless more is spent than it meant to. */
export const PLAN_MS = 250;

/** A plan is made anew when twice of what it meant for its time is spent. */
const OVERSPENT = 2;

/** In how long a debt is paid back, and the part of the target that is left in the meantime at least. */
const REPAY_S = 1;
const LEAST_OF_TARGET = 0.25;

/** With this debt, as a part of the window, flows that have begun to burst are measured by their quick estimate. */
const ALARM_OF_WINDOW = 0.1;

export interface BudgetOptions {
  readonly clock: Clock;
  /** The target: items or bytes a second. */
  readonly perSecond: number;
  readonly windowMs: number;
  readonly priorityShare: number;
  readonly keys: Pick<KeyTable, 'size' | 'limit'>;
}

/**
 * Shares the target between flows, a few times a second and whenever it is overspent.
 *
 * - First errors and what was slow, up to their share of the target, or to all that the others leave. Then the others.
 *   In each class by water filling: rare flows keep everything, hot ones what is left, the same for each.
 * - What is spent is what the shares let through by expectation, never what was kept: so a share depends on what came and
 *   not on anybody's randomness, and what is kept stays an unbiased sample also while shares change.
 * - Errors, and what was slow, have credit of their own, of their share of the target. While it lasts, they neither pay for
 *   what others overspent nor are taken for a burst. Their debt is no more than a window of that either: they may have all that the others leave.
 * - What is not spent is credit, up to a window of the target; it makes up for lumps. Overspent credit is debt, which
 *   lowers the target until it is paid back.
 *
 *   batch ──► tally ──► plan, when due ──► shares ──► decided ──► spend, once accepted
 */
export class Budget {
  readonly flows: Flows;
  readonly #options: BudgetOptions;
  readonly #demands: Record<typeof ORDINARY | typeof PRIORITY, Float64Array>;
  readonly #limitCredit: number;
  #credit: number;
  /** Of errors and of what was slow. */
  #firstCredit: number;
  #plannedAtMs: number;
  /** By the plan until it is due, and what was spent of it. */
  #meant = 0;
  #spent = 0;

  constructor(options: BudgetOptions) {
    const { clock, perSecond, windowMs, keys, priorityShare } = options;
    this.#options = options;
    this.flows = new Flows(2 * keys.limit, windowMs);
    this.#demands = [new Float64Array(keys.limit), new Float64Array(keys.limit)];
    this.#limitCredit = (perSecond * windowMs) / 1000;
    this.#credit = this.#limitCredit;
    this.#firstCredit = this.#limitCredit * priorityShare;
    this.#plannedAtMs = clock.monotonic();
  }

  /** Before a batch is decided. */
  prepare(tally: Tally, keeper: TallyKeeper): void {
    const nowMs = this.#options.clock.monotonic();
    const coming = this.#expected(tally);
    const isOverspent = this.#spent + coming > OVERSPENT * this.#meant;
    if (nowMs - this.#plannedAtMs >= PLAN_MS || isOverspent) this.#plan(nowMs, tally, coming, keeper);
  }

  /** The batch was accepted. */
  book(tally: Tally): void {
    for (const { flow, rate, coming } of tally.bursts) this.flows.raise(flow, rate, coming);
    tally.flows.forEach((flow, place) => this.flows.arrive(flow, tally.amounts[place] ?? 0));
    this.#credit -= tally.spent;
    this.#firstCredit -= tally.spentFirst;
    this.#spent += tally.spent;
  }

  #expected({ flows, amounts }: Tally): number {
    let expected = 0;
    for (let place = 0; place < flows.length; place++) {
      expected += (amounts[place] ?? 0) * (this.flows.share[flows[place] ?? 0] ?? 1);
    }
    return expected;
  }

  #plan(nowMs: number, tally: Tally, coming: number, keeper: TallyKeeper): void {
    const { perSecond, keys, priorityShare } = this.#options;
    const elapsedMs = nowMs - this.#plannedAtMs;
    this.flows.settle(2 * keys.size, elapsedMs, PLAN_MS);
    this.#credit = Math.min(this.#limitCredit, this.#credit + (perSecond * elapsedMs) / 1000);
    const limitFirst = this.#limitCredit * priorityShare;
    // Nor is what they had because nobody else wanted it a debt for ever: a window makes up for all of it.
    const earned = (perSecond * priorityShare * elapsedMs) / 1000;
    this.#firstCredit = Math.min(limitFirst, Math.max(-limitFirst, this.#firstCredit) + earned);
    this.#plannedAtMs = nowMs;
    this.#spent = 0;
    const debt = Math.max(0, -this.#credit);
    const target = Math.max(perSecond * LEAST_OF_TARGET, perSecond - debt / REPAY_S);
    this.#measure(keeper);
    if (coming - this.#credit > this.#limitCredit * ALARM_OF_WINDOW) this.#findBursts(target, tally, keeper);
    this.#meant = (this.#share(target) * PLAN_MS) / 1000;
  }

  #measure(keeper: TallyKeeper): void {
    for (let key = 0; key < this.#options.keys.size; key++) {
      for (const rank of RANKS) {
        const flow = 2 * key + rank;
        this.#demands[rank][key] = this.flows.rateOf(flow, keeper.amountOf(flow));
      }
    }
  }

  /** Flows that burst hide behind their slow estimate: only such as are above the water, a rare one may have its lump. */
  #findBursts(target: number, tally: Tally, keeper: TallyKeeper): void {
    const levels = this.#levels(target);
    const ranks = this.#firstCredit > 0 ? ORDINARY_ALONE : RANKS;
    for (let key = 0; key < this.#options.keys.size; key++) {
      for (const rank of ranks) {
        const demand = this.#demands[rank][key] ?? 0;
        if (demand <= levels[rank]) continue;
        const flow = 2 * key + rank;
        const coming = keeper.amountOf(flow);
        const rate = this.flows.burstRateOf(flow, coming);
        if (rate <= demand) continue;
        this.#demands[rank][key] = rate;
        tally.bursts.push({ flow, rate, coming });
      }
    }
  }

  /** Sets the share of each flow; what they come to in a second. */
  #share(target: number): number {
    const levels = this.#levels(target);
    let kept = 0;
    for (let key = 0; key < this.#options.keys.size; key++) {
      for (const rank of RANKS) {
        const demand = this.#demands[rank][key] ?? 0;
        const share = demand <= levels[rank] ? 1 : levels[rank] / demand;
        this.flows.ask(2 * key + rank, share);
        kept += demand * share;
      }
    }
    return kept;
  }

  #levels(target: number): readonly [number, number] {
    const { perSecond, priorityShare, keys } = this.#options;
    const [ordinary, priority] = [this.#demands[ORDINARY], this.#demands[PRIORITY]];
    const wanted = sum(priority, keys.size);
    const theirs = (this.#firstCredit > 0 ? perSecond : target) * priorityShare;
    const forPriority = Math.min(wanted, Math.max(theirs, target - sum(ordinary, keys.size)));
    // What a debt takes from others is not more because errors do not pay for it.
    const rest = Math.max(target * (1 - priorityShare), target - forPriority);
    return [
      waterLevel(ordinary, keys.size, rest),
      wanted <= forPriority ? Number.POSITIVE_INFINITY : waterLevel(priority, keys.size, forPriority),
    ];
  }
}

const RANKS = [ORDINARY, PRIORITY] as const;
const ORDINARY_ALONE = [ORDINARY] as const;

function sum(demands: Float64Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += demands[i] ?? 0;
  return total;
}
