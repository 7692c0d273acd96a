import type { TraceSummary } from '../policy.ts';

/** One policy, or what stands inside one: says of a trace whether it samples it. */
export interface Judge {
  /** Takes what the trace costs from the budget, when there is one and it samples the trace. `nowMs` is monotonic. */
  samples(trace: TraceSummary, nowMs: number): boolean;
  /**
   * Whether it samples traces like this one as the dice (chance.ts) lie; undefined when that depends on what a budget
   * has left. Changes nothing.
   */
  foresees(trace: TraceSummary): boolean | undefined;
}

/** Leaves nothing to chance. */
export function certain(test: (trace: TraceSummary) => boolean): Judge {
  return { samples: test, foresees: test };
}

export function latencyJudge({ threshold_ms: lower, upper_threshold_ms: upper }: LatencySettings): Judge {
  const most = upper === 0 ? Infinity : upper;
  return certain((trace) => {
    const ms = durationMs(trace);
    return ms > lower && ms <= most;
  });
}

interface LatencySettings {
  readonly threshold_ms: number;
  readonly upper_threshold_ms: number;
}

const NANOS_PER_MS = 1e6;
/** How far off the difference of two times may be. */
const INEXACT_NS = 256;

/** Whole milliseconds. */
function durationMs({ firstStartNs, lastEndNs }: TraceSummary): number {
  return Math.floor((lastEndNs - firstStartNs + INEXACT_NS) / NANOS_PER_MS);
}

export function spanCountJudge({ min_spans: min, max_spans: max }: { min_spans: number; max_spans: number }): Judge {
  const most = max === 0 ? Infinity : max;
  return certain(({ spans }) => spans >= min && spans <= most);
}

/** Samples when all do. Those after the first that does not are not asked, so that they pay nothing. */
export function allOf(judges: readonly Judge[]): Judge {
  return {
    samples: (trace, nowMs) => judges.every((judge) => judge.samples(trace, nowMs)),
    foresees(trace) {
      let all: boolean | undefined = true;
      for (const judge of judges) {
        const one = judge.foresees(trace);
        if (one === false) return false;
        if (one === undefined) all = undefined;
      }
      return all;
    },
  };
}

export function notOf(judge: Judge): Judge {
  return {
    samples: (trace, nowMs) => !judge.samples(trace, nowMs),
    foresees(trace) {
      const it = judge.foresees(trace);
      return it === undefined ? undefined : !it;
    },
  };
}
