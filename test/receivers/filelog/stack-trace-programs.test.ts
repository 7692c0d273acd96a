import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { traceFold } from '../../../src/receivers/filelog/operators/stack-traces.ts';
import {
  STACK_TRACE_PRESETS,
  type StackTracePreset,
} from '../../../src/receivers/filelog/operators/stack-traces/presets.ts';

/** The programs behind the recorded traces, run now, with whatever versions the machine has. */

const FIXTURES = fileURLToPath(new URL('../../../fixtures/stack-traces/', import.meta.url));
const RUN_MS = 280_000;
const NEEDS: Readonly<Record<StackTracePreset, readonly string[]>> = {
  java: ['java', 'javac'],
  python: ['python3'],
  go: ['go'],
  node: [],
  ruby: ['ruby'],
  dotnet: ['mono', 'mcs'],
  php: ['php'],
};

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

async function run(language: StackTracePreset, app: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(join(FIXTURES, 'record.sh'), [language], {
    env: { ...process.env, APP: app, NODE: process.execPath, NODE_OPTIONS: '' },
    timeout: RUN_MS,
    maxBuffer: 1 << 26,
  });
  return stdout.replaceAll(app, '/srv/app').replace(/\n$/, '').split('\n');
}

function fold(lines: readonly string[], presets: readonly StackTracePreset[]): string[] {
  const one = traceFold(presets)();
  const records: string[] = [];
  for (const line of lines) {
    if (one.continues(line) && records.length > 0) records.push(`${records.pop() ?? ''}\n${line}`);
    else records.push(line);
  }
  return records;
}

/** What a record says first after its time, without the numbers, which differ between runs and versions. */
function beginnings(records: readonly string[]): string {
  return records.map(beginning).join('\n');
}

function beginning(record: string): string {
  const [first = ''] = record.split('\n');
  return first
    .replace(/^[\d\-T:.,/ Z+]+|^[A-Z], \[[^\]]*\]/, '')
    .replace(/:in [`'].*/, ':in')
    .replaceAll(/0x[\da-f]+|\d+/g, '0')
    .replaceAll(' PM ', ' AM ')
    .slice(0, 20);
}

function recorded(language: StackTracePreset): string[] {
  const records: unknown = JSON.parse(readFileSync(join(FIXTURES, `${language}.expected.json`), 'utf8'));
  assert.ok(Array.isArray(records));
  return records.map(String);
}

describe('programs that die of exceptions now', () => {
  for (const language of STACK_TRACE_PRESETS) {
    const missing = NEEDS[language].filter((program) => !isInstalled(program));
    const skip = missing.length > 0 && `not on this machine: ${missing.join(', ')}`;

    test(`${language}: each exception is one record`, { skip, timeout: RUN_MS }, async (t) => {
      const app = realpathSync(mkdtempSync(join(tmpdir(), 'traces-')));
      t.after(() => rmSync(app, { recursive: true, force: true }));
      const lines = await run(language, app);
      const records = fold(lines, [language]);
      assert.deepEqual(fold(lines, STACK_TRACE_PRESETS), records);
      // What was recorded is of several versions in a row for some languages; this run is of one.
      const [actual, expected] = [beginnings(records), beginnings(recorded(language))];
      assert.ok(expected.includes(actual), `records begin with\n${actual}\ninstead of\n${expected}`);
    });
  }
});
