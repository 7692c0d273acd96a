import type { ChannelCredentials, ChannelOptions, Metadata } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { GrpcReply } from '../../core/outside.ts';
import { MAX_RESPONSE_BYTES } from '../outcome.ts';
import type { TlsClient, TlsOptions } from '../tls-client.ts';
import { ClientChannel, type GrpcLibrary } from './client-channel.ts';

/**
 * Unary gRPC calls whose messages are bytes on both sides: nothing is decoded. The library is @grpc/grpc-js; it is
 * imported when a client is opened.
 */
export interface GrpcClient {
  /**
   * One call, settled with whatever status it ended with; a connection that failed or broke is UNAVAILABLE, `abort` is
   * CANCELLED. Never rejects. Retries nothing.
   */
  unary(path: string, message: Uint8Array, abort: AbortSignal): Promise<GrpcReply>;
  /** Cancels calls under way and drops the connection. Idempotent. */
  close(): void;
}

export interface GrpcClientOptions {
  /** A gRPC name: `host:port`, `dns:///host:port`, `unix:/path`. */
  readonly target: string;
  /** Undefined: plain text. */
  readonly tls: TlsClient | undefined;
  /** Sent as metadata; values of names that end in `-bin` are sent as their bytes. */
  readonly headers: ReadonlyMap<string, string>;
  readonly userAgent: string;
  readonly gzip: boolean;
  readonly waitForReady: boolean;
  readonly balancer: 'round_robin' | 'pick_first';
  readonly authority: string | undefined;
  /** How often calls are tried again at most; connections are not tried less often, within 250 ms and 2 s. */
  readonly retryIntervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly keepalive:
    { readonly timeMs: number; readonly timeoutMs: number; readonly withoutStream: boolean } | undefined;
}

/**
 * A lost connection is tried again by a timer of grpc-js, jittered, one attempt at a time however many calls fail
 * meanwhile. Its own bound of two minutes would keep every call failing that long after the upstream has returned.
 */
const FIRST_RECONNECT_MS = 250;
const LONGEST_RECONNECT_MS = 2000;
/**
 * So many calls in a row without an answer, and the connection counts as dead: grpc-js waits without end for a server
 * that accepts and says nothing, and keeps a connection whose other end is gone for as long as the kernel does, which is
 * a quarter of an hour.
 */
const MAX_UNANSWERED = 2;

export async function openGrpcClient(options: GrpcClientOptions): Promise<GrpcClient> {
  const grpc = await import('./grpc-js.ts');
  return new RenewingClient(grpc, options);
}

/**
 * Invariants: `#channel` was made with `#tlsOptions`. When the certificates were renewed, or answers stay out, a new
 * channel takes over, and the old one goes once its calls are done.
 */
class RenewingClient implements GrpcClient {
  readonly #grpc: GrpcLibrary;
  readonly #options: GrpcClientOptions;
  readonly #channelOptions: ChannelOptions;
  readonly #metadata: Metadata;
  #tlsOptions: TlsOptions | undefined;
  #channel: ClientChannel;

  constructor(grpc: GrpcLibrary, options: GrpcClientOptions) {
    this.#grpc = grpc;
    this.#options = options;
    this.#channelOptions = channelOptions(grpc, options);
    this.#metadata = metadataOf(grpc, options);
    this.#tlsOptions = options.tls?.current();
    this.#channel = this.#connect();
  }

  unary(path: string, message: Uint8Array, abort: AbortSignal): Promise<GrpcReply> {
    this.#renew();
    return this.#channel.unary(path, message, this.#metadata.clone(), abort);
  }

  close(): void {
    this.#channel.close();
  }

  #renew(): void {
    const latest = this.#options.tls?.current();
    if (latest === this.#tlsOptions && this.#channel.unanswered < MAX_UNANSWERED) return;
    this.#tlsOptions = latest;
    this.#channel.retire();
    this.#channel = this.#connect();
  }

  #connect(): ClientChannel {
    const { target } = this.#options;
    const tls = this.#tlsOptions;
    if (tls === undefined) {
      const credentials = this.#grpc.credentials.createInsecure();
      return this.#channelWith(credentials, this.#channelOptions);
    }
    const name = verifiedName(target, tls);
    const credentials = this.#grpc.credentials.createFromSecureContext(createSecureContext(tls), {
      rejectUnauthorized: tls.rejectUnauthorized,
      ...(name.check === undefined ? {} : { checkServerIdentity: name.check }),
    });
    return this.#channelWith(credentials, { ...this.#channelOptions, ...name.option });
  }

  #channelWith(credentials: ChannelCredentials, options: ChannelOptions): ClientChannel {
    const { target, clock, random } = this.#options;
    const backoff = reconnectBackoff(this.#options);
    return new ClientChannel(this.#grpc, { target, credentials, options, pace: { clock, random, ...backoff } });
  }
}

interface VerifiedName {
  readonly option: ChannelOptions;
  readonly check?: (name: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * Which name the certificate must carry. grpc-js sends the host as the TLS server name even when it is an IP address,
 * which Node refuses: an address goes under a stand-in name, and is what the certificate is checked against.
 */
function verifiedName(target: string, tls: TlsOptions): VerifiedName {
  if (tls.servername !== undefined) return { option: { 'grpc.ssl_target_name_override': tls.servername } };
  const address = /^(?:dns:\/\/\/|ipv[46]:)?(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(target);
  const host = address?.[1] ?? address?.[2] ?? '';
  if (isIP(host) === 0) return { option: {} };
  return {
    option: { 'grpc.ssl_target_name_override': 'localhost' },
    check: (_standIn, certificate) => checkServerIdentity(host, certificate),
  };
}

function reconnectBackoff({ retryIntervalMs }: GrpcClientOptions): { initialMs: number; maxMs: number } {
  const maxMs = Math.min(LONGEST_RECONNECT_MS, Math.max(FIRST_RECONNECT_MS, retryIntervalMs));
  return { initialMs: FIRST_RECONNECT_MS, maxMs };
}

function channelOptions(grpc: GrpcLibrary, options: GrpcClientOptions): ChannelOptions {
  const { keepalive } = options;
  const { initialMs, maxMs } = reconnectBackoff(options);
  return {
    'grpc.primary_user_agent': options.userAgent,
    // Off: the host retries, and channelz costs processor time for every message.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // Connections are this exporter's own, so that stopping it closes them.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
    // grpc-js jitters all waits but the first, by a fifth.
    'grpc.initial_reconnect_backoff_ms': Math.round(initialMs * (0.5 + options.random())),
    'grpc.max_reconnect_backoff_ms': maxMs,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [options.balancer]: {} }] }),
    ...(options.gzip ? { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip } : {}),
    ...(options.authority === undefined ? {} : { 'grpc.default_authority': options.authority }),
    ...(keepalive === undefined
      ? {}
      : {
          'grpc.keepalive_time_ms': keepalive.timeMs,
          'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
          'grpc.keepalive_permit_without_calls': keepalive.withoutStream ? 1 : 0,
        }),
  };
}

function metadataOf(grpc: GrpcLibrary, options: GrpcClientOptions): Metadata {
  const metadata = new grpc.Metadata({ waitForReady: options.waitForReady });
  for (const [name, value] of options.headers) {
    metadata.set(name, name.toLowerCase().endsWith('-bin') ? Buffer.from(value) : value);
  }
  return metadata;
}
