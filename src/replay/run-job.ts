import { errorMessage, RemoraError } from '../core/errors.ts';
import { readExpected, writeExpected } from './fixture/expected.ts';
import type { CheckResult } from './checks/check.ts';
import { Checks } from './checks/checks.ts';
import { openFixture, type Fixture } from './fixture/fixture.ts';
import type { ReplaySettings } from './fixture/manifest.ts';
import type { Job } from './jobs.ts';
import { compareOutcomes, type Difference } from './output/compare.ts';
import { digestOf, type Outcome } from './output/outcome.ts';
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
  /** Checks that failed, then what is not as expected. */
  readonly differences: readonly Difference[];
  /** Of the manifest, all of them. */
  readonly checks: readonly CheckResult[];
  /** Of an invalid one, why. */
  readonly error?: string;
  /** Items that were delivered. */
  readonly items: number;
  readonly ledgerCloses: boolean;
  /** Of what came, if it did: the same for the same bytes. */
  readonly digest?: string;
  /** Real time, milliseconds. */
  readonly tookMs: number;
}

/** Replays and compares. Never rejects for what is wrong with the fixture. */
export async function runJob(job: Job, options: JobOptions): Promise<JobResult> {
  const startedMs = performance.now();
  try {
    return { ...(await resultOf(job, options)), tookMs: performance.now() - startedMs };
  } catch (error) {
    if (!(error instanceof RemoraError)) throw error;
    const none = { differences: [], checks: [], items: 0, ledgerCloses: false } as const;
    return { job, status: 'invalid', error: errorMessage(error), ...none, tookMs: performance.now() - startedMs };
  }
}

async function resultOf(job: Job, options: JobOptions): Promise<Omit<JobResult, 'tookMs'>> {
  const fixture = await openFixture(job.folder);
  const settings = fixture.manifest.replays[job.replay];
  if (settings === undefined)
    throw new RemoraError('fixture_invalid', `${job.folder}: it has no replay "${job.replay}"`);
  const { outcome, checks } = await checkedOutcome(fixture, settings, options);
  if (settings.expect === 'nothing' && checks.length === 0)
    throw new RemoraError(
      'fixture_invalid',
      `${job.folder}: ${job.replay} expects nothing and has no checks, so it proves nothing`,
    );
  const failed = checks.flatMap(failedCheck);
  const unexpected =
    settings.expect === 'nothing' ? [] : await unexpectedOf(job, outcome, checks.length > 0 && !options.update);
  const isUpdate = options.update && settings.expect !== 'nothing' && unexpected.length > 0;
  if (isUpdate) await writeExpected(job.folder, job.replay, outcome);
  const isFailed = failed.length > 0 || (unexpected.length > 0 && !isUpdate);
  return {
    job,
    status: isFailed ? 'failed' : isUpdate ? 'updated' : 'passed',
    differences: [...failed, ...unexpected],
    checks,
    items: outcome.outputs.reduce((sum, { items }) => sum + items, 0),
    ledgerCloses: outcome.summary.ledgerCloses,
    digest: digestOf(outcome),
  };
}

async function checkedOutcome(
  fixture: Fixture,
  settings: ReplaySettings,
  { limitMs, onProgress, onLog }: JobOptions,
): Promise<{ outcome: Outcome; checks: readonly CheckResult[] }> {
  const { manifest, startMs } = fixture;
  const checks = new Checks([...manifest.checks, ...settings.checks], startMs);
  const wholeMs = manifest.until ?? 0;
  const outcome = await replayFixture(fixture, settings, {
    limitMs,
    onInput: (event) => checks.arrived(event),
    onDelivered: (delivered) => checks.delivered(delivered),
    ...(onLog === undefined ? {} : { onLog }),
    ...(onProgress === undefined || wholeMs === 0
      ? {}
      : { onProgress: (atMs) => onProgress(Math.min(1, atMs / wholeMs)) }),
  });
  return { outcome, checks: checks.results(outcome.summary) };
}

function failedCheck({ name, failure, examples }: CheckResult): Difference[] {
  return failure === undefined
    ? []
    : [{ where: 'checks', kind: 'failed', what: `${name}: ${failure}`, details: examples }];
}

/** `isEnough`: that nothing is expected yet, since there are checks. */
async function unexpectedOf(job: Job, outcome: Outcome, isEnough: boolean): Promise<readonly Difference[]> {
  const expected = await readExpected(job.folder, job.replay);
  if (expected !== undefined) return compareOutcomes(expected, outcome).differences;
  if (isEnough) return [];
  const details = ['nothing is expected yet; --update makes what came what is expected'];
  return [{ where: 'expected', kind: 'missing', what: 'outcome', details }];
}
