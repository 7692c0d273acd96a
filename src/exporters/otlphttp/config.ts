import * as z from 'zod';
import { sendingShape } from '../../core/sending.ts';
import { byteSize, duration } from '../../core/settings.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import { tlsClientSettings } from '../../net/tls-client.ts';
import { URL_PATH } from '../../net/grpc/codes.ts';
import { bufferSizes, headersSetting } from '../client-settings.ts';

/** The Collector's keys of `otlphttp` (exporter/otlphttpexporter, config/confighttp). */

const httpUrl = () =>
  z.string().superRefine((text, context) => {
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
      context.addIssue({ code: 'custom', message: 'is not a URL such as https://collector.example:4318' });
    } else if (new URL(text).username !== '' || new URL(text).password !== '') {
      context.addIssue({ code: 'custom', message: 'must not hold credentials; put them into headers.authorization' });
    }
  });

const compression = () =>
  z
    .enum(['gzip', 'zstd', 'none', ''], {
      error: 'only gzip, zstd and none are supported; every OTLP server takes gzip',
    })
    .default('gzip')
    .describe('Compression of requests: gzip, zstd or none.');

export const otlphttpConfig = () =>
  z
    .strictObject({
      endpoint: httpUrl().optional().describe('Base URL; /v1/traces, /v1/metrics and /v1/logs are added to it.'),
      traces_endpoint: httpUrl().optional().describe('Whole URL for traces, instead of endpoint.'),
      metrics_endpoint: httpUrl().optional().describe('Whole URL for metrics, instead of endpoint.'),
      logs_endpoint: httpUrl().optional().describe('Whole URL for logs, instead of endpoint.'),
      encoding: z.enum(['proto', 'json']).default('proto').describe('Protobuf or OTLP/JSON.'),
      compression: compression(),
      compression_params: z
        .strictObject({
          level: z
            .number()
            .int()
            .min(1)
            .max(22)
            .optional()
            .describe('1 is fastest: up to 9 for gzip, 22 for zstd. Default 1 for both.'),
        })
        .prefault({})
        .describe('Tuning of the compression.'),
      headers: headersSetting(),
      user_agent: z.string().optional().describe('Ours: replaces Remora-OTLP-Exporter-HTTP/<version>.'),
      tls: tlsClientSettings().prefault({}).describe('TLS of https endpoints.'),
      proxy_url: httpUrl().optional().describe('HTTP proxy that requests go through.'),
      max_conns_per_host: z.number().int().nonnegative().default(0).describe('Connections at most; 0 is no limit.'),
      max_idle_conns: z
        .number()
        .int()
        .nonnegative()
        .default(100)
        .describe('Accepted for compatibility: idle connections are bounded by sending_queue.num_consumers.'),
      max_idle_conns_per_host: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('Accepted for compatibility, as max_idle_conns.'),
      idle_conn_timeout: duration().prefault('90s').describe('Closes a connection that was idle for this long.'),
      disable_keep_alives: z.boolean().default(false).describe('A new connection for every request.'),
      force_attempt_http2: z
        .boolean()
        .default(false)
        .describe('Offers HTTP/2 to https endpoints. Off by default: HTTP/1.1 costs less processor time.'),
      ...bufferSizes(),
      max_request_bytes: byteSize()
        .prefault('20MiB')
        .describe("Ours: larger batches go in several requests; the default is the Collector's server limit."),
      ...sendingShape('30s'),
    })
    .refine(hasEndpoint, { message: 'needs endpoint, or the endpoint of each signal it is used for' })
    .refine((config) => config.compression !== 'gzip' || (config.compression_params.level ?? 1) <= 9, {
      message: 'gzip has levels 1 to 9',
      path: ['compression_params', 'level'],
    });

export type OtlphttpConfig = z.output<ReturnType<typeof otlphttpConfig>>;

interface Endpoints {
  readonly endpoint?: string | undefined;
  readonly traces_endpoint?: string | undefined;
  readonly metrics_endpoint?: string | undefined;
  readonly logs_endpoint?: string | undefined;
}

function hasEndpoint(config: Endpoints): boolean {
  return SIGNALS.every((signal) => config[`${signal}_endpoint`] === undefined) ? config.endpoint !== undefined : true;
}

/** Where requests of `signal` go; undefined when the configuration names no place for it. */
export function urlFor(config: Endpoints, signal: Signal): URL | undefined {
  const own = config[`${signal}_endpoint`];
  if (own !== undefined) return new URL(own);
  if (config.endpoint === undefined) return undefined;
  const url = new URL(config.endpoint);
  url.pathname = url.pathname.replace(/\/+$/, '') + URL_PATH[signal];
  return url;
}
