import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { sleep, type Clock } from '../core/clock.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import { mustBeOurs, NotOurs } from './disk.ts';
import { hasCode } from './private-directory.ts';

export interface DirectoryLockOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** How long to wait for another process to let go of it. */
  readonly timeoutMs: number;
}

export interface DirectoryLock {
  /** Idempotent. The end of the process, however it comes, does the same. */
  release(): void;
}

const POLL_MS = 50;
/** Node cannot lock a file itself, SQLite can: a lock of the kernel, which ends with the process and leaves nothing stale. */
const FILE = 'lock.db';
const SQLITE_BUSY = 5;

/**
 * Makes this process the only one that uses the directory, whatever else runs in this container or another on the same
 * machine. Throws storage_failed when another one has it for longer than the timeout, or when the file system has no
 * locks.
 */
export async function lockDirectory({ directory, clock, timeoutMs }: DirectoryLockOptions): Promise<DirectoryLock> {
  const path = join(directory, FILE);
  await prepareFile(path);
  const { DatabaseSync } = await import('node:sqlite');
  const untilMs = clock.monotonic() + timeoutMs;
  const never = new AbortController().signal;
  for (;;) {
    const lock = tryLock(DatabaseSync, path);
    if (lock !== undefined) return lock;
    if (clock.monotonic() >= untilMs) throw inUse(directory);
    await sleep(clock, POLL_MS, never);
  }
}

/** Undefined when another process holds it. */
function tryLock(Database: typeof DatabaseSync, path: string): DirectoryLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new Database(path);
    // No journal: nothing is ever written, so that a full disk and a crash leave nothing behind.
    database.exec('PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
    const held = database;
    return {
      release: () => {
        if (held.isOpen) held.close();
      },
    };
  } catch (error) {
    if (database?.isOpen === true) database.close();
    if (isBusy(error)) return undefined;
    throw new RemoraError(
      'storage_failed',
      `The storage directory cannot be locked with ${path}: ${errorMessage(error)}. It must be on a file system with locks; a network share often has none.`,
      { cause: error },
    );
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

async function prepareFile(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return mustNotBePlanted(path);
    const message = `The storage directory cannot be locked: ${errorMessage(error)}.`;
    throw new RemoraError('storage_failed', message, { cause: error });
  }
}

async function mustNotBePlanted(path: string): Promise<void> {
  try {
    mustBeOurs(path, await lstat(path));
  } catch (error) {
    const message = error instanceof NotOurs ? `${error.message}. Look at it, then delete it.` : errorMessage(error);
    throw new RemoraError('storage_failed', message, { cause: error });
  }
}

function inUse(directory: string): RemoraError {
  return new RemoraError(
    'storage_failed',
    `The storage directory ${directory} is in use by another process. Give each instance a directory of its own, or stop the other one.`,
  );
}
