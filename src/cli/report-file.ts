import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../core/errors.ts';
import { madeDirectory } from '../storage/made-directory.ts';
import { hasCode } from '../storage/private-directory.ts';
import { tellErrors } from './output.ts';

/** A pipe whose reader takes nothing for so long is given up, unless it is said otherwise. */
const PATIENCE_MS = 5_000;
const ASKED_EVERY_MS = 20;

/** Nothing waits where it leads: a pipe that nobody reads says so (ENXIO), and a full one that it is (EAGAIN). */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

/** Writes a report; false after it was told why it cannot be written. */
export async function isWritten(path: string, text: string): Promise<boolean> {
  try {
    await writeReport(path, text);
    return true;
  } catch (error) {
    await tellErrors([`${path}: cannot be written (${errorMessage(error)})`]);
    return false;
  }
}

/**
 * Writes a report, in a folder that is made where it is not there: CI systems collect reports from folders of their own.
 * Rejects where it cannot be written, after seconds at most, wherever it goes.
 */
export async function writeReport(path: string, text: string, patienceMs = PATIENCE_MS): Promise<void> {
  await madeDirectory(dirname(path));
  const file = await open(path, FLAGS, 0o666).catch((error: unknown) => {
    if (!hasCode(error, 'ENXIO')) throw error;
    throw new Error('it is a pipe or a socket, and nobody reads from it', { cause: error });
  });
  try {
    await writeAll(file, Buffer.from(text), patienceMs);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, patienceMs: number): Promise<void> {
  let waitedMs = 0;
  for (let at = 0; at < bytes.length;) {
    const written = await tryWrite(file, bytes.subarray(at));
    at += written;
    waitedMs = written > 0 ? 0 : waitedMs + ASKED_EVERY_MS;
    if (waitedMs > patienceMs) throw new Error(`its reader took nothing for ${patienceMs / 1000} s`);
    if (written === 0) await sleep(ASKED_EVERY_MS);
  }
}

/** Bytes that were taken; 0 while there is no room. */
async function tryWrite(file: FileHandle, bytes: Buffer): Promise<number> {
  try {
    return (await file.write(bytes)).bytesWritten;
  } catch (error) {
    if (hasCode(error, 'EAGAIN')) return 0;
    throw error;
  }
}
