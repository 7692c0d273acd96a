import type { Writer } from '../../../otlp/writer.ts';

/** Writes seconds and nanoseconds as one fixed64 of nanoseconds, exact, without a bigint. */
export function writeNanos(writer: Writer, field: number, seconds: number, nanos: number): void {
  // seconds = high * 2^16 + low; every product stays below 2^53.
  const high = Math.floor(seconds / 65_536) * 1_000_000_000;
  const low = (seconds % 65_536) * 1_000_000_000 + nanos;
  const sum = (high % 65_536) * 65_536 + low;
  writer.fixed64Parts(field, sum % 2 ** 32, Math.floor(high / 65_536) + Math.floor(sum / 2 ** 32));
}
