import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls until `condition` holds, for what only the operating system can tell; fails after `limitMs`. The limit only ends a
 * test that would wait for ever: it is far longer than anything takes on the slowest machine.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 120_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`Waited ${limitMs} ms in vain until ${what}.`);
    await pause(5);
  }
}
