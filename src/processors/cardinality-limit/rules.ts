import type { CardinalityLimitConfig } from './config.ts';
import { bucketing, dropping, type LabelRewrite } from './label-rewrites.ts';
import type { MetricRule } from './metric-book.ts';
import { metricPattern } from './metric-pattern.ts';

/** The first rule that matches a name counts, with the settings of all where it says nothing. */
export function rulesOf(config: CardinalityLimitConfig): (name: string) => MetricRule {
  const everybody = ruleOf(config);
  const rules = config.metrics.map((own) => ({
    pattern: metricPattern(own.match),
    rule: ruleOf({
      limit: own.limit ?? config.limit,
      on_overflow: own.on_overflow ?? config.on_overflow,
      drop_labels: own.drop_labels ?? config.drop_labels,
      bucket: own.bucket ?? config.bucket,
    }),
  }));
  return (name) => rules.find(({ pattern }) => pattern.test(name))?.rule ?? everybody;
}

type Settings = Pick<CardinalityLimitConfig, 'limit' | 'on_overflow' | 'drop_labels' | 'bucket'>;

function ruleOf(settings: Settings): MetricRule {
  return { limit: settings.limit, onOverflow: settings.on_overflow, rewrite: rewriteOf(settings) };
}

function rewriteOf({ on_overflow: onOverflow, drop_labels: labels, bucket }: Settings): LabelRewrite | undefined {
  if (onOverflow === 'bucket') return bucketing(bucket);
  return onOverflow === 'drop_label' && labels !== 'auto' ? dropping(new Set(labels)) : undefined;
}
