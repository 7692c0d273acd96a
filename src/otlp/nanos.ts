/** A time in nanoseconds since the epoch as the two halves of a fixed64; remembers the last, since most are equal. */
export class Nanos {
  low = 0;
  high = 0;
  #ms = 0;

  /** Milliseconds, with microseconds as their fraction. Times before the epoch become 0, which OTLP calls unknown. */
  set(ms: number): void {
    if (ms === this.#ms) return;
    this.#ms = ms;
    const micros = Math.max(0, Math.round(ms * 1000));
    // micros * 1000 is above 2^53: multiply the halves.
    const low = (micros % 2 ** 32) * 1000;
    this.low = low >>> 0;
    this.high = Math.floor(micros / 2 ** 32) * 1000 + Math.floor(low / 2 ** 32);
  }
}
