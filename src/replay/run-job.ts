import { errorMessage, RemoraError } from '../core/errors.ts';
import { readExpected, writeExpected } from './fixture/expected.ts';
import { openFixture } from './fixture/fixture.ts';
import type { Job } from './jobs.ts';
import { compareOutcomes, type Difference } from './output/compare.ts';
import type { Outcome } from './output/outcome.ts';
import { replayFixture } from './replay-fixture.ts';

export interface JobOptions {
  /** What comes becomes what is expected. */
  readonly update: boolean;
  /** Virtual time at most, instead of the manifest's; milliseconds. */
  readonly limitMs?: number | undefined;
  /** The share of the input's time that has passed, from 0 to 1, now and then. */
  readonly onProgress?: (share: number) => void;
  readonly onLog?: (line: string) => void;
}

/**
 * - passed: as expected. failed: not, or against a check. updated: it differed, and is expected from now on.
 * - invalid: the fixture or its configuration is not right; nothing was replayed to its end.
 */
export type JobStatus = 'passed' | 'failed' | 'updated' | 'invalid';

export interface JobResult {
  readonly job: Job;
  readonly status: JobStatus;
  readonly differences: readonly Difference[];
  /** Of an invalid one, why. */
  readonly error?: string;
  /** Items that were delivered. */
  readonly items: number;
  readonly ledgerCloses: boolean;
  /** Real time, milliseconds. */
  readonly tookMs: number;
}

/** Replays and compares. Never rejects for what is wrong with the fixture. */
export async function runJob(job: Job, options: JobOptions): Promise<JobResult> {
  const startedMs = performance.now();
  try {
    const outcome = await outcomeOf(job, options);
    const expected = await readExpected(job.folder, job.replay);
    const differences = differencesOf(expected, outcome);
    const isUpdate = options.update && differences.length > 0;
    if (isUpdate) await writeExpected(job.folder, job.replay, outcome);
    return {
      job,
      status: isUpdate ? 'updated' : differences.length === 0 ? 'passed' : 'failed',
      differences,
      items: outcome.outputs.reduce((sum, { items }) => sum + items, 0),
      ledgerCloses: outcome.summary.ledgerCloses,
      tookMs: performance.now() - startedMs,
    };
  } catch (error) {
    if (!(error instanceof RemoraError)) throw error;
    const none = { differences: [], items: 0, ledgerCloses: false } as const;
    return { job, status: 'invalid', error: errorMessage(error), ...none, tookMs: performance.now() - startedMs };
  }
}

async function outcomeOf({ folder, replay }: Job, { limitMs, onProgress, onLog }: JobOptions): Promise<Outcome> {
  const fixture = await openFixture(folder);
  const settings = fixture.manifest.replays[replay];
  if (settings === undefined) throw new RemoraError('fixture_invalid', `${folder}: it has no replay "${replay}"`);
  const wholeMs = fixture.manifest.until ?? 0;
  return await replayFixture(fixture, settings, {
    limitMs,
    ...(onLog === undefined ? {} : { onLog }),
    ...(onProgress === undefined || wholeMs === 0
      ? {}
      : { onProgress: (atMs) => onProgress(Math.min(1, atMs / wholeMs)) }),
  });
}

function differencesOf(expected: Outcome | undefined, outcome: Outcome): readonly Difference[] {
  if (expected !== undefined) return compareOutcomes(expected, outcome).differences;
  const details = ['nothing is expected yet; --update makes what came what is expected'];
  return [{ where: 'expected', kind: 'missing', what: 'outcome', details }];
}
