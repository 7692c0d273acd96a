import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { numberedLines } from './line-upstream.ts';

/**
 * A program that writes numbered lines at a steady rate, as applications do: `node writer.ts PATH FIRST COUNT PER_SECOND HOW`.
 *
 * HOW is `append` (opened once, with O_APPEND), `stale` (opened once, without it: after a truncation it goes on where it
 * was) or `reopen` (opened again as soon as its path leads elsewhere, as a program does that is told of rotations).
 */
type How = 'append' | 'stale' | 'reopen';

const TICK_MS = 20;

async function write(path: string, first: number, count: number, perSecond: number, how: How): Promise<void> {
  const flags = how === 'stale' ? 'w' : 'a';
  let fd = openSync(path, flags);
  let ino = statSync(path).ino;
  const fromMs = performance.now();
  for (let written = 0; written < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - fromMs) / 1000) * perSecond));
    if (due > written) {
      writeSync(fd, numberedLines(first + written, due - written));
      written = due;
    }
    const now = statSync(path, { throwIfNoEntry: false })?.ino;
    if (how === 'reopen' && now !== ino) {
      closeSync(fd);
      fd = openSync(path, flags);
      ino = statSync(path).ino;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  closeSync(fd);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [path = '', first, count, perSecond, how] = process.argv.slice(2);
  if (how !== 'append' && how !== 'stale' && how !== 'reopen') throw new Error(`no such way to write: ${how ?? ''}`);
  await write(path, Number(first), Number(count), Number(perSecond), how);
}
