import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { request as httpRequest, type Agent, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Admission, Receiver, ReceiverContext } from '../../../src/core/component.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { SIGNALS, type Signal } from '../../../src/core/signal.ts';
import { EXPORT_PATH } from '../../../src/net/grpc/codes.ts';
import { otlpReceiver } from '../../../src/receivers/otlp/index.ts';
import { CollectingConsumer, receiverContext, type TestMeter } from '../../support/context.ts';

export const require = createRequire(import.meta.url);

export interface Running {
  readonly receiver: Receiver;
  readonly sink: CollectingConsumer;
  readonly meter: TestMeter;
  readonly admission: Admission;
  /** host:port or unix:///path. */
  readonly grpc: string;
  readonly http: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  outcomes(transport: 'grpc' | 'http', outcome: string): number;
}

export interface RunOptions {
  readonly grpc?: object | null;
  readonly http?: object | null;
  readonly signals?: readonly Signal[];
  readonly admission?: Admission;
  readonly clock?: Clock;
  readonly refusal?: ReceiverContext['refusal'];
  readonly restMs?: () => number;
  readonly resting?: Admission;
  /** Hears warnings, one sentence each. */
  readonly onWarning?: (message: string) => void;
}

/** A receiver with both protocols on free ports, stopped when the test ends. */
export async function runReceiver(t: TestContext, options: RunOptions = {}): Promise<Running> {
  const sink = new CollectingConsumer();
  const bound: string[] = [];
  const info = (_: string, fields: { endpoint?: unknown } = {}): void => void bound.push(String(fields.endpoint));
  const warn = (message: string): void => options.onWarning?.(message);
  const next = Object.fromEntries((options.signals ?? SIGNALS).map((signal) => [signal, sink]));
  const made = receiverContext(next, {
    id: 'otlp',
    log: { ...silentLogger, info, warn },
    ...(options.admission === undefined ? {} : { admission: options.admission }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const { refusal, restMs, resting } = options;
  const context = {
    ...made,
    ...(refusal === undefined ? {} : { refusal }),
    ...(restMs === undefined ? {} : { restMs }),
    ...(resting === undefined ? {} : { resting }),
  };
  const parsed = otlpReceiver.parse({
    protocols: {
      grpc: { endpoint: '127.0.0.1:0', ...options.grpc },
      http: { endpoint: '127.0.0.1:0', ...options.http },
    },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const receiver = await parsed.prepared.create(context);
  await receiver.start?.();
  t.after(() => receiver.stop?.(AbortSignal.timeout(500)));
  const [grpc = '', http = ''] = bound;
  return {
    receiver,
    sink,
    meter: context.meter,
    admission: context.admission,
    grpc,
    http,
    grpcPort: Number(grpc.split(':').at(-1)),
    httpPort: Number(http.split(':').at(-1)),
    outcomes: (transport, outcome) =>
      context.meter.value('remora_otlp_receiver_requests', { receiver: 'otlp', transport, outcome }) ?? 0,
  };
}

/** A deadline for what no machine is too slow for. */
export function far(): AbortSignal {
  return AbortSignal.timeout(120_000);
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface PostOptions {
  readonly path?: string;
  readonly type?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** Without one the connection is used once. */
  readonly agent?: Agent;
}

export function post(
  running: { readonly http: string },
  body: Uint8Array,
  options: PostOptions = {},
): Promise<HttpReply> {
  const {
    path = '/v1/traces',
    type = 'application/x-protobuf',
    method = 'POST',
    headers = {},
    signal,
    agent = false,
  } = options;
  const target = running.http.startsWith('unix://')
    ? { socketPath: running.http.slice('unix://'.length) }
    : { host: '127.0.0.1', port: Number(running.http.split(':').at(-1)) };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        ...target,
        path,
        method,
        agent,
        ...(signal === undefined ? {} : { signal }),
        headers: { ...(type === '' ? {} : { 'content-type': type }), 'content-length': body.length, ...headers },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface GrpcReply {
  readonly code: number;
  readonly message: string;
  readonly details: Buffer | undefined;
  readonly body: Buffer | undefined;
}

export interface Calling {
  export(signal: Signal, request: Uint8Array, options?: CallOptions): Promise<GrpcReply>;
  call(path: string, request: Uint8Array, options?: CallOptions): Promise<GrpcReply>;
  readonly client: Client;
}

/** A grpc-js client, closed when the test ends. */
export function grpcClient(
  t: TestContext,
  endpoint: string,
  creds: ChannelCredentials = credentials.createInsecure(),
  options: Record<string, string | number> = {},
): Calling {
  const client = new Client(endpoint, creds, options);
  t.after(() => client.close());
  const call = (path: string, request: Uint8Array, callOptions: CallOptions = {}): Promise<GrpcReply> =>
    new Promise((resolve) => {
      const done = (error: ServiceError | null, body?: Buffer): void => {
        const details = error?.metadata.get('grpc-status-details-bin')[0];
        resolve({
          code: error?.code ?? 0,
          message: error?.details ?? '',
          details: Buffer.isBuffer(details) ? details : undefined,
          body,
        });
      };
      const pass = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(path, pass, pass, Buffer.from(request), new Metadata(), callOptions, done);
    });
  return { client, call, export: (signal, request, callOptions) => call(EXPORT_PATH[signal], request, callOptions) };
}

/** A raw connection: what was received so far, and when it closed. */
export interface Raw {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly ended: () => boolean;
  text(): string;
  bytes(): Buffer;
}

/** `first` is sent as soon as it is connected. */
export function rawConnection(t: TestContext, port: number, first = ''): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    if (first !== '') socket.write(first);
    const parts: Buffer[] = [];
    let ended = false;
    t.after(() => socket.destroy());
    const closed = new Promise<void>((settle) => {
      socket.once('close', () => {
        ended = true;
        settle();
      });
    });
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      socket.on('error', () => undefined);
      resolve({
        socket,
        closed,
        ended: () => ended,
        bytes: () => Buffer.concat(parts),
        text: () => Buffer.concat(parts).toString('latin1'),
      });
    });
  });
}
