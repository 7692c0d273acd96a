import { sleep, type Clock } from '../../core/clock.ts';
import type { GrpcReply, HttpReply, UpstreamRequest } from '../../core/outside.ts';
import { GRPC, type GrpcCode } from '../../net/grpc/codes.ts';
import { encodeResponse, encodeStatus } from '../../otlp/response.ts';
import type { UpstreamAnswer, UpstreamPhase } from '../input.ts';

/** What the upstream took. */
export interface Delivered extends UpstreamRequest {
  /** Milliseconds after the start. */
  readonly atMs: number;
  /** Items of the request that it did not take. */
  readonly rejectedItems: number;
}

/** Called within the request, and may keep nothing of it: its bytes go round. */
export type OnDelivered = (delivered: Delivered) => void;

export interface UpstreamOptions {
  readonly clock: Clock;
  readonly startMs: number;
  readonly script: readonly UpstreamPhase[];
  readonly onDelivered: OnDelivered;
}

const PROTO = 'application/x-protobuf';
const NOTHING = new Uint8Array(0);
const AT_ONCE = { delayMs: 0, answer: { kind: 'accept' } } as const;

/** The gRPC code of an HTTP status, so that one script serves both. Others are UNKNOWN. */
const GRPC_OF: ReadonlyMap<number, GrpcCode> = new Map([
  [400, GRPC.INVALID_ARGUMENT],
  [401, GRPC.UNAUTHENTICATED],
  [403, GRPC.PERMISSION_DENIED],
  [404, GRPC.UNIMPLEMENTED],
  [413, GRPC.RESOURCE_EXHAUSTED],
  [429, GRPC.RESOURCE_EXHAUSTED],
  [500, GRPC.INTERNAL],
  [502, GRPC.UNAVAILABLE],
  [503, GRPC.UNAVAILABLE],
  [504, GRPC.UNAVAILABLE],
]);

/** An upstream that follows a script. */
export class ScriptedUpstream {
  readonly #options: UpstreamOptions;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  async post(request: UpstreamRequest, abort: AbortSignal): Promise<HttpReply> {
    const answer = await this.#answer(request, abort);
    switch (answer.kind) {
      case 'accept':
        return httpReply(200, this.#take(request, 0, ''));
      case 'partial':
        return httpReply(200, this.#take(request, answer.rejected, answer.message));
      case 'status': {
        const body = encodeStatus(grpcCode(answer.status), answer.message, answer.retryAfterMs, 'proto');
        return { ...httpReply(answer.status, body), retryAfter: retryAfterText(answer.retryAfterMs) };
      }
      case 'unreachable':
        throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      case 'hang':
        throw new Error('the attempt was aborted');
    }
  }

  async unary(request: UpstreamRequest, abort: AbortSignal): Promise<GrpcReply> {
    const answer = await this.#answer(request, abort);
    switch (answer.kind) {
      case 'accept':
        return grpcReply(GRPC.OK, '', this.#take(request, 0, ''));
      case 'partial':
        return grpcReply(GRPC.OK, '', this.#take(request, answer.rejected, answer.message));
      case 'status': {
        const code = grpcCode(answer.status);
        const details = encodeStatus(code, answer.message, answer.retryAfterMs, 'proto');
        return { ...grpcReply(code, answer.message, undefined), details };
      }
      case 'unreachable':
        return grpcReply(GRPC.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED', undefined);
      case 'hang':
        return grpcReply(GRPC.CANCELLED, 'the attempt was aborted', undefined);
    }
  }

  /** For exporters that send nothing over a socket: it takes everything. */
  take(request: UpstreamRequest): void {
    this.#take(request, 0, '');
  }

  async #answer(request: UpstreamRequest, abort: AbortSignal): Promise<UpstreamAnswer> {
    const { clock } = this.#options;
    const { delayMs, answer } = this.#phase(request);
    if (delayMs > 0 && !(await sleep(clock, delayMs, abort))) return { kind: 'hang' };
    if (answer.kind === 'hang' && !abort.aborted) await aborted(abort);
    return answer;
  }

  #phase({ exporterId, signal: asked }: UpstreamRequest): Pick<UpstreamPhase, 'delayMs' | 'answer'> {
    const atMs = this.#options.clock.now() - this.#options.startMs;
    const isNow = ({ exporter, signal, fromMs, untilMs }: UpstreamPhase): boolean =>
      (exporter ?? exporterId) === exporterId && (signal ?? asked) === asked && atMs >= fromMs && atMs < untilMs;
    return this.#options.script.find(isNow) ?? AT_ONCE;
  }

  #take(request: UpstreamRequest, rejected: number, message: string): Uint8Array {
    const { clock, startMs, onDelivered } = this.#options;
    const rejectedItems = Math.min(rejected, request.items);
    onDelivered({ ...request, atMs: clock.now() - startMs, rejectedItems });
    return encodeResponse(request.signal, rejectedItems, message, 'proto');
  }
}

function aborted(abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => abort.addEventListener('abort', () => resolve(), { once: true }));
}

function httpReply(status: number, body: Uint8Array): HttpReply {
  return { status, contentType: PROTO, retryAfter: undefined, body };
}

function grpcReply(code: GrpcCode, message: string, body: Uint8Array | undefined): GrpcReply {
  return { code, message, details: undefined, body: code === GRPC.OK ? (body ?? NOTHING) : undefined };
}

function grpcCode(status: number): GrpcCode {
  return GRPC_OF.get(status) ?? GRPC.UNKNOWN;
}

/** The header has whole seconds; anything else stands in the body alone. */
function retryAfterText(afterMs: number | undefined): string | undefined {
  return afterMs === undefined || afterMs % 1000 !== 0 ? undefined : String(afterMs / 1000);
}
