import type { DiskFile } from '../disk.ts';

const TRIES = 4;
const FIRST_PAUSE_MS = 50;
const BLOCK_BYTES = 4096;

/**
 * Reads all of it; what cannot be read after a few tries is zeros, which no checksum fits. `pause` answers false when
 * there is no time for another try.
 */
export async function readAround(
  file: DiskFile,
  into: Buffer,
  position: number,
  pause: (ms: number) => Promise<boolean> = () => Promise.resolve(true),
): Promise<void> {
  for (let tries = 1, pauseMs = FIRST_PAUSE_MS; tries <= TRIES; tries++, pauseMs *= 2) {
    try {
      into.fill(0, await file.read(into, position));
      return;
    } catch {
      if (tries < TRIES && !(await pause(pauseMs))) return;
    }
  }
  for (let at = 0; at < into.length; at += BLOCK_BYTES) {
    const block = into.subarray(at, at + BLOCK_BYTES);
    try {
      block.fill(0, await file.read(block, position + at));
    } catch {
      block.fill(0);
    }
  }
}
