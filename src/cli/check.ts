import { components } from '../components.ts';
import { jsonSchema } from '../config/json-schema.ts';
import { loadPlan, type LoadResult } from '../config/plan.ts';
import { printComponents, printConfig } from '../config/print.ts';
import { referenceMarkdown } from '../config/reference.ts';
import { SIGNALS } from '../core/signal.ts';
import { VERSION } from '../core/version.ts';
import { printProblems } from './problems.ts';
import { EXIT, type ConfigOptions } from './options.ts';

function load(options: ConfigOptions): Promise<LoadResult> {
  return loadPlan({ ...options, env: process.env, catalog: components });
}

/** `remora validate`: everything but starting. All problems on standard error; a summary on standard output. */
export async function validate(options: ConfigOptions): Promise<number> {
  const loaded = await load(options);
  printProblems(loaded.warnings, 'warning');
  if (!loaded.ok) {
    printProblems(loaded.problems, 'error');
    process.stderr.write(`${loaded.problems.length} errors, ${loaded.warnings.length} warnings\n`);
    return EXIT.invalid;
  }
  const { pipelines } = loaded.plan;
  const counts = SIGNALS.map((signal) => `${pipelines.filter((one) => one.signal === signal).length} ${signal}`);
  process.stdout.write(`The configuration is valid: pipelines ${counts.join(', ')}; hash ${loaded.plan.hash}.\n`);
  return EXIT.ok;
}

/** `remora print-config`: as it is used, with secrets as [REDACTED]. */
export async function printEffective(options: ConfigOptions, format: 'yaml' | 'json'): Promise<number> {
  const loaded = await load(options);
  if (!loaded.ok) {
    printProblems(loaded.problems, 'error');
    return EXIT.invalid;
  }
  process.stdout.write(printConfig(loaded.plan, { format }));
  return EXIT.ok;
}

export function listComponents(): number {
  process.stdout.write(printComponents(components));
  return EXIT.ok;
}

/** `remora schema`: for editors, or with `--format markdown` the reference for people. */
export function printSchema(format: 'json' | 'markdown'): number {
  const text =
    format === 'markdown' ? referenceMarkdown(components) : `${JSON.stringify(jsonSchema(components), null, 2)}\n`;
  process.stdout.write(text);
  return EXIT.ok;
}

export function printVersion(): number {
  process.stdout.write(`remora ${VERSION} (node ${process.version})\n`);
  return EXIT.ok;
}
