import * as z from 'zod';
import { byteSize, duration } from '../../core/settings.ts';
import { parseListenEndpoint, type ListenTransport } from '../../net/listen.ts';
import { tlsServerSettings } from '../../net/tls-server.ts';

/** The configuration of the `otlp` receiver: keys and defaults of the Collector, and ours where the text says so. */

const MEBIBYTE = 1024 * 1024;

function absent(error: string) {
  return z.never({ error }).optional();
}

const serverShape = () => ({
  tls: tlsServerSettings().optional().describe('Serves TLS; plain text when absent.'),
  auth: absent('there are no authenticators here; ask for client certificates with tls.client_ca_file').describe(
    'Not available: use tls.client_ca_file.',
  ),
  middlewares: absent('there are no middlewares here; put the memory_limiter processor into the pipelines').describe(
    'Not available: use the memory_limiter processor.',
  ),
  include_metadata: z
    .boolean()
    .default(false)
    .describe('Carries the headers of requests, credentials left out, to processors that go by them.'),
  max_connections: z
    .number()
    .int()
    .positive()
    .default(1024)
    .describe('Ours: connections at a time; more are closed at once.'),
  socket_mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'write three octal digits, such as 0660')
    .default('0660')
    .describe('Ours: permissions of a unix socket.'),
});

const keepaliveSettings = () =>
  z.strictObject({
    server_parameters: z
      .strictObject({
        max_connection_idle: duration().optional().describe('Closes a connection without calls after this time.'),
        max_connection_age: duration().optional().describe('Closes a connection of this age, so that clients spread.'),
        max_connection_age_grace: duration().optional().describe('What calls get after max_connection_age.'),
        time: duration().prefault('2h').describe('Pings a silent client after this time.'),
        timeout: duration().prefault('20s').describe('Closes the connection when a ping is not answered in time.'),
      })
      .prefault({})
      .describe('What this server does.'),
    enforcement_policy: z
      .strictObject({
        min_time: duration()
          .prefault('10s')
          .describe('Clients that ping more often are sent away. The Collector has 5m, which breaks many of them.'),
        permit_without_stream: z
          .boolean()
          .default(true)
          .describe('Allows pings while there is no call. The Collector has false.'),
      })
      .prefault({})
      .describe('What clients may do.'),
  });

const grpcShape = () =>
  z
    .strictObject({
      endpoint: z.string().default('localhost:4317').describe('host:port, or a path with transport unix.'),
      transport: z.enum(['tcp', 'tcp4', 'tcp6', 'unix']).default('tcp').describe('Kind of address.'),
      max_recv_msg_size_mib: z
        .number()
        .nonnegative()
        .default(4)
        .describe('Largest message, compressed or not, in MiB; 0 is the default of 4.'),
      max_concurrent_streams: z
        .number()
        .int()
        .nonnegative()
        .default(1000)
        .describe('Calls at a time on one connection; 0 is the default of 1000.'),
      read_buffer_size: z
        .number()
        .int()
        .nonnegative()
        .default(512 * 1024)
        .describe('Taken for compatibility; the runtime sizes its own buffers.'),
      write_buffer_size: z
        .number()
        .int()
        .nonnegative()
        .default(32 * 1024)
        .describe('Taken for compatibility; the runtime sizes its own buffers.'),
      keepalive: keepaliveSettings().prefault({}).describe('Pings, ages and idle times of connections.'),
      connection_timeout: duration()
        .prefault('20s')
        .describe('Ours: a new connection that does not speak HTTP/2 within this time is closed; 0 is no limit.'),
      receive_timeout: duration()
        .prefault('1m')
        .describe('Ours: from the start of a call to the last byte of its message; 0 is no limit.'),
      ...serverShape(),
    })
    .superRefine(checkEndpoint);

const COMPRESSIONS = ['', 'gzip', 'zstd', 'zlib', 'deflate'] as const;
const OTHER_COMPRESSIONS = new Set(['snappy', 'lz4', 'x-snappy-framed']);

const compressionAlgorithms = () =>
  z
    .array(
      z.enum(COMPRESSIONS, {
        error: ({ input }) =>
          typeof input === 'string' && OTHER_COMPRESSIONS.has(input)
            ? `${input} is not available here; gzip and zstd are, and every OTLP client knows gzip`
            : undefined,
      }),
    )
    .default([...COMPRESSIONS]);

const urlPath = () => z.string().transform((path) => (path.startsWith('/') ? path : `/${path}`));

const headerName = () => z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is not the name of a header');
const headerValue = () => z.string().regex(/^[\t\x20-\x7e]*$/, 'holds a character that a header cannot');

const corsSettings = () =>
  z.strictObject({
    allowed_origins: z.array(z.string()).default([]).describe('Origins of browsers; * stands for any run of letters.'),
    allowed_headers: z
      .array(z.string())
      .default([])
      .describe('Request headers that browsers may send besides the usual.'),
    exposed_headers: z.array(z.string()).default([]).describe('Response headers that browsers may read.'),
    max_age: z.number().int().nonnegative().default(0).describe('Seconds that browsers keep a preflight answer.'),
  });

const httpShape = () =>
  z
    .strictObject({
      endpoint: z.string().default('localhost:4318').describe('host:port, or a path with transport unix.'),
      transport: z.enum(['tcp', 'tcp4', 'tcp6', 'unix']).default('tcp').describe('Kind of address.'),
      traces_url_path: urlPath().prefault('/v1/traces').describe('Where traces are posted.'),
      metrics_url_path: urlPath().prefault('/v1/metrics').describe('Where metrics are posted.'),
      logs_url_path: urlPath().prefault('/v1/logs').describe('Where logs are posted.'),
      max_request_body_size: byteSize()
        .prefault(20 * MEBIBYTE)
        .describe('Largest body in bytes, compressed or not; 0 is the default of 20 MiB.'),
      compression_algorithms: compressionAlgorithms().describe('Content codings taken.'),
      response_headers: z.record(headerName(), headerValue()).default({}).describe('Headers added to every answer.'),
      read_timeout: duration()
        .prefault('1m')
        .describe(
          'For a whole request, head and body; 0 is no limit. The Collector has 0, which lets a slow client stay for ever.',
        ),
      read_header_timeout: duration().prefault('1m').describe('For the headers of a request; 0 is no limit.'),
      write_timeout: duration()
        .prefault('30s')
        .describe('For the pipelines to decide; then the client is told to come again. 0 is no limit.'),
      idle_timeout: duration()
        .prefault('1m')
        .describe('For a connection on which the client is silent; 0 is no limit.'),
      keep_alives_enabled: z.boolean().default(true).describe('Keeps connections open between requests.'),
      cors: corsSettings().optional().describe('Lets browsers send from other origins.'),
      ...serverShape(),
    })
    .superRefine(checkEndpoint);

function checkEndpoint(
  server: { readonly endpoint: string; readonly transport: ListenTransport },
  context: z.RefinementCtx,
): void {
  if (parseListenEndpoint(server.endpoint, server.transport) !== undefined) return;
  const message = `"${server.endpoint}" is not an address to listen on; write host:port, such as localhost:4317`;
  context.addIssue({ code: 'custom', message, path: ['endpoint'] });
}

export type GrpcSettings = z.output<ReturnType<typeof grpcShape>>;
export type HttpSettings = z.output<ReturnType<typeof httpShape>>;

const protocols = () =>
  z
    .strictObject({
      grpc: grpcShape()
        .nullable()
        .transform((settings): GrpcSettings => settings ?? grpcShape().parse({}))
        .optional()
        .describe('OTLP/gRPC; null stands for every default.'),
      http: httpShape()
        .nullable()
        .transform((settings): HttpSettings => settings ?? httpShape().parse({}))
        .optional()
        .describe('OTLP/HTTP; null stands for every default.'),
    })
    .refine(({ grpc, http }) => grpc !== undefined || http !== undefined, {
      error: 'must specify at least one protocol when using the OTLP receiver',
    });

export const otlpReceiverConfig = () =>
  z.strictObject({
    protocols: protocols().prefault({}).describe('What is served: grpc, http or both.'),
  });

export type OtlpReceiverConfig = z.output<ReturnType<typeof otlpReceiverConfig>>;

/** 0 and absent mean the default, as in grpc-go. */
export function maxMessageBytes(settings: GrpcSettings): number {
  return (settings.max_recv_msg_size_mib === 0 ? 4 : settings.max_recv_msg_size_mib) * MEBIBYTE;
}

export function maxBodyBytes(settings: HttpSettings): number {
  return settings.max_request_body_size === 0 ? 20 * MEBIBYTE : settings.max_request_body_size;
}
