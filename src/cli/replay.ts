import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { errorMessage, RemoraError } from '../core/errors.ts';
import { parseDuration } from '../core/settings.ts';
import { jobsOf, type Job } from '../replay/jobs.ts';
import { githubAnnotations } from '../replay/report/github.ts';
import { junitXml } from '../replay/report/junit.ts';
import { printableLines } from '../replay/report/printable.ts';
import { ALL, resultText, totalText, USUAL } from '../replay/report/text.ts';
import { invalidResult, runJob, type JobOptions, type JobResult } from '../replay/run-job.ts';
import { inLittleMemory } from './little-memory.ts';
import { EXIT, usage } from './options.ts';
import { print } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { isWritten } from './report-file.ts';

interface ReplayOptions {
  /** Folders of fixtures, or of a folder of these; all in `fixtures` when empty. */
  readonly fixtures: readonly string[];
  /** Only replays whose name has this in it. */
  readonly filter: string | undefined;
  readonly update: boolean;
  /** Differences are all shown. */
  readonly all: boolean;
  /** Where a report goes. */
  readonly junit: string | undefined;
  /** Annotations of GitHub Actions on standard output. */
  readonly github: boolean;
  readonly limitMs: number | undefined;
  /** Processes at once; as many as there are processors when undefined. */
  readonly parallel: number | undefined;
}

/** `remora replay`: 0 when everything came as expected, 1 when something did not, 2 for what could not be replayed. */
export async function replayCommand(args: readonly string[]): Promise<number> {
  if (args[0] === APART) return await replayApart();
  const options = optionsOf(args);
  const jobs = await jobsOf(options.fixtures, options.filter).catch(invalidFixture);
  if (jobs === undefined) return EXIT.invalid;
  const progress = new ProgressLine(jobs.length);
  const results = await runAll(jobs, options, progress);
  progress.end();
  await print(totalText(results));
  if (options.github) await print(githubAnnotations(results));
  if (options.junit !== undefined && !(await isWritten(options.junit, junitXml(results, options.all ? ALL : USUAL))))
    return EXIT.invalid;
  if (results.some(({ status }) => status === 'invalid')) return EXIT.invalid;
  return results.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.ok;
}

/** Says what is wrong with the fixtures; undefined then. */
function invalidFixture(error: unknown): undefined {
  if (!(error instanceof RemoraError && error.code === 'fixture_invalid')) throw error;
  process.stderr.write(`error: ${printableLines(error.message)}\n`);
  return undefined;
}

/** Told as they come; in the order of the jobs. */
async function runAll(jobs: readonly Job[], options: ReplayOptions, progress: ProgressLine): Promise<JobResult[]> {
  const processes = Math.min(jobs.length, options.parallel ?? availableParallelism());
  const results: JobResult[] = [];
  const rest = jobs.entries();
  const work = async (): Promise<void> => {
    for (const [at, job] of rest) {
      const onProgress = (share: number): void => progress.at(job.name, share);
      const run = processes > 1 ? runApart : runHere;
      const result = await run(job, { update: options.update, limitMs: options.limitMs, onProgress });
      results[at] = result;
      progress.done(job.name);
      await print(resultText(result, options.all ? ALL : USUAL));
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return results;
}

function runHere(job: Job, options: JobOptions): Promise<JobResult> {
  return inLittleMemory(() => runJob(job, options));
}

/** In a process of its own: what it takes of memory goes with it, and several use several processors. */
async function runApart(job: Job, { onProgress, ...options }: JobOptions): Promise<JobResult> {
  const main = process.argv[1];
  if (main === undefined) throw new Error('BUG: there is no program to start.');
  const child = fork(main, ['replay', APART], { execArgv: process.execArgv, serialization: 'advanced' });
  let result: JobResult | undefined;
  child.on('message', (message: JobMessage) => {
    if ('share' in message) onProgress?.(message.share);
    else result = message.result;
  });
  // One that cannot start, or ends before it listens, is told by its end.
  child.send({ job, options } satisfies JobRequest, () => undefined);
  const end = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(errorMessage(error)));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
  });
  return result ?? invalidResult(job, `The process that replayed it ended without a result: ${end}.`);
}

/** The other end of `runApart`. */
async function replayApart(): Promise<number> {
  const { job, options } = await new Promise<JobRequest>((resolve) => {
    process.once('message', (message: JobRequest) => resolve(message));
  });
  const tell = (message: JobMessage): Promise<unknown> =>
    new Promise((resolve) => {
      if (process.send === undefined) resolve(undefined);
      else process.send(message, resolve);
    });
  await tell({ result: await runHere(job, { ...options, onProgress: (share) => void tell({ share }) }) });
  process.disconnect?.();
  return EXIT.ok;
}

/** Says that the process is one of several, and gets its job from its parent. */
const APART = '--apart';

interface JobRequest {
  readonly job: Job;
  readonly options: Pick<JobOptions, 'update' | 'limitMs'>;
}

type JobMessage = { readonly share: number } | { readonly result: JobResult };

function optionsOf(args: readonly string[]): ReplayOptions {
  const { values, positionals } = parseArgs({ args: [...args], options: REPLAY, allowPositionals: true });
  const { filter, junit, limit, parallel } = values;
  const limitMs = limit === undefined ? undefined : parseDuration(limit);
  if (limit !== undefined && limitMs === undefined) throw usage('--limit takes a duration, such as 24h.');
  const processes = parallel === undefined ? undefined : Number(parallel);
  if (processes !== undefined && !(Number.isInteger(processes) && processes > 0))
    throw usage('--parallel takes a number.');
  const { update = false, all = false, github = false } = values;
  return { fixtures: positionals, filter, update, all, junit, github, limitMs, parallel: processes };
}

const REPLAY = {
  filter: { type: 'string' },
  update: { type: 'boolean' },
  all: { type: 'boolean' },
  junit: { type: 'string' },
  github: { type: 'boolean' },
  limit: { type: 'string' },
  parallel: { type: 'string' },
} as const;
