import { RemoraError } from '../../core/errors.ts';
import type { AttemptEnd } from '../../core/outside.ts';
import type { Signal } from '../../core/signal.ts';
import { GRPC } from '../../net/grpc/codes.ts';
import type { UpstreamAnswer, UpstreamPhase } from '../input.ts';
import { InOrder } from './in-order.ts';
import { SLOW_MS, Timeline, type Attempt } from './timeline.ts';

export interface UpstreamPhasesOptions {
  /** Since the start, milliseconds. */
  readonly atMs: () => number;
  /** What may be kept of a message. */
  readonly plain: (message: string) => string;
}

/** Attempts that wait for the end of an earlier one. */
const WAITING_LIMIT = 10_000;

interface ExporterTimelines {
  /** Of all signals. */
  readonly all: Timeline;
  readonly bySignal: Map<Signal, Timeline>;
}

interface Seen {
  readonly exporterId: string;
  readonly signal: Signal;
  readonly attempt: Attempt;
}

/** How the upstream behaved while a service ran, as the `upstream` of a manifest says it. */
export class UpstreamPhases {
  readonly #options: UpstreamPhasesOptions;
  readonly #exporters = new Map<string, ExporterTimelines>();
  readonly #attempts: InOrder<Seen>;

  constructor(options: UpstreamPhasesOptions) {
    this.#options = options;
    this.#attempts = new InOrder({ limit: WAITING_LIMIT, sizeOf: () => 1, take: (seen) => this.#add(seen) });
  }

  /** An exporter sends; what is returned is told how it ended. */
  attempt(exporterId: string, signal: Signal): (ended: AttemptEnd) => void {
    const fromMs = this.#options.atMs();
    const settle = this.#attempts.begin();
    return (ended) => {
      const tookMs = this.#options.atMs() - fromMs;
      const answer = this.#answer(ended, tookMs);
      settle(answer === undefined ? undefined : { exporterId, signal, attempt: { fromMs, tookMs, answer } });
    };
  }

  /** By exporter, in order of time; `isWhole` is false when there were more changes than are kept. */
  result(): { readonly phases: readonly UpstreamPhase[]; readonly isWhole: boolean } {
    this.#attempts.end();
    const phases: UpstreamPhase[] = [];
    let isWhole = true;
    for (const [exporter, { all, bySignal }] of this.#exporters) {
      const apart = bySignal.size > 1 && [...bySignal.values()].reduce((sum, { size }) => sum + size, 0) <= all.size;
      const chosen = apart ? [...bySignal] : [[undefined, all] as const];
      for (const [signal, timeline] of chosen) {
        phases.push(...timeline.phases().map((phase) => ({ exporter, signal, ...phase })));
        isWhole &&= !timeline.isCut;
      }
    }
    return { phases, isWhole };
  }

  #add({ exporterId, signal, attempt }: Seen): void {
    let known = this.#exporters.get(exporterId);
    if (known === undefined) this.#exporters.set(exporterId, (known = { all: new Timeline(), bySignal: new Map() }));
    let own = known.bySignal.get(signal);
    if (own === undefined) known.bySignal.set(signal, (own = new Timeline()));
    known.all.add(attempt);
    own.add(attempt);
  }

  /** Undefined: that was not the upstream. */
  #answer({ verdict, said, gaveUp }: AttemptEnd, tookMs: number): UpstreamAnswer | undefined {
    const { plain } = this.#options;
    if (verdict.status === 'accepted') {
      const { rejectedItems: rejected, message = '' } = verdict;
      return rejected === 0 ? { kind: 'accept' } : { kind: 'partial', rejected, message: plain(message) };
    }
    // An attempt that a stop cut short may have been about to be answered.
    if (gaveUp === 'stopping' && tookMs < SLOW_MS) return undefined;
    if (verdict.status === 'retry' && gaveUp !== undefined) return { kind: 'hang' };
    if (said !== undefined) {
      const status = said.transport === 'http' ? said.code : httpStatus(said.code);
      const retryAfterMs = verdict.status === 'retry' ? verdict.afterMs : undefined;
      return { kind: 'status', status: Math.min(599, status), message: plain(said.message), retryAfterMs };
    }
    const code = verdict.reason instanceof RemoraError ? verdict.reason.code : undefined;
    if (code === 'upstream_unavailable') return { kind: 'unreachable' };
    if (code !== 'upstream_response_too_large') return undefined;
    return { kind: 'status', status: 500, message: verdict.reason.message, retryAfterMs: undefined };
  }
}

/** The HTTP status that a replay gives to gRPC exporters as this code, or as one after which they do the same. */
function httpStatus(code: number): number {
  return HTTP_OF.get(code) ?? 501;
}

const HTTP_OF: ReadonlyMap<number, number> = new Map([
  [GRPC.INVALID_ARGUMENT, 400],
  [GRPC.UNAUTHENTICATED, 401],
  [GRPC.PERMISSION_DENIED, 403],
  [GRPC.UNIMPLEMENTED, 404],
  [GRPC.RESOURCE_EXHAUSTED, 429],
  [GRPC.INTERNAL, 500],
  [GRPC.UNAVAILABLE, 503],
  [GRPC.CANCELLED, 503],
  [GRPC.DEADLINE_EXCEEDED, 503],
  [GRPC.ABORTED, 503],
  [GRPC.OUT_OF_RANGE, 503],
  [GRPC.DATA_LOSS, 503],
]);
