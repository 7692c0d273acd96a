import { ValueBuckets } from './value-buckets.ts';

/** What is done to the labels of points beyond the limit. */
export interface LabelRewrite {
  dropsLabel(key: string): boolean;
  /** Of a label with a text; the same text leaves it. */
  textOf(key: string, text: string): string;
}

export function dropping(labels: ReadonlySet<string>): LabelRewrite {
  return { dropsLabel: (key) => labels.has(key), textOf: (_key, text) => text };
}

export interface BucketSettings {
  readonly labels?: readonly string[] | undefined;
  readonly patterns: readonly string[];
  readonly ids: boolean;
}

/** `labels`: of these alone; of all when absent. */
export function bucketing({ labels, patterns, ids }: BucketSettings): LabelRewrite {
  const buckets = new ValueBuckets(patterns, ids);
  const only = labels === undefined ? undefined : new Set(labels);
  return {
    dropsLabel: () => false,
    textOf: (key, text) => (only === undefined || only.has(key) ? buckets.of(text) : text),
  };
}
