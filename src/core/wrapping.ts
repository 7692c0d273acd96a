import type { Exporter } from './component.ts';
import type { Signal } from './signal.ts';

/** What whoever wraps an exporter is told about it. */
export interface WrappedExporter {
  /** As in the configuration, such as `otlp/backend`. */
  readonly id: string;
  readonly exporter: Exporter;
  /** Health of the wrapping beside the exporter's own; undefined means well. */
  reportHealth(signal: Signal, reason: string | undefined): void;
}

/** An extension that stands between the host and exporters. */
export interface ExporterWrapper {
  /** The exporter to use instead, which may be the same. Opens nothing; called once for each exporter before the start. */
  wrapExporter(wrapped: WrappedExporter): Exporter;
}

export function isExporterWrapper(extension: object): extension is ExporterWrapper {
  return 'wrapExporter' in extension && typeof extension.wrapExporter === 'function';
}
