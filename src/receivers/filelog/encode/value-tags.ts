import { putVarint, varintSize } from '../../../otlp/writer.ts';

/**
 * Tags of attribute values, one byte each.
 *
 *   message KeyValue { string key = 1; AnyValue value = 2; }
 *   message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
 *     double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
 *   message ArrayValue { repeated AnyValue values = 1; }       message KeyValueList { repeated KeyValue values = 1; }
 */
export const KEY = 0x0a;
export const VALUE = 0x12;
export const STRING = 0x0a;
export const BOOL = 0x10;
export const INT = 0x18;
export const DOUBLE = 0x21;
export const ARRAY = 0x2a;
export const KVLIST = 0x32;
export const VALUES = 0x0a;

/** Fills in a length for which one byte was kept; what follows, up to `at`, moves up when it needs more. */
export function closeLength(out: Buffer, mark: number, at: number): number {
  const length = at - mark - 1;
  const size = length < 0x80 ? 1 : varintSize(length);
  if (size > 1) out.copyWithin(mark + size, mark + 1, at);
  putVarint(out, mark, length);
  return at + size - 1;
}
