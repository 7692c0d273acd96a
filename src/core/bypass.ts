/**
 * Delivery only: while `active`, what samples, filters or limits data stands aside. One object for a whole service, read
 * once for each batch. What protects the process (memory, queues) does not ask.
 */
export interface Bypass {
  readonly active: boolean;
  /** `begun` is called each time it begins, for those that hold somebody back by a limit. Registered for good. */
  onBegin(begun: () => void): void;
}
