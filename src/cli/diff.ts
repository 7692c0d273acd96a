import { resolve } from 'node:path';
import { formatProblem, type Problem } from '../config/problem.ts';
import { RemoraError } from '../core/errors.ts';
import { EffectMeasure } from '../replay/effect/effect.ts';
import { effectHtml } from '../replay/effect/html-report.ts';
import { effectMarkdown } from '../replay/effect/markdown-report.ts';
import { plansOf, readOnce, type ReadFile, type Sides } from '../replay/effect/plans.ts';
import { readPrices } from '../replay/effect/prices.ts';
import { oldSide } from '../replay/effect/revision.ts';
import { reportOf, type EffectReport } from '../replay/effect/sections.ts';
import { effectText } from '../replay/effect/text-report.ts';
import { openFixture, type Fixture } from '../replay/fixture/fixture.ts';
import { foldersOf } from '../replay/jobs.ts';
import { missedPhases } from '../replay/named-exporters.ts';
import { printableLines } from '../replay/report/printable.ts';
import { diffOptions, type DiffFailure, type DiffOptions } from './diff-options.ts';
import { inLittleMemory } from './little-memory.ts';
import { EXIT } from './options.ts';
import { printProblems } from './problems.ts';
import { print, tellErrors } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { isWritten } from './report-file.ts';

/** `remora diff`: 0, or 1 for what `--fail-on` names, or 2 for what is not valid, cannot be replayed or be written. */
export async function diff(args: readonly string[]): Promise<number> {
  const options = diffOptions(args);
  try {
    const report = await inLittleMemory(() => measured(options));
    if (typeof report === 'number') return report;
    await print(options.format === 'markdown' ? effectMarkdown(report) : effectText(report));
    if (options.html !== undefined && !(await isWritten(options.html, effectHtml(report)))) return EXIT.invalid;
    return await verdict(report, options.failOn);
  } catch (error) {
    if (!(error instanceof RemoraError && INVALID.has(error.code))) throw error;
    await tellErrors(error.message.split('\n'));
    return EXIT.invalid;
  }
}

const INVALID: ReadonlySet<string> = new Set(['fixture_invalid', 'config_invalid', 'prices_invalid', 'replay_stuck']);

/** An exit code when one of the configurations is not valid, and all that is wrong with both was told, or when one is new. */
async function measured(options: DiffOptions): Promise<EffectReport | number> {
  const { nameOf, exporters } = options;
  const { side, renames, isNew } = await oldSide(options.sides.old);
  const sides = { old: side, new: options.sides.new };
  const prices = options.prices === undefined ? undefined : await readPrices(options.prices);
  // One that is named twice, such as by itself and with all others, counts once.
  const folders = new Map((await foldersOf(options.fixtures)).map((folder) => [resolve(folder), folder]));
  const fixtures = await Promise.all(Array.from(folders.values(), (folder) => openFixture(folder)));
  const readFile = readOnce();
  if (!(await areValid(fixtures, isNew ? { old: sides.new, new: sides.new } : sides, readFile))) return EXIT.invalid;
  if (isNew) {
    await print(
      printableLines(
        `${nameOf(sides.new, 'new')} is not there at ${sides.old.revision ?? ''}: it is new, and there is nothing to compare it with.\n`,
      ),
    );
    return EXIT.ok;
  }
  const measure = new EffectMeasure();
  const progress = new ProgressLine(fixtures.length);
  for (const fixture of fixtures) {
    // Once more: from now on the process is in the time zone of this fixture.
    const { plans } = await plansOf(fixture, sides, readFile);
    if (plans === undefined) return EXIT.invalid;
    const onProgress = (share: number): void => progress.at(fixture.name, share);
    await measure.add({ fixture, plans, exporters, limitMs: fixture.manifest.limit, onProgress });
    progress.done(fixture.name);
  }
  const names = { oldName: nameOf(sides.old, 'old'), newName: nameOf(sides.new, 'new') };
  const remarks = renames.map(
    ({ from, to, similarity }) =>
      `${to} was ${from} at ${side.revision ?? ''}: git takes it for renamed, with ${similarity} % in common`,
  );
  return reportOf(measure.effect, { ...names, prices, top: options.top, remarks });
}

/** Before anything is replayed, which may take long. Says what is wrong as `remora validate` does, each once. */
async function areValid(fixtures: readonly Fixture[], sides: Sides, readFile: ReadFile): Promise<boolean> {
  const [errors, warnings] = [new Map<string, Problem>(), new Map<string, Problem>()];
  const missed: string[] = [];
  for (const fixture of fixtures) {
    const loaded = await plansOf(fixture, sides, readFile);
    for (const error of loaded.errors) errors.set(formatProblem(error), error);
    if (loaded.plans !== undefined) missed.push(...missedPhases(fixture, loaded.plans));
    for (const warning of loaded.warnings) warnings.set(formatProblem(warning), warning);
  }
  await printProblems([...warnings.values()], 'warning');
  await printProblems([...errors.values()], 'error');
  if ([...errors.keys()].some((error) => error.includes('environment variable')))
    process.stderr.write('note: variables are those of --env and of the manifest, not those of this shell\n');
  await tellErrors(missed);
  return errors.size + missed.length === 0;
}

/** What cannot be lost, because it was not there, proves nothing: that is as bad as a fixture without input. */
async function verdict({ totals }: EffectReport, failOn: readonly DiffFailure[]): Promise<number> {
  const counts = { 'errors-lost': totals.errorsLost, 'traces-broken': totals.tracesBroken } as const;
  const failed = failOn.filter((failure) => counts[failure] > 0);
  if (failed.length > 0)
    process.stderr.write(`failed: ${failed.map((failure) => `${failure}: ${counts[failure]}`).join(', ')}\n`);
  const idle = [...new Set(failOn)].filter((failure) => subjectsOf(totals)[failure] === 0);
  await tellErrors(idle.map((failure) => `--fail-on ${failure}: ${IDLE[failure]}, so it proves nothing`));
  if (idle.length > 0) return EXIT.invalid;
  return failed.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Of the old configuration: what may be lost. */
function subjectsOf({ errorSpans, errorLogs, old }: EffectReport['totals']): Readonly<Record<DiffFailure, number>> {
  return { 'errors-lost': errorSpans.old + errorLogs.old, 'traces-broken': old.whole };
}

const IDLE = {
  'errors-lost': 'the old configuration delivers no error of the fixture',
  'traces-broken': 'the old configuration delivers no trace of the fixture whole',
} as const;
