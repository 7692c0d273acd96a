import { errorMessage, RemoraError } from '../../core/errors.ts';
import type { Signal } from '../../core/signal.ts';
import { rejected, type Verdict } from '../../core/verdict.ts';
import { GRPC } from '../../net/grpc/codes.ts';
import { grpcOutcome, httpOutcome } from '../../net/outcome.ts';
import { encodeStatus } from '../../otlp/response.ts';

export const INJECTED = 'injected by fault_injection';

export interface InjectedAnswer {
  /** The name of a gRPC status, or an HTTP status. */
  readonly code: string | number;
  readonly retryAfterMs: number | undefined;
}

/** What an exporter would have made of such an answer, with a reason that says where it came from. */
export function injectedFailure(signal: Signal, answer: InjectedAnswer, nowMs: number): Verdict {
  const verdict = typeof answer.code === 'number' ? ofHttp(signal, answer, nowMs) : ofGrpc(signal, answer);
  return verdict.status === 'rejected' ? injectedRefusal(verdict.reason) : verdict;
}

/** Counted under a reason of its own, so that the losses of a rehearsal are told from real ones. */
export function injectedRefusal(reason: unknown): Verdict {
  const text = errorMessage(reason);
  const message = text.includes(INJECTED) ? text : `${text} (${INJECTED})`;
  return rejected(new RemoraError('fault_injected', message, { cause: reason }));
}

function ofGrpc(signal: Signal, { code: name, retryAfterMs }: InjectedAnswer): Verdict {
  const code = Object.entries(GRPC).find(([each]) => each === name)?.[1] ?? GRPC.UNKNOWN;
  const details = retryAfterMs === undefined ? undefined : encodeStatus(code, INJECTED, retryAfterMs, 'proto');
  return grpcOutcome(signal, { code, message: INJECTED, details, body: undefined });
}

function ofHttp(signal: Signal, { code, retryAfterMs }: InjectedAnswer, nowMs: number): Verdict {
  // In a body, because the header has whole seconds.
  const body = encodeStatus(0, INJECTED, retryAfterMs, 'proto');
  const reply = { status: Number(code), contentType: 'application/x-protobuf', retryAfter: undefined, body };
  return httpOutcome(signal, reply, 'proto', nowMs);
}
