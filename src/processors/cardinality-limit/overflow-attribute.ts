import { Cursor, LEN } from '../../otlp/wire.ts';
import { writeKeyValue } from '../../otlp/value.ts';
import { Writer } from '../../otlp/writer.ts';

/** The one attribute of an overflow series (specification, metrics/sdk.md, "Overflow attribute"). */
const OVERFLOW_KEY = 'otel.metric.overflow';

/** The content of its KeyValue. */
export const OVERFLOW_ENTRY = entry();

function entry(): Uint8Array {
  const writer = new Writer(64);
  writeKeyValue(writer, 1, OVERFLOW_KEY, true);
  // Without the tag and the length around it.
  return writer.take().subarray(2);
}

/** Whether one of the attributes of a data point is this one. `field` is the number of its attributes. */
export function isOverflowSet(bytes: Uint8Array, start: number, end: number, field: number): boolean {
  for (fields.reset(bytes, start, end); fields.next();) {
    if (fields.field === field && fields.wireType === LEN && fields.equals(OVERFLOW_ENTRY)) return true;
  }
  return false;
}

const fields = new Cursor();
