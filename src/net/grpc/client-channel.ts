import type * as Grpc from './grpc-js.ts';
import type { ChannelCredentials, ChannelOptions, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import type { GrpcReply } from '../../core/outside.ts';
import { GRPC } from './codes.ts';
import { ConnectPace, type PaceOptions } from './connect-pace.ts';

export type GrpcLibrary = typeof Grpc;

export interface ChannelSettings {
  readonly target: string;
  /** Used for this channel alone. */
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
  readonly pace: PaceOptions;
}

/**
 * A client of grpc-js with the sockets that it opened. grpc-js waits without end for a server that accepts a connection and
 * says nothing, and lets go of such a socket neither when the client is closed nor ever; here they end with the channel.
 *
 * Invariants: `#sockets` are the ones that are not closed yet, `#calls` the calls under way. Once retired, no call and no
 * connection is made; the sockets are destroyed with the end of the last call, at the latest by its own abort.
 */
export class ClientChannel {
  readonly #client: InstanceType<GrpcLibrary['Client']>;
  readonly #calls = new Set<ClientUnaryCall>();
  readonly #sockets = new Set<Socket>();
  readonly #retired = new AbortController();
  #unanswered = 0;

  constructor(grpc: GrpcLibrary, { target, credentials, options, pace }: ChannelSettings) {
    aroundConnecting(credentials, {
      before: () => {
        const turns = new ConnectPace(pace);
        return () => this.#beforeConnecting(turns);
      },
      after: (socket) => this.#watch(socket),
    });
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
    this.#retired.abort();
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
    if (this.#retired.signal.aborted && this.#calls.size === 0) this.#drop();
  }

  async #beforeConnecting(turns: ConnectPace): Promise<void> {
    if (!(await turns.turn(this.#retired.signal))) throw new Error('The client was closed.');
  }

  #watch(socket: Socket): void {
    if (this.#retired.signal.aborted && this.#calls.size === 0) {
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

interface AroundConnecting {
  /** Asked once for each address; what it gives is awaited before each connection to it. */
  before(): () => Promise<void>;
  /** Called with each socket once TCP has connected it and before anything is sent. */
  after(socket: Socket): void;
}

function aroundConnecting(credentials: ChannelCredentials, around: AroundConnecting): void {
  const make = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => {
    const connector = make(...args);
    const [wait, connect] = [connector.waitForReady.bind(connector), connector.connect.bind(connector)];
    const before = around.before();
    connector.waitForReady = async () => {
      await before();
      await wait();
    };
    connector.connect = (socket) => {
      around.after(socket);
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
