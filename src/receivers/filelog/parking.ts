import type { FileStats } from '../../core/file-system.ts';
import type { TrackedFile } from './tracked-file.ts';

/** A file that no path matches is kept this long after it last grew, in case its writer still holds it; the shorter time
 * when it was removed, or when there are very many such files. */
const REMOVED_LINGER_MS = 5_000;
const RENAMED_LINGER_MS = 60_000;

/** With files waiting, one that always has more to read keeps its descriptor this long before another has its turn. */
const TURN_MS = 10_000;

/** True for a file that was rotated away and whose writer may still hold it, at this wall time. */
export function mayStillGrow({ modifiedMs }: FileStats, nowMs: number): boolean {
  return nowMs - modifiedMs < RENAMED_LINGER_MS;
}

/** True for a file that was rotated away or removed, and read, when its writer had the time to let go of it. */
export function isLeft(file: TrackedFile, nowMs: number, isCrowded: boolean): boolean {
  if (file.matched || file.acked < file.size) return false;
  const idleMs = nowMs - Math.max(file.grewMs, file.unmatchedMs);
  if (idleMs < REMOVED_LINGER_MS) return false;
  return isCrowded || idleMs >= RENAMED_LINGER_MS || file.currentStats().links === 0;
}

/** Everything that was seen of the file is read and acknowledged. */
export function isDone(file: TrackedFile): boolean {
  return file.acked >= file.size && isAtRest(file);
}

/**
 * True for a file that can be closed and found again: a path leads to it, nothing of it is under way, and it either has
 * nothing to read or had its turn.
 */
export function canGiveWay(file: TrackedFile, nowMs: number): boolean {
  if (!file.matched || file.closed || !isAtRest(file)) return false;
  if (file.acked >= file.size) return !file.keepsPlace || file.size === 0;
  return nowMs - file.openedMs >= TURN_MS;
}

/** The first to go last: files that are done, the longest quiet first, and then those that had their turn. */
export function parkingOrder(files: Iterable<TrackedFile>, nowMs: number): TrackedFile[] {
  const order = [...files].filter((file) => canGiveWay(file, nowMs));
  return order.sort((a, b) => Number(isDone(a)) - Number(isDone(b)) || restingSinceMs(b) - restingSinceMs(a));
}

function restingSinceMs(file: TrackedFile): number {
  return isDone(file) ? file.grewMs : file.openedMs;
}

function isAtRest(file: TrackedFile): boolean {
  const isSettled = file.ranges.length === 0 && file.held.size === 0 && file.toRestore.length === 0;
  return isSettled && !file.holdsLines && !file.paused && !file.inTurn;
}
