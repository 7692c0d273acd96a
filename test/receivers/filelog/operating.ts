import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { records, startRig, tempDirectory, type LogRecord, type Rig } from './support.ts';

export interface Processed {
  readonly rig: Rig;
  readonly all: LogRecord[];
}

/** The records that a receiver with these operators makes of a file with these lines. */
export async function process(
  t: TestContext,
  lines: string,
  operators: readonly object[],
  config: object = {},
): Promise<Processed> {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, lines);
  const rig = await startRig(t, {
    include: [path],
    start_at: 'beginning',
    include_file_name: false,
    operators,
    ...config,
  });
  await rig.stop();
  return { rig, all: records(rig.consumer.batches) };
}

/** What is wrong with the operators, as `path: message` below `operators`. */
export function issuesOf(operators: readonly unknown[]): string[] {
  const parsed = filelogReceiver.parse({ include: ['/x'], operators });
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`);
}
