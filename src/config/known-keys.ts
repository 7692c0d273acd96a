import type { Path } from './problem.ts';

/**
 * Keys of the Collector that no component of ours takes, with what to do instead. Looked up only after the schema has
 * refused the key, so a component that comes to support one needs no change here.
 */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/\.auth$/, 'authentication extensions are not available; set the credential in headers, from ${env:...}'],
  [/\.middlewares$/, 'middleware extensions are not available; use the memory_limiter processor'],
  [/\.include_metadata$/, 'only the otlp receiver carries request metadata; remove it'],
  [/\.metadata_keys$/, 'batches are not divided by request metadata; remove it'],
  [/\.metadata_cardinality_limit$/, 'batches are not divided by request metadata; remove it'],
  [/\.batch\.partition$/, 'batches are not divided by request metadata; remove it'],
  [/\.tls\.tpm$/, 'keys in a TPM are not available; use key_file'],
  [/\.profiles_endpoint$/, 'profiles are not carried; remove it'],
  [/\.balancer_name$/, 'the client keeps one connection to each endpoint; remove it'],
  [/\.target_allocator$/, 'a sidecar scrapes its own application; list it in config.scrape_configs'],
  [
    /\.(kubernetes|consul|ec2|gce|azure|dns|http|file|docker)(swarm)?_sd_configs$/,
    'list the targets in static_configs',
  ],
  [/^receivers\.[^.]+\.header$/, 'reading metadata from the head of a file is not available; remove it'],
  [/\.operators\.\d+\.preserve_to$/, 'copy the value before it is parsed, with copy'],
  [/^connectors\.span_?metrics.*\.dimensions_cache_size$/, 'use aggregation_cardinality_limit'],
  [
    /^connectors\.span_?metrics.*\.metric_timestamp_cache_size$/,
    'points of an interval begin where it does; remove it',
  ],
  [
    /^connectors\.span_?metrics.*\.enable_metrics_sampling_method$/,
    'counted and adjusted spans of a series are one sum; remove it',
  ],
  [/^connectors\.span_?metrics.*\.glob$/, 'write the name of each dimension'],
  [/\.compaction$/, 'space is given back by whole segments, so nothing needs compacting; remove it'],
];

export function unsupportedKey(path: Path): string | undefined {
  const text = path.join('.');
  return ADVICE.find(([pattern]) => pattern.test(text))?.[1];
}

/** Operators of the Collector that filelog does not have, with what to do instead. */
const OPERATOR_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^syslog_parser$/, 'use regex_parser with timestamp and severity'],
  [/^(json_array_parser|headerless_jarray_parser)$/, 'use regex_parser, or csv_parser for flat arrays'],
  [/^strip_ansi_escape_codes$/, 'use regex_replace with regex_name: ansi_control_sequences'],
  [/^(restructure|metadata)$/, 'use add, move, copy, remove and retain'],
  [/^(k8s_metadata_decorator|host_metadata)$/, 'set resource attributes from ${env:...}, or use container'],
  [/_input$|^(stdin|namedpipe)$/, 'the receiver reads the files; remove it'],
  [/_output$|^(stdout|otelcol)$/, 'records go to the pipeline; use its exporters'],
];

/** What to do instead of a value of the Collector that the schema refused. */
export function unsupportedValue(path: Path, value: unknown): string | undefined {
  if (typeof value !== 'string' || !/\.operators\.\d+\.type$/.test(path.join('.'))) return undefined;
  return OPERATOR_ADVICE.find(([pattern]) => pattern.test(value))?.[1];
}
