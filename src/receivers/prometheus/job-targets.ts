import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { TargetGroup } from './discovered-target.ts';
import { relabelledTargets, type Job } from './job.ts';
import type { Target } from './target.ts';
import type { TargetLoop } from './target-loop.ts';

export interface JobTargetsParts {
  readonly job: Job;
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes the loop of a target and starts it, its first scrape at the target's own place in the interval. */
  begin(target: Target, targets: JobTargets): TargetLoop;
}

/** How long the end of a removed target may wait for the pipeline. */
const FAREWELL_MS = 10_000;

/**
 * The targets of one job as they come and go.
 *
 * Invariants: every target that the sources list and relabelling keeps has one loop, and no other target has. A target
 * listed by several sources, or again with equal labels, is one. What a source said last holds until it says otherwise.
 */
export class JobTargets {
  readonly #parts: JobTargetsParts;
  readonly #sources = new Map<string, readonly TargetGroup[]>();
  readonly #loops = new Map<string, TargetLoop>();
  readonly #leaving = new Set<Promise<void>>();
  #problems = new Set<string>();
  #draining = false;

  constructor(parts: JobTargetsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#loops.size;
  }

  /** What `source` lists from now on; nothing when it is gone. */
  update(source: string, groups: readonly TargetGroup[]): void {
    if (this.#draining) return;
    if (groups.length === 0) this.#sources.delete(source);
    else this.#sources.set(source, groups);
    const problems = new Set<string>();
    const listed = [...this.#sources.values()].flat();
    const wanted = relabelledTargets(listed, this.#parts.job.defaults, (problem) => problems.add(problem));
    this.#tell(problems);
    for (const [key, loop] of this.#loops) if (!wanted.has(key)) this.#remove(key, loop);
    for (const [key, target] of wanted) {
      if (!this.#loops.has(key)) this.#loops.set(key, this.#parts.begin(target, this));
    }
  }

  /** What was told before is not told again while it lasts. */
  #tell(problems: Set<string>): void {
    const { job, log } = this.#parts;
    for (const problem of problems) {
      if (this.#problems.has(problem)) continue;
      log.error('A target cannot be scraped and is left out.', { job: job.name, problem });
    }
    this.#problems = problems;
  }

  /** Its series are ended; the pipeline has a while to take that. */
  #remove(key: string, loop: TargetLoop): void {
    this.#loops.delete(key);
    const deadline = new AbortController();
    const timer = this.#parts.clock.timer(FAREWELL_MS, () => deadline.abort());
    const left = loop.remove(deadline.signal).finally(() => {
      timer.cancel();
      this.#leaving.delete(left);
    });
    this.#leaving.add(left);
  }

  drain(): void {
    this.#draining = true;
    for (const loop of this.#loops.values()) loop.drain();
  }

  /** Idempotent. Nothing is added or removed any more. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#draining = true;
    const loops = [...this.#loops.values()];
    await Promise.all([...loops.map((loop) => loop.stop(deadline)), ...this.#leaving]);
  }
}
