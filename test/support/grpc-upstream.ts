import { Metadata, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { EXPORT_PATH } from '../../src/net/grpc/codes.ts';
import type { Signal } from '../../src/core/signal.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { freePort } from './ports.ts';

export interface SeenCall {
  readonly signal: Signal;
  readonly metadata: Metadata;
  readonly body: Buffer;
}

export type GrpcAnswer =
  { readonly body?: Uint8Array } | { readonly code: number; readonly message?: string; readonly details?: Buffer };

export interface GrpcUpstream extends AsyncDisposable {
  readonly port: number;
  readonly endpoint: string;
  readonly seen: SeenCall[];
  answer: (call: SeenCall, handle: ServerUnaryCall<Buffer, Buffer>) => GrpcAnswer | Promise<GrpcAnswer>;
}

/** A @grpc/grpc-js server on loopback that takes the Export calls of all signals as bytes and answers OK unless told. */
export async function grpcUpstream(
  credentials = ServerCredentials.createInsecure(),
  listenOn?: number,
): Promise<GrpcUpstream> {
  const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024, 'grpc.enable_channelz': 0 });
  const upstream: Pick<GrpcUpstream, 'seen' | 'answer'> = { seen: [], answer: () => ({}) };
  const asIs = (bytes: Buffer): Buffer => bytes;
  for (const signal of SIGNALS) {
    server.register(
      EXPORT_PATH[signal],
      (call: ServerUnaryCall<Buffer, Buffer>, callback: (...args: [object | null, Buffer?]) => void) => {
        const seen = { signal, metadata: call.metadata, body: call.request };
        upstream.seen.push(seen);
        void Promise.resolve(upstream.answer(seen, call)).then((answer) => {
          if (!('code' in answer)) {
            callback(null, Buffer.from(answer.body ?? []));
            return;
          }
          const metadata = new Metadata();
          if (answer.details !== undefined) metadata.set('grpc-status-details-bin', answer.details);
          callback({ code: answer.code, details: answer.message ?? '', metadata });
        });
      },
      asIs,
      asIs,
      'unary',
    );
  }
  const wanted = listenOn ?? (await freePort());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${wanted}`, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return Object.assign(upstream, {
    port,
    endpoint: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  });
}
