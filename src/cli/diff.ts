import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { RemoraError } from '../core/errors.ts';
import { EffectMeasure } from '../replay/effect/effect.ts';
import { effectHtml } from '../replay/effect/html-report.ts';
import { effectMarkdown } from '../replay/effect/markdown-report.ts';
import { plansOf } from '../replay/effect/plans.ts';
import { readPrices } from '../replay/effect/prices.ts';
import { reportOf, type EffectReport } from '../replay/effect/sections.ts';
import { effectText } from '../replay/effect/text-report.ts';
import { openFixture } from '../replay/fixture/fixture.ts';
import { foldersOf } from '../replay/jobs.ts';
import { EXIT, usage } from './options.ts';
import { print } from './output.ts';
import { ProgressLine } from './progress-line.ts';

/** What `--fail-on` knows. */
const FAILURES = ['errors-lost', 'traces-broken'] as const;
type Failure = (typeof FAILURES)[number];

interface DiffOptions {
  readonly old: string;
  readonly new: string;
  readonly fixtures: readonly string[];
  readonly set: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly exporters: readonly string[] | undefined;
  readonly prices: string | undefined;
  readonly format: 'text' | 'markdown';
  readonly html: string | undefined;
  readonly failOn: readonly Failure[];
  readonly top: number;
}

/** `remora diff`: 0, or 1 for what `--fail-on` names, or 2 for what cannot be replayed. */
export async function diff(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  try {
    const report = await measured(options);
    await print(options.format === 'markdown' ? effectMarkdown(report) : effectText(report));
    if (options.html !== undefined) await writeFile(options.html, effectHtml(report));
    return verdict(report, options.failOn);
  } catch (error) {
    if (!(error instanceof RemoraError && INVALID.has(error.code))) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return EXIT.invalid;
  }
}

const INVALID: ReadonlySet<string> = new Set([
  'fixture_invalid',
  'config_invalid',
  'config_unreadable',
  'prices_invalid',
  'replay_stuck',
]);

async function measured(options: DiffOptions): Promise<EffectReport> {
  const prices = options.prices === undefined ? undefined : await readPrices(options.prices);
  const folders = await foldersOf(options.fixtures);
  const fixtures = await Promise.all(folders.map(openFixture));
  const measure = new EffectMeasure();
  const progress = new ProgressLine(fixtures.length);
  for (const fixture of fixtures) {
    const plans = await plansOf(fixture, options);
    await measure.add({
      fixture,
      plans,
      exporters: options.exporters,
      limitMs: fixture.manifest.limit,
      onProgress: (share) => progress.at(fixture.name, share),
    });
    progress.done(fixture.name);
  }
  return reportOf(measure.effect, { oldName: options.old, newName: options.new, prices, top: options.top });
}

function verdict({ totals }: EffectReport, failOn: readonly Failure[]): number {
  const counts = { 'errors-lost': totals.errorsLost, 'traces-broken': totals.tracesBroken } as const;
  const failed = failOn.filter((failure) => counts[failure] > 0);
  if (failed.length === 0) return EXIT.ok;
  const text = failed.map((failure) => `${failure}: ${counts[failure]}`).join(', ');
  process.stderr.write(`failed: ${text}\n`);
  return EXIT.failed;
}

function optionsOf(args: readonly string[]): DiffOptions {
  const { values, positionals } = parseArgs({ args: [...args], options: DIFF, allowPositionals: true });
  const [old, now, ...others] = positionals;
  if (old === undefined || now === undefined || others.length > 0)
    throw usage('Name two configurations: remora diff old.yaml new.yaml --fixture <folder>.');
  const { fixture = [], set = [], env = [], exporter, prices, format = 'text', html, top = '10' } = values;
  if (fixture.length === 0) throw usage('Name a recording with --fixture <folder>.');
  if (format !== 'text' && format !== 'markdown') throw usage('--format takes text or markdown.');
  if (!/^[1-9]\d{0,5}$/.test(top)) throw usage('--top takes a number.');
  return {
    old,
    new: now,
    fixtures: fixture,
    set,
    env: Object.fromEntries(env.map(variable)),
    exporters: exporter,
    prices,
    format,
    html,
    failOn: (values['fail-on'] ?? []).flatMap((list) => list.split(',')).map(failure),
    top: Number(top),
  };
}

function variable(text: string): [string, string] {
  const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw usage('--env takes NAME=value.');
  return [name, value];
}

function failure(text: string): Failure {
  const known = FAILURES.find((one) => one === text.trim());
  if (known === undefined) throw usage(`--fail-on takes ${FAILURES.join(' and ')}.`);
  return known;
}

const DIFF = {
  fixture: { type: 'string', multiple: true },
  set: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  exporter: { type: 'string', multiple: true },
  prices: { type: 'string' },
  format: { type: 'string' },
  html: { type: 'string' },
  'fail-on': { type: 'string', multiple: true },
  top: { type: 'string' },
} as const;
