import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { secret } from '../../core/settings.ts';
import { tlsClientSettings, TlsClient, type TlsOptions } from '../../net/tls-client.ts';
import { unavailable } from './config-values.ts';

/** How Prometheus describes an HTTP client: for scraping, and for http_sd_configs. */

const tlsConfig = () =>
  z.strictObject({
    ca_file: z.string().optional().describe('Certificate authorities that may sign the server, PEM file.'),
    ca: secret().optional().describe('The same as text.'),
    cert_file: z.string().optional().describe('Certificate that the client shows, PEM file.'),
    cert: secret().optional().describe('The same as text.'),
    key_file: z.string().optional().describe('Private key of that certificate, PEM file.'),
    key: secret().optional().describe('The same as text.'),
    server_name: z.string().default('').describe('Name expected in the certificate instead of the host.'),
    insecure_skip_verify: z.boolean().default(false).describe('Trusts any certificate.'),
    min_version: z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']).default('TLS12').describe('Oldest TLS version spoken.'),
    max_version: z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']).optional().describe('Newest TLS version spoken.'),
  });
type TlsConfig = z.output<ReturnType<typeof tlsConfig>>;

const basicAuth = () =>
  z.strictObject({
    username: z.string().optional().describe('User name.'),
    username_file: z.string().optional().describe('File that holds it, read at each request.'),
    password: secret().optional().describe('Password.'),
    password_file: z.string().optional().describe('File that holds it, read at each request.'),
  });

const authorization = () =>
  z.strictObject({
    type: z.string().default('Bearer').describe('The scheme in front of the credentials.'),
    credentials: secret().optional().describe('The credentials.'),
    credentials_file: z.string().optional().describe('File that holds them, read at each request.'),
  });

const httpHeader = () =>
  z.strictObject({
    values: z.array(z.string()).default([]).describe('Values that may be seen.'),
    secrets: z.array(secret()).default([]).describe('Values that may not.'),
    files: z.array(z.string()).default([]).describe('Files that hold values, read at each request.'),
  });

export const httpClientKeys = () => ({
  basic_auth: basicAuth().optional().describe('Authorization: Basic.'),
  authorization: authorization().optional().describe('Any other Authorization header.'),
  bearer_token: secret().optional().describe('Short for authorization.credentials.'),
  bearer_token_file: z.string().optional().describe('Short for authorization.credentials_file.'),
  http_headers: z.record(z.string(), httpHeader()).default({}).describe('Further request headers.'),
  tls_config: tlsConfig().optional().describe('How https servers are spoken to.'),
  follow_redirects: z.boolean().default(true).describe('Follows redirects; false fails the request.'),
  enable_http2: z.boolean().default(true).describe('Taken for compatibility; HTTP/1.1 is spoken.'),
  oauth2: unavailable('use authorization with credentials_file'),
  proxy_url: unavailable('a sidecar reaches its application directly'),
  no_proxy: unavailable('a sidecar reaches its application directly'),
  proxy_from_environment: unavailable('a sidecar reaches its application directly'),
  proxy_connect_header: unavailable('a sidecar reaches its application directly'),
});

export type HttpClientConfig = z.output<z.ZodObject<ReturnType<typeof httpClientKeys>>>;

/** Headers that are set by what they are about; as in Prometheus, http_headers cannot replace them. */
const RESERVED = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'keep-alive',
  'proxy-authorization',
  'transfer-encoding',
  'user-agent',
  'x-prometheus-scrape-timeout-seconds',
]);

/** Two ways to say who one is contradict each other. */
export function checkCredentials(client: HttpClientConfig, context: z.core.$RefinementCtx): void {
  const { basic_auth: basic, authorization } = client;
  const refuse = (message: string): void => {
    context.addIssue({ code: 'custom', message, input: client });
  };
  const isBoth = (one: unknown, other: unknown): boolean => one !== undefined && other !== undefined;
  const ways = [basic, authorization, client.bearer_token, client.bearer_token_file];
  if (ways.filter((way) => way !== undefined).length > 1) {
    refuse('set at most one of basic_auth, authorization, bearer_token and bearer_token_file');
  }
  if (isBoth(basic?.username, basic?.username_file)) refuse('basic_auth takes username or username_file, not both');
  if (isBoth(basic?.password, basic?.password_file)) refuse('basic_auth takes password or password_file, not both');
  if (isBoth(authorization?.credentials, authorization?.credentials_file)) {
    refuse('authorization takes credentials or credentials_file, not both');
  }
  if (/^\s*basic\s*$/i.test(authorization?.type ?? '')) refuse('for authorization of type Basic write basic_auth');
  for (const name of Object.keys(client.http_headers)) {
    if (RESERVED.has(name.toLowerCase()))
      refuse(`http_headers cannot set ${name}, which has a setting of its own or none`);
  }
}

/** Files are read once: they are those of the application beside us. */
export function tlsOptions(client: HttpClientConfig, clock: Clock, log: Logger): TlsOptions {
  return new TlsClient(tlsClientSettings().parse(tlsKeys(client.tls_config)), clock, log).current();
}

const TLS_VERSION = { TLS10: '1.0', TLS11: '1.1', TLS12: '1.2', TLS13: '1.3' } as const;

/** Prometheus's names for TLS settings as the Collector's. */
function tlsKeys(tls: TlsConfig | undefined): object {
  if (tls === undefined) return {};
  const keys = {
    ca_file: tls.ca_file,
    ca_pem: tls.ca?.reveal(),
    cert_file: tls.cert_file,
    cert_pem: tls.cert?.reveal(),
    key_file: tls.key_file,
    key_pem: tls.key?.reveal(),
    server_name_override: tls.server_name,
    insecure_skip_verify: tls.insecure_skip_verify,
    min_version: TLS_VERSION[tls.min_version],
    max_version: tls.max_version === undefined ? undefined : TLS_VERSION[tls.max_version],
  };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}
