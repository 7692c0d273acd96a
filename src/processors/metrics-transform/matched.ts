import type { LabelFilter } from './label-filter.ts';
import type { MetricDraft } from './metric-draft.ts';
import type { NameFilter, NameMatch } from './name-filter.ts';
import { dropMatched } from './point-edit.ts';
import type { Share } from './point-pass.ts';
import type { Workbench } from './workbench.ts';

/** A metric that a transform means, with all or some of its points. */
export interface Matched {
  readonly draft: MetricDraft;
  readonly match: NameMatch;
  readonly share: Exclude<Share, 'none'>;
}

/** What is meant of the metrics that there are now, in their order. */
export function matchedMetrics(bench: Workbench, names: NameFilter, filter: LabelFilter | undefined): Matched[] {
  const found: Matched[] = [];
  for (let at = 0; at < bench.count; at++) {
    const draft = bench.drafts[at];
    if (draft === undefined || draft.gone) continue;
    const match = names.match(draft.name);
    if (match === undefined) continue;
    const share = bench.pass.share(draft, filter);
    if (share !== 'none') found.push({ draft, match, share });
  }
  return found;
}

/** Takes the points that are meant out of their metric. */
export type Take = (metric: Matched, bench: Workbench) => void;

/** Unlike in the Collector, where they are lost, points that are not meant stay. */
export function taker(filter: LabelFilter | undefined): Take {
  const drop = filter === undefined ? undefined : dropMatched(filter);
  return ({ draft, share }, bench) => {
    if (share === 'all' || drop === undefined) draft.gone = true;
    else bench.pass.select(draft, drop, bench.arena);
  };
}
