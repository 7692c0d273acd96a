import { errorMessage, RemoraError } from '../core/errors.ts';
import { readExpected, writeExpected } from './fixture/expected.ts';
import type { CheckResult } from './checks/check.ts';
import { Checks } from './checks/checks.ts';
import { openFixture, type Fixture } from './fixture/fixture.ts';
import type { ReplaySettings } from './fixture/manifest.ts';
import { counted } from './counted.ts';
import type { Job } from './jobs.ts';
import { checkCheckedExporters, checkNamedExporters } from './named-exporters.ts';
import { compareOutcomes, type Difference } from './output/compare.ts';
import { digestOf, type Outcome } from './output/outcome.ts';
import { refusedNote, unreceivedTexts } from './sent-requests.ts';
import { unreadNote } from './unread-files.ts';
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
  /** Input that did not come in, in one sentence each: it fails nothing by itself. */
  readonly notes: readonly string[];
  /** Items that were delivered. */
  readonly items: number;
  readonly ledgerCloses: boolean;
  /** Of what came, if it did: the same for the same bytes. */
  readonly digest?: string;
  /** Real time, milliseconds. */
  readonly tookMs: number;
}

/** Replays and compares. Never rejects: what is wrong with one replay keeps no other one from being told. */
export async function runJob(job: Job, options: JobOptions): Promise<JobResult> {
  if (job.fault !== undefined) return invalidResult(job, job.fault);
  const startedMs = performance.now();
  const tookMs = (): number => performance.now() - startedMs;
  try {
    return { ...(await resultOf(job, options)), tookMs: tookMs() };
  } catch (error) {
    return { ...invalidResult(job, faultText(error)), tookMs: tookMs() };
  }
}

/** Of a replay that did not come to its end. */
export function invalidResult(job: Job, error: string): JobResult {
  return {
    job,
    status: 'invalid',
    error,
    differences: [],
    checks: [],
    notes: [],
    items: 0,
    ledgerCloses: false,
    tookMs: 0,
  };
}

/** Anything but a RemoraError is a bug, which is found by where it was thrown. */
function faultText(error: unknown): string {
  if (error instanceof RemoraError || !(error instanceof Error)) return errorMessage(error);
  return `BUG: ${error.stack ?? error.message}`;
}

async function resultOf(job: Job, options: JobOptions): Promise<Omit<JobResult, 'tookMs'>> {
  const fixture = await openFixture(job.folder);
  const settings = fixture.manifest.replays[job.replay];
  if (settings === undefined)
    throw new RemoraError('fixture_invalid', `${job.folder}: it has no replay "${job.replay}"`);
  if (settings.expect === 'nothing' && fixture.manifest.checks.length + settings.checks.length === 0)
    throw new RemoraError(
      'fixture_invalid',
      `${fixture.manifest.placeOf(['replays', job.replay])}expects nothing and has no checks, so it proves nothing`,
    );
  const { outcome, checks } = await checkedOutcome(fixture, { replay: job.replay, settings }, options);
  const failed = [...checks.flatMap(failedCheck), ...unclosedLedger(outcome), ...unansweredRequests(settings, outcome)];
  const unexpected = settings.expect === 'nothing' ? [] : await unexpectedOf(job, settings, outcome, options);
  const isUpdate = options.update && unexpected.length > 0;
  if (isUpdate) await writeExpected(job.folder, job.replay, outcome);
  const isFailed = failed.length > 0 || (unexpected.length > 0 && !isUpdate);
  return {
    job,
    status: isFailed ? 'failed' : isUpdate ? 'updated' : 'passed',
    differences: [...failed, ...unexpected],
    checks,
    notes: notesOf(settings, outcome),
    items: outcome.outputs.reduce((sum, { items }) => sum + items, 0),
    ledgerCloses: outcome.summary.ledgerCloses,
    digest: digestOf(outcome),
  };
}

async function checkedOutcome(
  fixture: Fixture,
  { replay, settings }: { readonly replay: string; readonly settings: ReplaySettings },
  { limitMs, onProgress, onLog }: JobOptions,
): Promise<{ outcome: Outcome; checks: readonly CheckResult[] }> {
  const { manifest, startMs } = fixture;
  const checks = new Checks([...manifest.checks, ...settings.checks], startMs);
  const wholeMs = manifest.until ?? 0;
  const outcome = await replayFixture(fixture, settings, {
    limitMs,
    async onPlan(plan) {
      checkCheckedExporters(fixture, replay, plan);
      await checkNamedExporters(fixture, plan);
      checks.begin(plan);
    },
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

async function unexpectedOf(
  { folder, replay }: Job,
  { expect }: ReplaySettings,
  outcome: Outcome,
  { update }: JobOptions,
): Promise<readonly Difference[]> {
  try {
    const expected = await readExpected(folder, replay, expect === 'lines');
    if (expected !== undefined) return compareOutcomes(expected, outcome).differences;
    return [unexpectedYet(['nothing is expected yet; --update makes what came what is expected', ALONE])];
  } catch (error) {
    // What is damaged, such as by a merge, is written anew.
    if (!update || !(error instanceof RemoraError)) throw error;
    return [unexpectedYet([error.message])];
  }
}

/** It always closes, whatever is expected: that it does not is a bug. */
function unclosedLedger({ summary }: Outcome): Difference[] {
  if (summary.ledgerCloses) return [];
  const what = 'the ledger does not close: items that came in were neither delivered, dropped, rejected nor held';
  return [{ where: 'ledger', kind: 'failed', what, details: [] }];
}

/**
 * What a client sent and nobody answered. That no receiver is there stands in what is expected; where nothing is, checks on what
 * is delivered would hold without it.
 */
function unansweredRequests({ expect, requests }: ReplaySettings, { summary }: Outcome): Difference[] {
  const { unanswered = 0 } = summary.requests;
  const lost = expect === 'nothing' && requests === 'received' ? unreceivedTexts(summary.requests) : [];
  const texts = [
    ...(unanswered === 0 ? [] : [`${counted(unanswered, 'request')} came in and got no answer`]),
    ...lost.map((text) => `${text}: what is in them is lost`),
  ];
  const details = lost.length === 0 ? [] : ['where it is about other input, "requests: ignored" of the replay says so'];
  return texts.map((what) => ({ where: 'input', kind: 'failed', what, details }));
}

/** What came in but in part, and fails nothing by itself. */
function notesOf({ expect, requests }: ReplaySettings, { summary }: Outcome): string[] {
  const isTold = expect !== 'nothing' && requests === 'received';
  return [
    ...(isTold ? unreceivedTexts(summary.requests) : []),
    ...(expect === 'nothing' ? [...refusedNote(summary.requests), ...unknownPageNotes(summary.unknownPages)] : []),
    ...unreadNote(summary.unreadFiles),
  ];
}

function unknownPageNotes(urls: readonly string[]): string[] {
  return urls.map((url) => `${url} is scraped, and the fixture has no page of it`);
}

const ALONE = 'where checks are enough, "expect: nothing" of the replay says so';

function unexpectedYet(details: readonly string[]): Difference {
  return { where: 'expected', kind: 'missing', what: 'outcome', details };
}
