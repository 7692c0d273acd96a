import type { LimitedMetric, LimitedValues } from './explain/explanation.ts';
import { SeriesTable } from '../../otlp/metrics/series-table.ts';
import type { OverflowMode } from './config.ts';
import { keptName } from './kept-name.ts';
import type { LabelRewrite } from './label-rewrites.ts';
import type { Identity } from './surroundings.ts';

/** How the metrics of one name are limited. */
export interface MetricRule {
  readonly limit: number;
  readonly onOverflow: OverflowMode;
  /** What is done to the labels of what overflows, where that is not found out by metric. */
  readonly rewrite?: LabelRewrite | undefined;
  /** Of values in the place of series. */
  readonly values?: LimitedValues | undefined;
}

/** Whose series are counted together, beside those of each metric. */
export interface Tenant {
  readonly name: string;
  readonly limit: number;
  series: number;
  /** Metrics of this tenant. */
  metrics: number;
}

/** One metric of one service and tenant. */
export interface Metric extends LimitedMetric {
  readonly rule: MetricRule;
  readonly owner: Tenant;
  /** Series with a place. */
  series: number;
  /** Series that overflowed series were merged in. */
  merged: number;
  /** All that the series table has of it, what is only remembered as well. */
  slots: number;
  /** What is done to the labels of what overflows, in `rewrittenIn`. */
  rewrite: LabelRewrite | undefined;
  /** The window in which that was found out. */
  rewrittenIn: number;
}

export interface MetricBookOptions {
  readonly maxMetrics: number;
  readonly maxTenants: number;
  readonly tenantLimit: number;
  ruleOf(name: string): MetricRule;
}

/** What an entry takes, with names of usual length. */
export const BYTES_PER_METRIC = 512;

/** The names of what has no entry of its own. */
const OTHER = '_other';
/** The entry of all metrics for which there is no room: it has no places. */
export const OTHER_METRIC = 0;

/**
 * The metrics that are limited, by number.
 * Invariants: number 0 is the one for all beyond `maxMetrics`. A metric stays as long as the series table has anything of
 * it, and for one window after its last point; a tenant as long as it has metrics.
 */
export class MetricBook {
  readonly #options: MetricBookOptions;
  readonly #table: SeriesTable;
  readonly #metrics: (Metric | undefined)[] = [];
  readonly #tenants = new Map<string, Tenant>();
  readonly #otherTenant: Tenant;

  constructor(options: MetricBookOptions) {
    this.#options = options;
    this.#table = new SeriesTable(options.maxMetrics + 1);
    this.#otherTenant = { name: OTHER, limit: options.tenantLimit, series: 0, metrics: 1 };
    this.#table.grow();
    this.#table.add(0, 0, 0, FOREVER);
    const rule = { limit: 0, onOverflow: 'merge' } as const;
    this.#metrics[OTHER_METRIC] = newMetric(OTHER, OTHER, rule, this.#otherTenant);
  }

  /** Metrics with an entry of their own. */
  get size(): number {
    return this.#table.size - 1;
  }

  get tenants(): number {
    return this.#tenants.size;
  }

  *[Symbol.iterator](): Generator<Metric> {
    for (const metric of this.#metrics) if (metric !== undefined) yield metric;
  }

  find({ low, mid, high }: Identity, period: number): number {
    const number = this.#table.find(low, mid, high);
    if (number > 0) this.#table.touch(number, period);
    return number;
  }

  /** For a metric that `find` does not know. */
  add({ low, mid, high }: Identity, names: { name: string; service: string; tenant: string }, period: number): number {
    if (!this.#table.hasRoom && !this.#table.grow()) return OTHER_METRIC;
    const number = this.#table.add(low, mid, high, period);
    const owner = this.#tenantOf(names.tenant);
    owner.metrics += 1;
    this.#metrics[number] = newMetric(keptName(names.name), names.service, this.#options.ruleOf(names.name), owner);
    return number;
  }

  at(number: number): Metric {
    const metric = this.#metrics[number];
    if (metric === undefined) throw new Error('BUG: there is no such metric.');
    return metric;
  }

  /** Forgets metrics that have nothing any more and were not seen in `period` or since. */
  forgetBefore(period: number): void {
    for (let number = OTHER_METRIC + 1; number < this.#table.end; number++) {
      const metric = this.#metrics[number];
      if (metric === undefined || metric.slots > 0 || this.#table.seenIn(number) >= period) continue;
      this.#table.remove(number);
      this.#metrics[number] = undefined;
      metric.owner.metrics -= 1;
      if (metric.owner.metrics === 0) this.#tenants.delete(metric.owner.name);
    }
  }

  #tenantOf(name: string): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant !== undefined) return tenant;
    if (this.#tenants.size >= this.#options.maxTenants) return this.#otherTenant;
    tenant = { name, limit: this.#options.tenantLimit, series: 0, metrics: 0 };
    this.#tenants.set(name, tenant);
    return tenant;
  }
}

const FOREVER = 0xffffffff;

const FRESH = { series: 0, merged: 0, slots: 0, rewrite: undefined, rewrittenIn: 0 };

function newMetric(name: string, service: string, rule: MetricRule, owner: Tenant): Metric {
  const { limit } = rule;
  return { name, service, tenant: owner.name, limit, values: rule.values, rule, owner, ...FRESH };
}
