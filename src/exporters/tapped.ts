import type { ExporterContext } from '../core/component.ts';
import type { AttemptEnd, OtlpTransport } from '../core/outside.ts';
import type { Batch } from '../core/batch.ts';
import { RemoraError } from '../core/errors.ts';
import type { Outcome } from '../net/outcome.ts';

type Attempt = (piece: Batch, abort: AbortSignal) => Promise<Outcome>;

/** The same, and whoever listens is told how each attempt ended that was made. */
export function tapped({ outside, id }: ExporterContext, transport: OtlpTransport, attempt: Attempt): Attempt {
  const { tap } = outside;
  if (tap === undefined) return attempt;
  return async (piece, abort) => {
    if (abort.aborted) return attempt(piece, abort);
    const onEnd = tap.attempt(id, piece.signal);
    const outcome = await attempt(piece, abort);
    const { said } = outcome;
    onEnd({
      verdict: outcome,
      said: said === undefined ? undefined : { transport, ...said },
      gaveUp: whyGivenUp(abort),
    });
    return outcome;
  };
}

function whyGivenUp({ aborted, reason }: AbortSignal): AttemptEnd['gaveUp'] {
  if (!aborted) return undefined;
  return reason instanceof RemoraError && reason.code === 'shutting_down' ? 'stopping' : 'late';
}
