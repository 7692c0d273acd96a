import type { Family } from './family.ts';
import { Metric, type MetricKind } from './point.ts';

/** What the `otel_scope_*` labels of a sample say; `attributes` are pairs in turn. */
export interface ScopeLabels {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: readonly string[];
}

export const NO_SCOPE: ScopeLabels = { name: '', version: '', schemaUrl: '', attributes: [] };

/** Metrics of one instrumentation scope. Without a name it is the scraper's own scope. */
export class ScopeGroup {
  readonly labels: ScopeLabels;
  readonly metrics: Metric[] = [];
  /** Labels of `otel_scope_info`, the older way to give a scope attributes. */
  infoAttributes: readonly string[] = [];
  expectedBytes = 0;
  readonly #byKey = new Map<string, Metric>();

  constructor(labels: ScopeLabels) {
    this.labels = labels;
  }

  metric(name: string, kind: MetricKind, family: Family): Metric {
    const metric = this.#named(name, kind, family);
    if (metric.isInherited) metric.belongTo(family);
    return metric;
  }

  /** The metric of a table that was replaced; until this one's pages have it, its family is that of the other table. */
  inherited({ name, kind, family }: Metric): Metric {
    const count = this.metrics.length;
    const metric = this.#named(name, kind, family);
    if (this.metrics.length > count) metric.isInherited = true;
    return metric;
  }

  #named(name: string, kind: MetricKind, family: Family): Metric {
    // A counter and a gauge of one name are two metrics; so a changed type ends one and begins the other.
    const key = `${kind}\n${family.type}\n${name}`;
    let metric = this.#byKey.get(key);
    if (metric === undefined) {
      metric = new Metric(name, kind, family);
      this.#byKey.set(key, metric);
      this.metrics.push(metric);
    }
    return metric;
  }
}

/** A `target_info` sample: its labels are resource attributes while it is on the page. */
export interface TargetInfo {
  readonly entry: number;
  readonly labels: readonly string[];
}

/** Everything of one job and instance. More than one per target only with honor_labels. */
export class ResourceGroup {
  readonly job: string;
  readonly instance: string;
  readonly scopes: ScopeGroup[] = [];
  readonly infos: TargetInfo[] = [];
  expectedBytes = 0;
  readonly #byKey = new Map<string, ScopeGroup>();

  constructor(job: string, instance: string) {
    this.job = job;
    this.instance = instance;
  }

  scope(labels: ScopeLabels): ScopeGroup {
    const key = labels === NO_SCOPE ? '' : JSON.stringify(labels);
    let scope = this.#byKey.get(key);
    if (scope === undefined) {
      scope = new ScopeGroup(labels);
      this.#byKey.set(key, scope);
      this.scopes.push(scope);
    }
    return scope;
  }
}

export class ResourceGroups {
  readonly list: ResourceGroup[] = [];
  /** By job and instance: a page of a federation has thousands. */
  readonly #byJob = new Map<string, Map<string, ResourceGroup>>();

  resource(job: string, instance: string): ResourceGroup {
    let ofJob = this.#byJob.get(job);
    if (ofJob === undefined) {
      ofJob = new Map();
      this.#byJob.set(job, ofJob);
    }
    let group = ofJob.get(instance);
    if (group === undefined) {
      group = new ResourceGroup(job, instance);
      ofJob.set(instance, group);
      this.list.push(group);
    }
    return group;
  }
}
