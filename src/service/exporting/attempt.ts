import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exporter } from '../../core/component.ts';
import { asError, RemoraError } from '../../core/errors.ts';
import { retry, type Retry, type Verdict } from '../../core/verdict.ts';

/** The verdict of one attempt; `failed` when the exporter threw, which is a bug. */
export type AttemptResult = Verdict | { readonly status: 'failed'; readonly reason: Error };

export interface AttemptOptions {
  readonly exporter: Exporter;
  readonly clock: Clock;
  /** Milliseconds; 0 is no limit. */
  readonly timeout: number;
}

/**
 * Sends once. Settles with the exporter's verdict, or with `retry` as soon as the timeout passes or `abort` fires; the
 * exporter's signal fires then too, and what it still answers is ignored: the outcome of that attempt is unknown.
 */
export function attempt(options: AttemptOptions, batch: Batch, abort: AbortSignal): Promise<AttemptResult> {
  if (abort.aborted) return Promise.resolve(INTERRUPTED);
  const { exporter, clock, timeout } = options;
  return new Promise((resolve) => {
    const controller = new AbortController();
    const settle = (result: AttemptResult): void => {
      timer?.cancel();
      abort.removeEventListener('abort', interrupt);
      resolve(result);
    };
    const giveUp = (result: Retry): void => {
      settle(result);
      controller.abort(result.reason);
    };
    const interrupt = (): void => giveUp(INTERRUPTED);
    const timer = timeout > 0 ? clock.timer(timeout, () => giveUp(timedOut(timeout))) : undefined;
    abort.addEventListener('abort', interrupt, { once: true });
    send(exporter, batch, controller.signal).then(settle, (error: unknown) =>
      settle({ status: 'failed', reason: asError(error) }),
    );
  });
}

/** Turns a synchronous throw into a rejected promise. */
async function send(exporter: Exporter, batch: Batch, abort: AbortSignal): Promise<Verdict> {
  return exporter.send(batch, abort);
}

const INTERRUPTED = retry(new RemoraError('shutting_down', 'The attempt was interrupted.'));

function timedOut(timeoutMs: number): Retry {
  return retry(new RemoraError('upstream_unavailable', `The upstream did not answer within ${timeoutMs} ms.`));
}
