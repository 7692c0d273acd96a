import type { OtlpTransport, PageReply, RequestHeaders } from '../core/outside.ts';
import type { Signal } from '../core/signal.ts';

/** What comes in, as the fixture has it. Times are milliseconds after the start. */
export type InputEvent = RequestEvent | FileEvent;

export interface RequestEvent {
  readonly kind: 'request';
  readonly atMs: number;
  readonly receiver: string;
  readonly transport: OtlpTransport;
  readonly signal: Signal;
  readonly headers: RequestHeaders;
  /** An ExportXServiceRequest; malformed ones are input, too. Its memory is given away. */
  readonly bytes: Uint8Array;
  /** File and line of the fixture, which errors name. */
  readonly where?: string;
}

export type FileEvent = FileOperation & {
  readonly kind: 'file';
  readonly atMs: number;
  readonly path: string;
  /** File and line of the fixture, which errors name. */
  readonly where?: string;
};

export type FileOperation =
  | { readonly op: 'append'; readonly content: Uint8Array }
  | { readonly op: 'truncate'; readonly size: number }
  | { readonly op: 'rename'; readonly to: string }
  | { readonly op: 'remove' }
  | { readonly op: 'link'; readonly target: string };

/** A page that was scraped, or why there was none. */
export interface PageRecord {
  /** When it was asked for, or when it came where `tookMs` is not known. */
  readonly atMs: number;
  /** Until it came; whole milliseconds. */
  readonly tookMs?: number | undefined;
  readonly url: string;
  readonly reply: PageReply;
}

/** What is used of memory for a while. Of two that overlap the first counts. */
export interface MemoryPhase {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly usedBytes: number;
}

/** How the upstream behaves for a while. Of two that overlap the first counts; without one it accepts at once. */
export interface UpstreamPhase {
  /** Undefined: all of them. */
  readonly exporter: string | undefined;
  /** Undefined: requests of all signals. */
  readonly signal?: Signal | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Before the answer. */
  readonly delayMs: number;
  readonly answer: UpstreamAnswer;
}

export type UpstreamAnswer =
  | { readonly kind: 'accept' }
  /** No connection. */
  | { readonly kind: 'unreachable' }
  /** A connection, and never an answer. */
  | { readonly kind: 'hang' }
  /** An HTTP status; gRPC exporters see the code that stands for it. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    }
  /** Partial success: so many items of each request are not taken. */
  | { readonly kind: 'partial'; readonly rejected: number; readonly message: string };
