import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

export interface Rotation {
  readonly maxBytes: number;
  /** 0 keeps files whatever their age. */
  readonly maxAgeMs: number;
  /** 0 keeps all. */
  readonly maxBackups: number;
  readonly localTime: boolean;
}

/**
 * Moves the full file at `path` out of the way, to `name-2026-01-02T15-04-05.000.ext` beside it (the names of
 * lumberjack, which the Collector uses), then removes the backups that are too many or too old.
 */
export async function rotate(path: string, rotation: Rotation, nowMs: number): Promise<void> {
  const backups = await findBackups(path, rotation.localTime);
  // Names keep the order of the files even when two are made in one millisecond or the clock goes back.
  const atMs = Math.max(nowMs, (backups[0]?.atMs ?? 0) + 1);
  const name = backupName(path, rotation.localTime, atMs);
  await rename(path, name);
  await removeOld(dirname(path), [{ name: basename(name), atMs }, ...backups], rotation, nowMs);
}

export function backupName(path: string, localTime: boolean, nowMs: number): string {
  const shiftMs = localTime ? new Date(nowMs).getTimezoneOffset() * -60_000 : 0;
  const stamp = new Date(nowMs + shiftMs).toISOString().slice(0, 23).replaceAll(':', '-');
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${stamp}${extension}`);
}

interface Backup {
  readonly name: string;
  readonly atMs: number;
}

/** Newest first. */
async function findBackups(path: string, localTime: boolean): Promise<Backup[]> {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const backups: Backup[] = [];
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || !name.endsWith(extension)) continue;
    const atMs = parseStamp(name.slice(prefix.length, name.length - extension.length), localTime);
    if (atMs !== undefined) backups.push({ name, atMs });
  }
  return backups.sort((a, b) => b.atMs - a.atMs);
}

async function removeOld(directory: string, backups: readonly Backup[], rotation: Rotation, nowMs: number) {
  for (const [index, { name, atMs }] of backups.entries()) {
    const tooMany = rotation.maxBackups > 0 && index >= rotation.maxBackups;
    const tooOld = rotation.maxAgeMs > 0 && nowMs - atMs > rotation.maxAgeMs;
    if (tooMany || tooOld) await rm(join(directory, name), { force: true });
  }
}

function parseStamp(stamp: string, localTime: boolean): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(stamp);
  if (match === null) return undefined;
  const atMs = Date.parse(
    `${match[1] ?? ''}T${match[2] ?? ''}:${match[3] ?? ''}:${match[4] ?? ''}${localTime ? '' : 'Z'}`,
  );
  return Number.isNaN(atMs) ? undefined : atMs;
}
