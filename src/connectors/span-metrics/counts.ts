import type { Writer } from '../../otlp/writer.ts';

/** Counts are numbers: exact up to 2^53, which only adjusted counts could pass, and never more than 64 bits hold. */
export const MAX_COUNT = 2 ** 63 - 1024;

/** A fixed64 or sfixed64. */
export function writeCount(writer: Writer, field: number, count: number): void {
  const bounded = Math.min(count, MAX_COUNT);
  writer.fixed64Parts(field, bounded % 2 ** 32, Math.floor(bounded / 2 ** 32));
}

/** The same without a tag: an element of a packed list. */
export function writeRawCount(writer: Writer, count: number): void {
  const bounded = Math.min(count, MAX_COUNT);
  writer.rawFixed64Parts(bounded % 2 ** 32, Math.floor(bounded / 2 ** 32));
}
