import * as z from 'zod';
import { duration } from '../core/settings.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;

/** Accepted so that a Collector's file runs; a warning says that it changes nothing. */
const noEffect = (what: string) => z.unknown().optional().describe(`${what} Accepted, has no effect.`);

const samplingSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Leave out repeats of one message.'),
  tick: duration().prefault('10s').describe('Length of the window in which repeats are counted.'),
  initial: z.number().int().nonnegative().default(10).describe('Repeats written in each window.'),
  thereafter: z.number().int().nonnegative().default(100).describe('After those, one in this many; 0 is none.'),
});

const logsSchema = z.strictObject({
  level: z.enum(LEVELS).default('info').describe('The least severe lines that are written.'),
  encoding: z.enum(['console', 'json', 'text']).default('console').describe('console (also called text) or json.'),
  sampling: samplingSchema.prefault({}).describe('What happens to repeats.'),
  output_paths: z.array(z.string()).default(['stderr']).describe('Always stderr; other places have no effect.'),
  error_output_paths: noEffect('Where the logger itself complains.'),
  development: noEffect('Development mode.'),
  disable_caller: noEffect('Leave out the place in the source.'),
  disable_stacktrace: noEffect('Leave out stack traces.'),
  initial_fields: noEffect('Fields on each line.'),
  processors: noEffect('Export of own logs.'),
});

const prometheusSchema = z.strictObject({
  host: z.string().default('localhost').describe('Address to listen on.'),
  port: z.number().int().min(0).max(65535).default(8888).describe('Port to listen on; 0 picks a free one.'),
  without_type_suffix: z.boolean().default(false).describe('Leave out _total at the end of counters.'),
  without_units: z.boolean().optional().describe('Accepted; the units are part of our names.'),
  without_scope_info: z.boolean().optional().describe('Accepted; no scope labels are written.'),
  with_resource_constant_labels: noEffect('Resource attributes as labels.'),
});

const readerSchema = z.strictObject({
  pull: z
    .strictObject({
      exporter: z
        .strictObject({ prometheus: prometheusSchema.nullable().optional().describe('Prometheus text over HTTP.') })
        .prefault({})
        .describe('How metrics are offered.'),
    })
    .optional()
    .describe('Metrics that are fetched from here.'),
  periodic: noEffect('Metrics that are sent.'),
});

const metricsSchema = z.strictObject({
  level: z
    .enum(['none', 'basic', 'normal', 'detailed'])
    .default('normal')
    .describe('none serves no metrics; detailed adds histograms.'),
  address: z
    .string()
    .refine((address) => parseAddress(address) !== undefined, 'expected host:port, such as localhost:8888')
    .optional()
    .describe('host:port to serve on: the older form of readers.'),
  readers: z.array(readerSchema).default([]).describe('The first pull reader decides where metrics are served.'),
  views: noEffect('Changes of own metrics.'),
});

/** `service.telemetry:` of a configuration. */
export const telemetrySchema = z.strictObject({
  logs: logsSchema.prefault({}).describe('Own log lines, on stderr.'),
  metrics: metricsSchema.prefault({}).describe('Own metrics, for Prometheus to scrape.'),
  traces: noEffect('Own spans.'),
  resource: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .default({})
    .describe('Attributes that say which instance this is; null removes one.'),
});

type Telemetry = z.output<typeof telemetrySchema>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type MetricsLevel = 'none' | 'basic' | 'normal' | 'detailed';

export interface TelemetrySettings {
  readonly logs: {
    readonly level: LogLevel;
    readonly encoding: 'text' | 'json';
    readonly sampling: {
      readonly enabled: boolean;
      readonly tickMs: number;
      readonly initial: number;
      readonly thereafter: number;
    };
  };
  readonly metrics: {
    readonly level: MetricsLevel;
    readonly host: string;
    readonly port: number;
    /** Counters end in `_total`. */
    readonly withTypeSuffix: boolean;
  };
  readonly resource: Readonly<Record<string, string>>;
}

export function telemetrySettings({ logs, metrics, resource }: Telemetry): TelemetrySettings {
  const { enabled, tick, initial, thereafter } = logs.sampling;
  return {
    logs: {
      level: plainLevel(logs.level),
      encoding: logs.encoding === 'json' ? 'json' : 'text',
      sampling: { enabled, tickMs: tick, initial, thereafter },
    },
    metrics: { level: metrics.level, ...served(metrics) },
    resource: Object.fromEntries(
      Object.entries(resource).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])),
    ),
  };
}

function plainLevel(level: Telemetry['logs']['level']): LogLevel {
  switch (level) {
    case 'debug':
    case 'DEBUG':
      return 'debug';
    case 'info':
    case 'INFO':
      return 'info';
    case 'warn':
    case 'WARN':
      return 'warn';
    case 'error':
    case 'ERROR':
      return 'error';
  }
}

function served({ address, readers }: Telemetry['metrics']) {
  const [reader] = readers.flatMap(({ pull }) => pull?.exporter.prometheus ?? []);
  if (reader !== undefined) {
    return { host: reader.host, port: reader.port, withTypeSuffix: !reader.without_type_suffix };
  }
  return { ...(parseAddress(address ?? '') ?? { host: 'localhost', port: 8888 }), withTypeSuffix: true };
}

/** Without a host, every interface. */
function parseAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const [, host = '', port = ''] = /^(\[[^\]]+\]|[^:[\]]*):(\d{1,5})$/.exec(address) ?? [];
  if (port === '' || Number(port) > 65535) return undefined;
  return { host: host.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) };
}

/** Paths below service.telemetry that are accepted and change nothing. */
export function withoutEffect(telemetry: Telemetry): readonly (readonly (string | number)[])[] {
  const logs = [
    'error_output_paths',
    'development',
    'disable_caller',
    'disable_stacktrace',
    'initial_fields',
    'processors',
  ] as const;
  const paths: (readonly (string | number)[])[] = [];
  for (const key of logs) if (telemetry.logs[key] !== undefined) paths.push(['logs', key]);
  if (telemetry.logs.output_paths.some((path) => path !== 'stderr')) paths.push(['logs', 'output_paths']);
  if (telemetry.metrics.views !== undefined) paths.push(['metrics', 'views']);
  if (telemetry.traces !== undefined) paths.push(['traces']);
  telemetry.metrics.readers.forEach(({ periodic }, index) => {
    if (periodic !== undefined) paths.push(['metrics', 'readers', index, 'periodic']);
  });
  return paths;
}
