import type * as Grpc from './grpc-js.ts';
import type { ChannelCredentials, ChannelOptions, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import type { GrpcReply } from '../outcome.ts';
import { GRPC } from './codes.ts';

export type GrpcLibrary = typeof Grpc;

export interface ChannelSettings {
  readonly target: string;
  /** Used for this channel alone. */
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/**
 * A client of grpc-js with the sockets that it opened. grpc-js waits without end for a server that accepts a connection and
 * says nothing, and lets go of such a socket neither when the client is closed nor ever; here they end with the channel.
 *
 * Invariants: `#sockets` are the ones that are not closed yet, `#calls` the calls under way. Once retired, no call is
 * made; the sockets are destroyed with the end of the last one, at the latest by its own abort.
 */
export class ClientChannel {
  readonly #client: InstanceType<GrpcLibrary['Client']>;
  readonly #calls = new Set<ClientUnaryCall>();
  readonly #sockets = new Set<Socket>();
  #unanswered = 0;
  #isRetired = false;

  constructor(grpc: GrpcLibrary, { target, credentials, options }: ChannelSettings) {
    onConnect(credentials, (socket) => this.#watch(socket));
    this.#client = new grpc.Client(target, credentials, options);
  }

  /** Calls in a row that were aborted before there was an answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** As `GrpcClient.unary`. */
  unary(path: string, message: Uint8Array, metadata: Metadata, abort: AbortSignal): Promise<GrpcReply> {
    return new Promise((resolve) => {
      const onAbort = (): void => call.cancel();
      const call = this.#client.makeUnaryRequest<Uint8Array, Buffer>(
        path,
        asBuffer,
        asIs,
        message,
        metadata,
        (error, body) => {
          abort.removeEventListener('abort', onAbort);
          this.#ended(call, abort.aborted);
          resolve(error === null ? { code: GRPC.OK, message: '', details: undefined, body } : replyOf(error));
        },
      );
      this.#calls.add(call);
      abort.addEventListener('abort', onAbort);
      if (abort.aborted) onAbort();
    });
  }

  /** Lets the calls under way end, then drops the connections. */
  retire(): void {
    this.#isRetired = true;
    this.#client.close();
    if (this.#calls.size === 0) this.#drop();
  }

  /** Cancels the calls under way and drops the connections. Idempotent. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.retire();
  }

  #ended(call: ClientUnaryCall, isUnanswered: boolean): void {
    this.#calls.delete(call);
    this.#unanswered = isUnanswered ? this.#unanswered + 1 : 0;
    if (this.#isRetired && this.#calls.size === 0) this.#drop();
  }

  #watch(socket: Socket): void {
    if (this.#isRetired && this.#calls.size === 0) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** A turn later, so that a session that ends well has said so. */
  #drop(): void {
    setImmediate(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}

/** Calls `then` with each socket once TCP has connected it and before anything is sent. */
function onConnect(credentials: ChannelCredentials, then: (socket: Socket) => void): void {
  const make = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => {
    const connector = make(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      then(socket);
      return connect(socket);
    };
    return connector;
  };
}

function replyOf(error: ServiceError): GrpcReply {
  const [details] = error.metadata.get('grpc-status-details-bin');
  return {
    code: error.code,
    message: error.details,
    details: details instanceof Uint8Array ? details : undefined,
    body: undefined,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
