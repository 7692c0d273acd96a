import type { FileSystem } from './file-system.ts';
import type { Signal } from './signal.ts';
import type { Verdict } from './verdict.ts';

/**
 * The world outside of the process, as components meet it besides clock and randomness. `run` has the real one; replay one
 * that a fixture drives; `record` has the real one and listens.
 */
export interface Outside {
  readonly files: FileSystem;
  /** Stands in for every socket that telemetry goes through. Absent: there are real ones. */
  readonly sockets?: Sockets;
  /** Is told what receivers take in over sockets, and how the upstream answers. */
  readonly tap?: Tap;
  /** Absent: that of this process and its container. */
  readonly memory?: Memory;
}

/** What guards may know of memory. */
export interface Memory {
  /** Physical memory of this process. */
  residentBytes(): number;
  /** Memory of the container that cannot be taken back at once, 0 when there is no container limit or it is unreadable. */
  containerBytes(): number;
  /** What a percentage is of: the memory of the container, or of the machine when that is less. */
  totalBytes(): number;
  /** Asks V8 for a full collection; absent when Node runs without --expose-gc. */
  readonly collect?: (() => void) | undefined;
}

export interface Sockets {
  /** In the place of a server of OTLP: requests come through `take` until the watch is closed. */
  serve(receiverId: string, transport: OtlpTransport, take: TakeRequest): { close(): void };
  /** In the place of one OTLP/HTTP request. Rejects when there is no answer. */
  post(request: UpstreamRequest, abort: AbortSignal): Promise<HttpReply>;
  /** In the place of one OTLP/gRPC request. */
  unary(request: UpstreamRequest, abort: AbortSignal): Promise<GrpcReply>;
  /** In the place of one GET of a page that is scraped, or of a list of targets. Rejects with the reason of `abort`. */
  fetchPage(receiverId: string, url: URL, abort: AbortSignal): Promise<PageReply>;
  /** Wall time that points of a scrape have which begins now. */
  scrapeMs(url: URL): number;
}

export type OtlpTransport = 'grpc' | 'http';
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Offers an ExportXServiceRequest as it came, after decompression, to a receiver. Never rejects. The bytes are the
 * receiver's from now on.
 */
export type TakeRequest = (
  signal: Signal,
  bytes: Uint8Array,
  headers: RequestHeaders,
  abort: AbortSignal,
) => Promise<TakenRequest>;

/** How the sender was answered. */
export interface TakenRequest {
  readonly outcome: string;
  readonly message: string;
  readonly rejectedItems: number;
  /** When to try again; present exactly on answers that may be retried. */
  readonly retryAfterMs?: number;
}

/** One attempt of an exporter: an ExportXServiceRequest before encoding and compression. */
export interface UpstreamRequest {
  readonly exporterId: string;
  readonly signal: Signal;
  readonly items: number;
  readonly chunks: readonly Uint8Array[];
}

export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  /** The header as it stands, or undefined. */
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}

export interface GrpcReply {
  readonly code: number;
  readonly message: string;
  /** The `grpc-status-details-bin` trailer, decoded from base64; undefined when absent. */
  readonly details: Uint8Array | undefined;
  /** The response message; undefined unless the code is OK. */
  readonly body: Uint8Array | undefined;
}

/** An answer after decompression and redirects, or why there is none (`reason` as the receiver counts failures). */
export type PageReply =
  | { readonly status: number; readonly contentType: string; readonly body: Uint8Array }
  | { readonly failure: { readonly reason: string; readonly message: string } };

export interface AttemptEnd {
  readonly verdict: Verdict;
  /** What an upstream answered that did not take it; absent when it did not answer. */
  readonly said: { readonly transport: OtlpTransport; readonly code: number; readonly message: string } | undefined;
  /** Why the host gave it up: there was no answer in time, or the host stops. */
  readonly gaveUp: 'late' | 'stopping' | undefined;
}

/** Nothing of what is given may be kept beyond the call: bytes go round. */
export interface Tap {
  /** A request before the pipelines see it; what is returned is told how it was answered. */
  request(received: {
    readonly receiverId: string;
    readonly transport: OtlpTransport;
    readonly signal: Signal;
    readonly bytes: Uint8Array;
    readonly headers: RequestHeaders;
  }): (answer: TakenRequest) => void;
  /** A page is asked for; what is returned is told what came. */
  page(receiverId: string, url: URL): (reply: PageReply) => void;
  /** A request of an exporter; what is returned is told how it ended. */
  attempt(exporterId: string, signal: Signal): (ended: AttemptEnd) => void;
}
