import { seriesOf, type MetricPoint } from './metric-points.ts';

/** What a reader of metrics makes of them: how much was counted in all series of each metric and kind together. */
export class MetricTotals {
  readonly #totals = new Map<string, number[]>();
  readonly #last = new Map<
    string,
    { readonly amounts: readonly number[]; readonly start: number; readonly time: number }
  >();

  /** Points in the order in which they come. What came before the last of its series says nothing new. */
  add(points: readonly MetricPoint[]): void {
    for (const point of points) if (point.isStale !== true && point.kind !== 'gauge') this.#add(point);
  }

  /** By metric: its value, or count, sum and buckets. */
  get all(): Record<string, readonly number[]> {
    return Object.fromEntries([...this.#totals].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  #add(point: MetricPoint): void {
    const amounts = amountsOf(point);
    if (point.temporality === 'delta') {
      this.#count(point, amounts);
      return;
    }
    const series = seriesOf(point);
    const last = this.#last.get(series);
    const { start, time } = point;
    if (last !== undefined && time < last.time && start <= last.start) return;
    this.#last.set(series, { amounts, start, time });
    if (last === undefined || (point.kind !== 'level' && isReset(amounts, start, last))) this.#count(point, amounts);
    else
      this.#count(
        point,
        amounts.map((amount, at) => amount - (last.amounts[at] ?? 0)),
      );
  }

  #count({ metric, kind, temporality }: MetricPoint, amounts: readonly number[]): void {
    const key = `${metric} ${kind} ${temporality}`;
    const total = this.#totals.get(key) ?? [];
    amounts.forEach((amount, at) => (total[at] = (total[at] ?? 0) + amount));
    this.#totals.set(key, total);
  }
}

function amountsOf({ value, sum, buckets }: MetricPoint): number[] {
  return [value, ...(sum === undefined ? [] : [sum]), ...(buckets ?? [])];
}

function isReset(
  amounts: readonly number[],
  start: number,
  last: { amounts: readonly number[]; start: number },
): boolean {
  return start > last.start || amounts.some((amount, at) => amount < (last.amounts[at] ?? 0));
}
