import * as z from 'zod';
import { sendingShape } from '../../core/sending.ts';
import { byteSize, duration } from '../../core/settings.ts';
import { tlsClientSettings } from '../../net/tls-client.ts';
import { bufferSizes, headersSetting } from '../client-settings.ts';

/** The Collector's keys of `otlp` (exporter/otlpexporter, config/configgrpc). */

const compression = () =>
  z
    .enum(['gzip', 'none', ''], {
      error: 'this gRPC client compresses with gzip or not at all; for zstd use the otlphttp exporter',
    })
    .default('gzip')
    .describe('Compression of requests: gzip or none.');

const keepalive = () =>
  z.strictObject({
    time: duration().prefault('10s').describe('Pings after this time without activity.'),
    timeout: duration().prefault('10s').describe('Closes the connection when a ping is not answered in this time.'),
    permit_without_stream: z.boolean().default(false).describe('Pings even when no request is under way.'),
  });

export const otlpConfig = () =>
  z
    .strictObject({
      endpoint: z
        .string()
        .min(1, 'is empty; write host:port')
        .regex(/^[^@\s]+$/, 'is not a gRPC endpoint such as collector.example:4317')
        .describe('host:port, https://host:port, dns:///host:port or unix:///path of the upstream.'),
      compression: compression(),
      headers: headersSetting(),
      user_agent: z.string().optional().describe('Replaces Remora-OTLP-Exporter-gRPC/<version>.'),
      tls: tlsClientSettings().prefault({}).describe('TLS, on by default; insecure: true turns it off.'),
      keepalive: keepalive().optional().describe('Pings on quiet connections; none by default.'),
      wait_for_ready: z
        .boolean()
        .default(false)
        .describe('Waits for a connection within timeout instead of failing at once.'),
      balancer_name: z
        .enum(['round_robin', 'pick_first'])
        .default('round_robin')
        .describe('How requests spread over the addresses that the name resolves to.'),
      authority: z.string().optional().describe('The :authority of requests, instead of the host.'),
      ...bufferSizes(),
      max_request_bytes: byteSize()
        .prefault('4MiB')
        .describe('Ours: larger batches go in several requests; the default is the limit of gRPC servers.'),
      ...sendingShape('5s'),
    })
    .refine((config) => !config.endpoint.startsWith('http://') || config.tls.insecure, {
      message: 'an http:// endpoint is plain text: confirm it with tls: { insecure: true }, or write https://',
      path: ['endpoint'],
    });

export type OtlpConfig = z.output<ReturnType<typeof otlpConfig>>;

/** The gRPC name of the endpoint. */
export function targetOf(endpoint: string): string {
  return endpoint.replace(/^https?:\/\//, '').replace(/^(?!unix:|dns:|ipv4:|ipv6:)(.*?)\/*$/, '$1');
}

/** A https:// endpoint uses TLS whatever `insecure` says, as in the Collector. */
export function usesTls(config: { readonly endpoint: string; readonly tls: { readonly insecure: boolean } }): boolean {
  return config.endpoint.startsWith('https://') || !config.tls.insecure;
}
