/** When a fault is on, in milliseconds since the extension started. */
export interface Schedule {
  readonly startAfterMs: number;
  /** How long each window is; undefined never ends. */
  readonly durationMs: number | undefined;
  /** From the beginning of a window to that of the next; undefined: there is one. More than the duration. */
  readonly everyMs: number | undefined;
  /** Nothing is on from here on. */
  readonly stopAfterMs: number;
}

export function isOpen({ startAfterMs, durationMs, everyMs, stopAfterMs }: Schedule, elapsedMs: number): boolean {
  const sinceMs = elapsedMs - startAfterMs;
  if (sinceMs < 0 || elapsedMs >= stopAfterMs) return false;
  if (durationMs === undefined) return true;
  return (everyMs === undefined ? sinceMs : sinceMs % everyMs) < durationMs;
}

/** When `isOpen` changes next, later than `elapsedMs`; undefined when it does not any more. */
export function nextChangeMs(schedule: Schedule, elapsedMs: number): number | undefined {
  const { startAfterMs, durationMs, everyMs, stopAfterMs } = schedule;
  if (elapsedMs >= stopAfterMs) return undefined;
  const isOn = isOpen(schedule, elapsedMs);
  const atMs = nextEdgeMs({ startAfterMs, durationMs, everyMs }, elapsedMs);
  if (atMs < stopAfterMs) return atMs;
  return isOn && stopAfterMs !== Number.POSITIVE_INFINITY ? stopAfterMs : undefined;
}

/** The next beginning or end of a window, as if they went on for ever; infinity when there is none. */
function nextEdgeMs({ startAfterMs, durationMs, everyMs }: Omit<Schedule, 'stopAfterMs'>, elapsedMs: number): number {
  if (elapsedMs < startAfterMs) return startAfterMs;
  if (durationMs === undefined) return Number.POSITIVE_INFINITY;
  const window = everyMs === undefined ? 0 : Math.floor((elapsedMs - startAfterMs) / everyMs);
  const beganMs = startAfterMs + window * (everyMs ?? 0);
  if (elapsedMs < beganMs + durationMs) return beganMs + durationMs;
  return everyMs === undefined ? Number.POSITIVE_INFINITY : beganMs + everyMs;
}
