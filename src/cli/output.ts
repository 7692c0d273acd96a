import { RemoraError } from '../core/errors.ts';
import { hasCode } from '../storage/private-directory.ts';

/**
 * Settles when everything written to `stream` was taken, when nobody reads any more, or after `limitMs`. A pipe takes
 * long output piece by piece, and an exit loses what it has not taken yet.
 */
export function taken(stream: NodeJS.WriteStream, limitMs?: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs);
    stream.write('', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Writes to standard output and waits until it was taken, however slow its reader is. Throws `report_unwritable` where it
 * is lost, as on a disk that is full; a reader that leaves early wants no more of it.
 */
export async function print(text: string): Promise<void> {
  const error = await new Promise<Error | null | undefined>((resolve) => process.stdout.write(text, resolve));
  if (error === null || error === undefined) return;
  if (hasCode(error, 'EPIPE') || hasCode(error, 'ERR_STREAM_DESTROYED')) return;
  throw new RemoraError('report_unwritable', `standard output cannot be written (${error.message})`, { cause: error });
}

/** Each on a line of its own; resolves when they are with the reader. */
export async function tellErrors(lines: readonly string[]): Promise<void> {
  for (const line of lines) process.stderr.write(`error: ${line}\n`);
  await taken(process.stderr);
}
