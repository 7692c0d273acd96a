import type { Effect } from './effect.ts';
import type { Side, TraceCounts } from './span-table.ts';

interface Kept {
  readonly input: number | undefined;
  readonly old: number;
  readonly new: number;
}

/** What became of errors and traces, over all fixtures. */
export interface Totals {
  readonly traces: number;
  readonly old: TraceCounts;
  readonly new: TraceCounts;
  readonly errorSpans: Kept;
  readonly errorLogs: Kept;
  readonly errorLogsLost: number;
  /** Error spans that only the old configuration delivers, and the error logs that the new one delivers less of. */
  readonly errorsLost: number;
  /** Traces that are whole with the old configuration and broken with the new one. */
  readonly tracesBroken: number;
  /** Traces of which the old configuration delivers something and the new one nothing. */
  readonly tracesGone: number;
}

export function totalsOf({ fixtures, input, readLater, old, new: now }: Effect): Totals {
  const sum = (of: (spans: (typeof fixtures)[number]['spans']) => number): number =>
    fixtures.reduce((total, { spans }) => total + of(spans), 0);
  const side = (which: Side): TraceCounts => ({
    whole: sum((spans) => spans[which].whole),
    broken: sum((spans) => spans[which].broken),
    gone: sum((spans) => spans[which].gone),
    orphans: sum((spans) => spans[which].orphans),
    errorSpans: sum((spans) => spans[which].errorSpans),
  });
  const [before, after] = [side('old'), side('new')];
  const logs = { old: old.out.errorLogs.count, new: now.out.errorLogs.count };
  // Of each fixture: what one has more makes up for nothing.
  const logsLost = fixtures.reduce((total, { errorLogs }) => total + errorLogs.lost, 0);
  const spansLost = sum(({ errorsLost }) => [...errorsLost.values()].reduce((total, lost) => total + lost, 0));
  return {
    traces: sum(({ traces }) => traces),
    old: before,
    new: after,
    errorSpans: { input: sum(({ errorSpans }) => errorSpans), old: before.errorSpans, new: after.errorSpans },
    errorLogs: { input: readLater.has('logs') ? undefined : input.errorLogs.count, ...logs },
    errorLogsLost: logsLost,
    errorsLost: spansLost + logsLost,
    tracesBroken: sum(({ newlyBroken }) => newlyBroken),
    tracesGone: sum(({ newlyGone }) => newlyGone),
  };
}
