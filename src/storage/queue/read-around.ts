import type { DiskFile } from '../disk.ts';

const TRIES = 4;
const FIRST_PAUSE_MS = 50;
const BLOCK_BYTES = 4096;

/**
 * - all: every byte there is.
 * - some: blocks of it cannot be read and are zeros, which no checksum fits.
 * - none: nothing can be read, which says more of the disk than of what is on it.
 */
export type Readable = 'all' | 'some' | 'none';

/** Reads all that can be read, after a few tries. `pause` answers false when there is no time for another try. */
export async function readAround(
  file: DiskFile,
  into: Buffer,
  position: number,
  pause: (ms: number) => Promise<boolean> = () => Promise.resolve(true),
): Promise<Readable> {
  for (let tries = 1, pauseMs = FIRST_PAUSE_MS; tries <= TRIES; tries++, pauseMs *= 2) {
    try {
      into.fill(0, await file.read(into, position));
      return 'all';
    } catch {
      if (tries < TRIES && !(await pause(pauseMs))) return 'none';
    }
  }
  return readBlocks(file, into, position);
}

async function readBlocks(file: DiskFile, into: Buffer, position: number): Promise<Readable> {
  let read = 0;
  let failed = 0;
  for (let at = 0; at < into.length; at += BLOCK_BYTES) {
    const block = into.subarray(at, at + BLOCK_BYTES);
    try {
      block.fill(0, await file.read(block, position + at));
      read += 1;
    } catch {
      block.fill(0);
      failed += 1;
    }
  }
  if (failed === 0) return 'all';
  return read === 0 ? 'none' : 'some';
}
