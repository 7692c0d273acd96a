/** What a share of the memory budget is for, of those that components ask for themselves. */
export type ClaimedShare =
  /** Bytes read and not acknowledged, and lines that wait for the rest of their record. */
  | 'reading'
  /** Telemetry held back for a decision, such as traces that are not complete. */
  | 'buffers'
  /** Tables of what was seen. */
  | 'caches';

/**
 * Memory that one instance of a component may hold at most, so that the sum can be checked before anything starts.
 * Sending queues and bodies of requests are the host's and are not claimed.
 */
export interface MemoryClaim {
  readonly share: ClaimedShare;
  readonly bytes: number;
  /** From the component to the setting that decides it; empty where none does. */
  readonly path: readonly (string | number)[];
}
