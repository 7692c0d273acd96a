/**
 * Whether the fixtures would notice: deliberate changes of behaviour, one at a time, in copies of the sources, and
 * `remora replay` on each. A change that turns no fixture red survives; one whose report does not name what changed is
 * unclear.
 *
 *   node test/replay/mutations/run.ts [--filter <text in the name of a mutation>] [--parallel <processes>]
 *
 * Prints which replay noticed what; exit code 1 when one survives or is unclear. Takes minutes, so it is not part of
 * `npm test`, which checks that every component has mutations and that each still applies.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Mutation } from './mutation.ts';
import { mutated, MUTATIONS, nameOf } from './table.ts';

const ROOT = join(import.meta.dirname, '../../..');
const LIMIT_MS = 300_000;

interface Replayed {
  readonly isRed: boolean;
  readonly text: string;
}

const { values } = parseArgs({ options: { filter: { type: 'string' }, parallel: { type: 'string' } } });
const { filter = '', parallel = '2' } = values;
const chosen = MUTATIONS.filter((mutation) => nameOf(mutation).includes(filter));
const startedMs = performance.now();
const folder = await mkdtemp(join(tmpdir(), 'remora-mutations-'));
try {
  await checkUnchanged(await copyOf('unchanged'));
  const waiting = chosen.values();
  const outcomes = await Promise.all(
    Array.from({ length: Number(parallel) }, (_, index) => workThrough(waiting, `copy-${index}`)),
  );
  const bad = outcomes.reduce((sum, one) => sum + one, 0);
  const tookS = Math.round((performance.now() - startedMs) / 1000);
  process.stdout.write(`${chosen.length - bad} of ${chosen.length} mutations were noticed, in ${tookS} s\n`);
  process.exitCode = bad > 0 ? 1 : 0;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Nothing says anything about fixtures that are red anyway. */
async function checkUnchanged(copy: string): Promise<void> {
  const asked = filter === '' ? [''] : new Set(chosen.map(({ seenBy }) => seenBy));
  for (const only of asked) {
    const { isRed, text } = await replay(copy, only);
    if (isRed) throw new Error(`The fixtures are red before anything is changed:\n${text}`);
  }
}

/** How many were not noticed. */
async function workThrough(waiting: Iterable<Mutation>, name: string): Promise<number> {
  const copy = await copyOf(name);
  let bad = 0;
  for (const mutation of waiting) {
    const { isRed, text } = await withMutation(copy, mutation);
    const isClear = isRed && mutation.tells.test(text);
    if (!isClear) bad += 1;
    const verdict = isClear ? 'noticed ' : isRed ? 'UNCLEAR ' : 'SURVIVED';
    process.stdout.write(`${verdict} ${nameOf(mutation)}\n${isRed ? noticed(text, mutation.tells) : ''}`);
  }
  return bad;
}

async function copyOf(name: string): Promise<string> {
  const copy = join(folder, name);
  for (const part of ['src', 'fixtures', 'pipelines', 'package.json']) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Replays with one change, and takes it back. */
async function withMutation(copy: string, mutation: Mutation): Promise<Replayed> {
  const path = join(copy, mutation.file);
  const source = await readFile(path, 'utf8');
  await writeFile(path, mutated(source, mutation));
  try {
    const likely = await replay(copy, mutation.seenBy);
    return likely.isRed ? likely : await replay(copy, '');
  } finally {
    await writeFile(path, source);
  }
}

function replay(cwd: string, only: string): Promise<Replayed> {
  return new Promise((resolve) => {
    const args = ['src/main.ts', 'replay', '--parallel', '1', '--filter', only];
    execFile(process.execPath, args, { cwd, timeout: LIMIT_MS, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ isRed: error !== null, text: stdout + stderr });
    });
  });
}

/** The first replay that is red, with what names the change in it, and how many more are. */
function noticed(text: string, tells: RegExp): string {
  const reds = text.split(/^(?=\w+ +\S+\/\S+)/m).filter((one) => /^(FAILED|INVALID)/.test(one));
  const red = reds.find((one) => tells.test(one)) ?? reds[0] ?? text.slice(-400);
  const [head = '', ...lines] = red.trimEnd().split('\n');
  const at = Math.max(
    0,
    lines.findIndex((line) => tells.test(line)),
  );
  const shown = [head, ...lines.slice(Math.max(0, at - 1), at + 2)];
  const more = reds.length > 1 ? `         and ${reds.length - 1} more replays\n` : '';
  return shown.map((line) => `         ${line.slice(0, 200)}\n`).join('') + more;
}
