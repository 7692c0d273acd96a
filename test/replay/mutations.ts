/**
 * Whether the fixtures would notice: deliberate changes of behaviour, one at a time, in a copy of the sources, and
 * `remora replay` on it. A change that no fixture turns red for survives.
 *
 *   node test/replay/mutations.ts [text in the name of a mutation]
 *
 * Prints which fixture noticed what; exit code 1 when one survives. Takes minutes, so it is not part of `npm test`.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MUTATIONS, type Mutation } from './mutation-table.ts';

const ROOT = join(import.meta.dirname, '../..');
const LIMIT_MS = 600_000;

interface Replayed {
  readonly code: number;
  readonly text: string;
}

const [, , filter = ''] = process.argv;
const copy = await mkdtemp(join(tmpdir(), 'remora-mutations-'));
try {
  for (const name of ['src', 'fixtures', 'pipelines', 'package.json']) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const before = await replayAll(copy);
  if (before.code !== 0) throw new Error(`The fixtures are red before anything is changed:\n${before.text}`);
  const chosen = MUTATIONS.filter(({ name }) => name.includes(filter));
  const survivors: string[] = [];
  for (const mutation of chosen) {
    const { code, text } = await mutated(copy, mutation);
    if (code === 0) survivors.push(mutation.name);
    process.stdout.write(
      `${code === 0 ? 'SURVIVED' : 'noticed '} ${mutation.name}\n${code === 0 ? '' : noticed(text)}`,
    );
  }
  process.stdout.write(`${chosen.length - survivors.length} of ${chosen.length} mutations were noticed\n`);
  process.exitCode = survivors.length > 0 ? 1 : 0;
} finally {
  await rm(copy, { recursive: true, force: true });
}

/** Replays with one change, and takes it back. */
async function mutated(folder: string, { name, file, from, to, seenBy }: Mutation): Promise<Replayed> {
  const path = join(folder, file);
  const source = await readFile(path, 'utf8');
  const [head, ...tails] = source.split(from);
  if (head === undefined || tails.length !== 1) {
    throw new Error(`${name}: "${from}" is ${tails.length} times in ${file}, not once.`);
  }
  await writeFile(path, head + to + tails.join(''));
  try {
    const likely = await replayAll(folder, seenBy);
    return likely.code === 0 ? await replayAll(folder) : likely;
  } finally {
    await writeFile(path, source);
  }
}

function replayAll(cwd: string, only = ''): Promise<Replayed> {
  return new Promise((resolve) => {
    const options = { cwd, timeout: LIMIT_MS, maxBuffer: 2 ** 26 };
    execFile(
      process.execPath,
      ['src/main.ts', 'replay', '--parallel', '1', '--filter', only],
      options,
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : 1, text: stdout + stderr });
      },
    );
  });
}

/** The first replay that is red, with its first difference, and how many more are. */
function noticed(text: string): string {
  const reds = text.split(/^(?=\w+ +\S+\/\S+)/m).filter((one) => /^(FAILED|INVALID)/.test(one));
  const [first = text.slice(-400)] = reds;
  const lines = first.trimEnd().split('\n').slice(0, 4);
  const more = reds.length > 1 ? `         and ${reds.length - 1} more replays\n` : '';
  return lines.map((line) => `         ${line}\n`).join('') + more;
}
