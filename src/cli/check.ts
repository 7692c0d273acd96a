import { components } from '../components.ts';
import { budgetLine } from '../config/memory-budget.ts';
import { jsonSchema } from '../config/json-schema.ts';
import { loadPlan, type LoadResult } from '../config/plan.ts';
import { printComponents, printConfig } from '../config/print.ts';
import { referenceMarkdown } from '../config/reference.ts';
import { SIGNALS } from '../core/signal.ts';
import { VERSION } from '../core/version.ts';
import { EXIT, type ConfigOptions } from './options.ts';
import { print } from './output.ts';
import { printProblems } from './problems.ts';

function load(options: ConfigOptions): Promise<LoadResult> {
  return loadPlan({ ...options, env: process.env, catalog: components });
}

/** `remora validate`: everything but starting. All problems on standard error; a summary on standard output. */
export async function validate(options: ConfigOptions): Promise<number> {
  const loaded = await load(options);
  await printProblems(loaded.warnings, 'warning');
  if (!loaded.ok) {
    await printProblems(loaded.problems, 'error');
    process.stderr.write(`${counted(loaded.problems, 'error')}, ${counted(loaded.warnings, 'warning')}\n`);
    return EXIT.invalid;
  }
  const { pipelines } = loaded.plan;
  const counts = SIGNALS.map((signal) => `${pipelines.filter((one) => one.signal === signal).length} ${signal}`);
  await print(`The configuration is valid: pipelines ${counts.join(', ')}; hash ${loaded.plan.hash}.\n`);
  await print(`${budgetLine(loaded.plan.memory)}\n`);
  return EXIT.ok;
}

function counted({ length }: readonly unknown[], noun: string): string {
  return `${length} ${noun}${length === 1 ? '' : 's'}`;
}

/** `remora print-config`: as it is used, with secrets as [REDACTED]. */
export async function printEffective(options: ConfigOptions, format: 'yaml' | 'json'): Promise<number> {
  const loaded = await load(options);
  if (!loaded.ok) {
    await printProblems(loaded.problems, 'error');
    return EXIT.invalid;
  }
  await print(printConfig(loaded.plan, { format }));
  return EXIT.ok;
}

export async function listComponents(): Promise<number> {
  await print(printComponents(components));
  return EXIT.ok;
}

/** `remora schema`: for editors, or with `--format markdown` the reference for people. */
export async function printSchema(format: 'json' | 'markdown'): Promise<number> {
  const text =
    format === 'markdown' ? referenceMarkdown(components) : `${JSON.stringify(jsonSchema(components), null, 2)}\n`;
  await print(text);
  return EXIT.ok;
}

export async function printVersion(): Promise<number> {
  await print(`remora ${VERSION} (node ${process.version})\n`);
  return EXIT.ok;
}
