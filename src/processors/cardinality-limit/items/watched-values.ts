import type { LimitedValues } from '../explain/explanation.ts';
import type { MetricRule } from '../metric-book.ts';
import { ValueBuckets } from '../value-buckets.ts';
import { PLACEHOLDER, type ItemLimits, type ValueLimit, type ValueMode } from './settings.ts';

/** Values of one attribute, or the names of spans, that are bounded. */
export interface WatchedValues extends LimitedValues {
  /** For people, and in metrics: `span attribute http.url`. */
  readonly name: string;
  readonly mode: ValueMode;
  readonly placeholder: string;
  readonly buckets: ValueBuckets | undefined;
  readonly rule: MetricRule;
}

const SPAN_NAME = 'span.name';
const ITEM = { spans: 'span', logs: 'log' } as const;

/** All that the settings of one signal name. */
export function watchedValues(of: 'spans' | 'logs', limits: ItemLimits): readonly WatchedValues[] {
  const { name, attributes, resource_attributes: resource } = limits;
  return [
    ...(name === undefined ? [] : [watched({ of, list: 'name', key: SPAN_NAME }, 'span name', name)]),
    ...attributes.map((one) =>
      watched({ of, list: 'attributes', key: one.key }, `${ITEM[of]} attribute ${one.key}`, one),
    ),
    ...resource.map((one) =>
      watched({ of, list: 'resource_attributes', key: one.key }, `resource attribute ${one.key} of ${of}`, one),
    ),
  ];
}

function watched(values: LimitedValues, name: string, settings: ValueLimit): WatchedValues {
  const { limit, on_overflow: mode, placeholder = PLACEHOLDER, bucket } = settings;
  return {
    ...values,
    name,
    mode,
    placeholder,
    buckets: mode === 'bucket' ? new ValueBuckets(bucket?.patterns ?? [], bucket?.ids ?? true) : undefined,
    rule: { limit, onOverflow: 'merge', values },
  };
}
