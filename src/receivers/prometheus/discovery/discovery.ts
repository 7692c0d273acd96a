import type { Clock } from '../../../core/clock.ts';
import type { FileSystem } from '../../../core/file-system.ts';
import type { Logger } from '../../../core/logger.ts';
import type { Count } from '../../../core/meter.ts';
import type { Random } from '../../../core/random.ts';
import type { TargetGroup } from '../discovered-target.ts';

/** Something that says which targets there are, and says it again when that changes. */
export interface Discovery {
  /** Settles when what is there at once was said; the rest follows. Never rejects. */
  start(): Promise<void>;
  /** Says nothing more. Idempotent, safe before start. */
  stop(): void;
}

export interface DiscoveryParts {
  readonly files: FileSystem;
  readonly job: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly failures: Count;
  /** What `source` lists from now on; nothing when it is gone. */
  onTargets(source: string, groups: readonly TargetGroup[]): void;
  /** `undefined`: the source is well again. Its last good list holds meanwhile. */
  onHealth(source: string, problem: string | undefined): void;
}

/** Tells of failures: every one is counted, and logged when it is another than the one before. */
export class DiscoveryProblems {
  readonly #parts: DiscoveryParts;
  readonly #bySource = new Map<string, string>();

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
  }

  failed(source: string, problem: string): void {
    const { job, log, failures } = this.#parts;
    failures.value += 1;
    if (this.#bySource.get(source) === problem) return;
    this.#bySource.set(source, problem);
    log.error('A list of targets cannot be read; those of its last good version stay.', { job, source, problem });
    this.#parts.onHealth(source, problem);
  }

  passed(source: string): void {
    if (!this.#bySource.delete(source)) return;
    const { job, log } = this.#parts;
    log.info('A list of targets is read again.', { job, source });
    this.#parts.onHealth(source, undefined);
  }
}
