/** Replays before, whose turn comes first. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs something in a time zone, and gives the process its own one back. What is local time belongs to the whole process, so
 * one has it at a time: others wait.
 */
export function inZone<T>(zone: string, run: () => Promise<T>): Promise<T> {
  const turn = last.then(async () => {
    const own = process.env['TZ'];
    process.env['TZ'] = zone;
    try {
      return await run();
    } finally {
      if (own === undefined) delete process.env['TZ'];
      else process.env['TZ'] = own;
    }
  });
  last = turn.catch(() => undefined);
  return turn;
}
