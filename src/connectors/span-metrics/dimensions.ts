import { ANY_VALUE } from '../../otlp/fields.ts';
import { Writer } from '../../otlp/writer.ts';
import type { SpanMetricsConfig } from './config.ts';

/** An attribute that is a dimension. */
export interface Dimension {
  readonly name: Uint8Array;
  /** Content of the AnyValue to use where no span and no resource has it. */
  readonly fallback: Uint8Array | undefined;
}

/** The metrics that are counted by the same dimensions: both, or one of them where either has dimensions of its own. */
export interface Family {
  readonly calls: boolean;
  readonly durations: boolean;
  /** Besides those that all families have. */
  readonly own: readonly Dimension[];
}

export interface Dimensions {
  readonly service: boolean;
  readonly span: boolean;
  readonly kind: boolean;
  readonly status: boolean;
  /** Of all families, in the order of the keys. */
  readonly common: readonly Dimension[];
  readonly families: readonly Family[];
  /** Names of scopes that are dimensions with their versions. */
  readonly scopes: readonly Uint8Array[];
}

export function dimensionsOf(config: SpanMetricsConfig): Dimensions {
  const has = (name: string): boolean => !config.exclude_dimensions.includes(name);
  return {
    service: has('service.name'),
    span: has('span.name'),
    kind: has('span.kind'),
    status: has('status.code'),
    common: config.dimensions.map(dimension),
    families: familiesOf(config),
    scopes: config.include_instrumentation_scope.map((name) => Buffer.from(name)),
  };
}

function familiesOf({ calls_dimensions: calls, histogram }: SpanMetricsConfig): Family[] {
  if (histogram.disable) return [{ calls: true, durations: false, own: calls.map(dimension) }];
  if (calls.length === 0 && histogram.dimensions.length === 0) return [{ calls: true, durations: true, own: [] }];
  return [
    { calls: true, durations: false, own: calls.map(dimension) },
    { calls: false, durations: true, own: histogram.dimensions.map(dimension) },
  ];
}

function dimension({ name, default: fallback }: { name: string; default?: string | undefined }): Dimension {
  return { name: Buffer.from(name), fallback: fallback === undefined ? undefined : textValue(fallback) };
}

function textValue(text: string): Uint8Array {
  const writer = new Writer(64);
  writer.string(ANY_VALUE.string, text);
  return writer.take();
}
