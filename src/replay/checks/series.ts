import { pointOf } from '../output/items.ts';
import { textOf } from '../output/json-value.ts';
import { normalized } from '../output/normal.ts';
import type { Check, Failure } from './check.ts';

export interface SeriesLimit {
  readonly limit: number;
  readonly metric?: string | undefined;
}

const SHOWN_METRICS = 5;

/** An exporter delivers so many distinct series at most: name, resource, scope and attributes of the point. */
export function maxSeries({ limit, metric }: SeriesLimit): Check {
  /** By exporter and metric. */
  const series = new Map<string, Map<string, Set<string>>>();
  return {
    name: `max_series ${limit}${metric === undefined ? '' : ` of ${metric}`}`,
    signal: 'metrics',
    delivered({ surroundings, body }, exporter) {
      const name = textOf(body, 'name');
      if (metric !== undefined && metric !== name) return;
      const { attributes } = pointOf(body);
      const key = JSON.stringify([normalized(surroundings), normalized(attributes)]);
      const byMetric = series.get(exporter) ?? new Map<string, Set<string>>();
      series.set(exporter, byMetric);
      byMetric.set(name, (byMetric.get(name) ?? new Set()).add(key));
    },
    verdict() {
      // None at all is what a limit of 0 asks for; for any other one, the name is wrong or nothing came.
      if (series.size === 0 && limit > 0)
        return { message: `no series of ${metric ?? 'any metric'} was delivered, so it proves nothing`, examples: [] };
      for (const [exporter, byMetric] of series) {
        const failure = aboveLimit(exporter, byMetric, limit);
        if (failure !== undefined) return failure;
      }
      return undefined;
    },
  };
}

function aboveLimit(exporter: string, byMetric: ReadonlyMap<string, Set<string>>, limit: number): Failure | undefined {
  const sizes = Array.from(byMetric, ([name, { size }]) => ({ name, size })).sort((a, b) => b.size - a.size);
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  if (total <= limit) return undefined;
  const examples = sizes.slice(0, SHOWN_METRICS).map(({ name, size }) => `${name}: ${size} series`);
  return { message: `${exporter} delivered ${total} series, and ${limit} are allowed`, examples };
}
