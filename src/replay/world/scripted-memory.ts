import type { Clock } from '../../core/clock.ts';
import type { Memory } from '../../core/outside.ts';
import type { MemoryPhase } from '../input.ts';

/** A container of a usual size: what limits are shares of, wherever a replay runs. */
export const CONTAINER_BYTES = 2 ** 30;

/**
 * Memory that follows a script, for limiters and for the guard. What the process that replays has is nobody's business:
 * none is used where the script says nothing, and a collection frees none.
 */
export function scriptedMemory(
  clock: Clock,
  startMs: number,
  script: readonly MemoryPhase[],
): Memory & { dataBytes(): number; collect(): void } {
  const usedBytes = (): number => {
    const atMs = clock.now() - startMs;
    return script.find(({ fromMs, untilMs }) => atMs >= fromMs && atMs < untilMs)?.usedBytes ?? 0;
  };
  return {
    residentBytes: usedBytes,
    containerBytes: usedBytes,
    totalBytes: () => CONTAINER_BYTES,
    dataBytes: usedBytes,
    collect: () => undefined,
  };
}
