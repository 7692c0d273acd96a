/** Those who wait for the same thing to happen. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  /** Resolves when woken, or when `abort` fires. */
  wait(abort: AbortSignal): Promise<void> {
    if (abort.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        abort.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      abort.addEventListener('abort', wake, { once: true });
    });
  }

  wakeOne(): void {
    const [first] = this.#waiting;
    first?.();
  }

  wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** Resolves when the signal has fired. */
export function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
