import type { Clock, Timer } from '../../core/clock.ts';
import { errorMessage, RemoraError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { jittered, type Random } from '../../core/random.ts';

export interface TroubleOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Tries to write; throws as long as it cannot. */
  readonly probe: () => Promise<void>;
  readonly onEnd: () => void;
  /** Why it cannot; undefined once it can. */
  readonly onChange: (reason: string | undefined) => void;
}

/** About this long between two tries to write. */
const PROBE_MS = 750;
const PROBE_JITTER = 0.33;

/**
 * The time in which the disk cannot be written: full, failing, or read-only.
 * Invariant: while there is a reason, a probe is under way or a timer is set for the next.
 */
export class Trouble {
  readonly #options: TroubleOptions;
  #reason: RemoraError | undefined;
  #sinceMs = 0;
  #probeAtMs = 0;
  #timer: Timer | undefined;
  #probing: Promise<void> | undefined;
  #stopped = false;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** Why nothing can be written now. */
  get reason(): RemoraError | undefined {
    return this.#reason;
  }

  /** Until the next try. */
  get afterMs(): number {
    return Math.max(1, Math.ceil(this.#probeAtMs - this.#options.clock.monotonic()));
  }

  begin(cause: unknown): RemoraError {
    const reason = writeFailed(cause);
    if (this.#reason !== undefined) return reason;
    const { clock, log } = this.#options;
    this.#reason = reason;
    this.#sinceMs = clock.monotonic();
    log.error('The queue on disk cannot be written; senders are told to retry until it can.', {
      error: errorMessage(cause),
    });
    this.#options.onChange(reason.message);
    this.#schedule();
    return reason;
  }

  /** Nothing is tried any more; resolves when a try that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#probing;
  }

  #schedule(): void {
    if (this.#stopped) return;
    const { clock, random } = this.#options;
    const afterMs = jittered(PROBE_MS, PROBE_JITTER, random);
    this.#probeAtMs = clock.monotonic() + afterMs;
    this.#timer = clock.timer(afterMs, () => {
      this.#probing = this.#probe();
    });
  }

  async #probe(): Promise<void> {
    try {
      await this.#options.probe();
    } catch (error) {
      this.#reason = writeFailed(error);
      this.#schedule();
      return;
    }
    const { clock, log, onEnd, onChange } = this.#options;
    this.#reason = undefined;
    onChange(undefined);
    log.warn('The queue on disk can be written again.', {
      seconds: Math.round((clock.monotonic() - this.#sinceMs) / 1000),
    });
    onEnd();
  }
}

function writeFailed(cause: unknown): RemoraError {
  return new RemoraError('storage_failed', `The queue on disk cannot be written: ${errorMessage(cause)}.`, { cause });
}
