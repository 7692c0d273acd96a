import { errorMessage, RemoraError, type ErrorCode } from '../../core/errors.ts';
import type { Refused } from '../../core/component.ts';
import type { Random } from '../../core/random.ts';
import type { Retry, Verdict } from '../../core/verdict.ts';
import { GRPC, type GrpcCode } from '../../net/grpc/codes.ts';

/** How requests ended, as `remora_otlp_receiver_requests` counts them. */
export const OUTCOMES = [
  'accepted',
  'partial',
  'retry',
  'overloaded',
  'rejected',
  'malformed',
  'too_large',
  'no_room',
  'stopping',
  'unsupported',
  'cancelled',
  'failed',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What a client is told, for either transport. */
export interface Answer {
  readonly outcome: Outcome;
  readonly code: GrpcCode;
  readonly httpStatus: number;
  readonly message: string;
  readonly rejectedItems: number;
  /** When to try again; present exactly on answers that may be retried. */
  readonly retryAfterMs?: number;
}

export const OK: Answer = { outcome: 'accepted', code: GRPC.OK, httpStatus: 200, message: '', rejectedItems: 0 };

/**
 * The shortest hint, because clients take less for "at once"; also the one where nobody knows better, then doubled at
 * most by chance, so that refused clients do not return together.
 */
const RETRY_HINT_MS = 1000;

export function refusal(outcome: Outcome, code: GrpcCode, httpStatus: number, message: string): Answer {
  return { outcome, code, httpStatus, message, rejectedItems: 0 };
}

/** `afterMs` where somebody knows. */
export function retryLater(outcome: Outcome, message: string, random: Random, afterMs?: number): Answer {
  const retryAfterMs = Math.max(RETRY_HINT_MS, Math.round(afterMs ?? spread(RETRY_HINT_MS, random)));
  return { outcome, code: GRPC.UNAVAILABLE, httpStatus: 503, message, rejectedItems: 0, retryAfterMs };
}

/** Later by up to as much again, so that who was refused together does not return together. */
function spread(afterMs: number, random: Random): number {
  return afterMs * (1 + random());
}

export function answerTo(verdict: Verdict, random: Random): Answer {
  switch (verdict.status) {
    case 'accepted':
      if (verdict.rejectedItems === 0 && verdict.message === undefined) return OK;
      return { ...OK, outcome: 'partial', message: verdict.message ?? '', rejectedItems: verdict.rejectedItems };
    case 'retry':
      return answerToRetry(verdict, random);
    case 'rejected':
      return answerToRejected(verdict.reason);
  }
}

/** A sender over its own limit is told apart from one that meets trouble of ours; both may come again. */
function answerToRetry({ reason, afterMs }: Retry, random: Random): Answer {
  const later = retryLater('retry', reason.message, random, afterMs);
  return codeOf(reason) === 'rate_limited' ? { ...later, httpStatus: 429 } : later;
}

function answerToRejected(reason: Error): Answer {
  const code = codeOf(reason);
  const { message } = reason;
  if (code === 'component_failed') return refusal('failed', GRPC.INTERNAL, 500, message);
  const isSize = code === 'item_too_large' || code === 'payload_too_large';
  return refusal('rejected', GRPC.INVALID_ARGUMENT, isSize ? 413 : 400, message);
}

/** What is thrown on the way from the socket to the pipeline. */
export function answerToError(error: unknown, random: Random): Answer {
  const code = codeOf(error);
  if (code === undefined) return refusal('failed', GRPC.INTERNAL, 500, 'Internal error.');
  const message = errorMessage(error);
  if (code === 'payload_malformed' || code === 'payload_too_deep') {
    return refusal('malformed', GRPC.INVALID_ARGUMENT, 400, message);
  }
  if (code === 'payload_too_large') return refusal('too_large', GRPC.RESOURCE_EXHAUSTED, 413, message);
  if (code === 'admission_full') return retryLater('no_room', message, random);
  return refusal('failed', GRPC.INTERNAL, 500, message);
}

function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof RemoraError ? error.code : undefined;
}

/** Refused from the headers. A full queue is what the pipeline would have answered too, stretched as there. */
export function refusedNow({ reason, message, afterMs }: Refused, random: Random): Answer {
  if (reason === 'queue') return retryLater('retry', message, random, afterMs);
  return retryLater('overloaded', message, random, spread(afterMs, random));
}

export function noRoom(random: Random): Answer {
  return retryLater('no_room', 'Too many bytes are being received at once.', random);
}

export function stopping(random: Random): Answer {
  return retryLater('stopping', 'This instance is stopping.', random);
}

export function tooLarge(limitBytes: number): Answer {
  const message = `The request is larger than ${limitBytes} bytes.`;
  return refusal('too_large', GRPC.RESOURCE_EXHAUSTED, 413, message);
}
