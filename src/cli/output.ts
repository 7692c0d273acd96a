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

/** Writes to standard output and waits until it was taken, however slow its reader is. */
export async function print(text: string): Promise<void> {
  process.stdout.write(text);
  await taken(process.stdout);
}

/** Each on a line of its own; resolves when they are with the reader. */
export async function tellErrors(lines: readonly string[]): Promise<void> {
  for (const line of lines) process.stderr.write(`error: ${line}\n`);
  await taken(process.stderr);
}
