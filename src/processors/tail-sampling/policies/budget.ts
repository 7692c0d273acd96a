import type { TraceSummary } from '../policy.ts';
import type { Judge } from './judge.ts';

/** Policies that sample what their budget pays for. */

interface Budget {
  readonly perSecond: number;
  /** What is there at once: the most that is saved up, and the most that one trace may cost. */
  readonly burst: number;
  readonly cost: (trace: TraceSummary) => number;
}

/** Starts with a full burst, and fills with time. Source: golang.org/x/time/rate, as the Collector uses it. */
export function budgetJudge({ perSecond, burst, cost }: Budget): Judge {
  let left = burst;
  let sinceMs: number | undefined;
  return {
    samples(trace, nowMs) {
      left = Math.min(burst, left + ((nowMs - (sinceMs ?? nowMs)) / 1000) * perSecond);
      sinceMs = nowMs;
      const price = cost(trace);
      if (price > left) return false;
      left -= price;
      return true;
    },
    foresees: (trace) => (cost(trace) > burst ? false : undefined),
  };
}

export interface Share {
  readonly judge: Judge;
  /** Spans each second. */
  readonly most: number;
  spent: number;
}

/**
 * The first of its policies that samples a trace pays for it, in spans of the running second, or the trace is not
 * sampled; the next ones are not asked then.
 */
export function compositeJudge(shares: readonly Share[], total: number): Judge {
  let second: number | undefined;
  let spent = 0;
  const pays = (share: Share, spans: number): boolean => {
    if (share.spent + spans > share.most || spent + spans > total) return false;
    share.spent += spans;
    spent += spans;
    return true;
  };
  return {
    samples(trace, nowMs) {
      const now = Math.floor(nowMs / 1000);
      if (now !== second) {
        second = now;
        spent = 0;
        for (const share of shares) share.spent = 0;
      }
      const wanting = shares.find(({ judge }) => judge.samples(trace, nowMs));
      return wanting !== undefined && pays(wanting, trace.spans);
    },
    foresees: (trace) => (shares.every(({ judge }) => judge.foresees(trace) === false) ? false : undefined),
  };
}

interface Allocation {
  readonly policy: string;
  /** 0 for an equal share. */
  readonly percent: number;
}

/** Spans each second of each of `names`; those without an allocation share evenly what is left. */
export function allocate(names: readonly string[], allocations: readonly Allocation[], total: number): number[] {
  const given = new Map(
    allocations.map(({ policy, percent }) => [policy, percent > 0 ? (percent / 100) * total : total / names.length]),
  );
  const left = Math.max(0, total - [...given.values()].reduce((sum, one) => sum + one, 0));
  const others = names.filter((name) => !given.has(name)).length;
  return names.map((name) => Math.floor(given.get(name) ?? left / others));
}
