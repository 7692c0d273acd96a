import { parseNumber } from '../../core/go-number.ts';
import type { ItemView } from '../../otlp/sampling/item-view.ts';
import { KEEP_ALL, KEEP_NONE, MIN_PROBABILITY, thresholdOf, type Threshold } from '../../otlp/sampling/threshold.ts';
import { readAnyValue, type AttributeValue } from '../../otlp/value.ts';
import { Cursor } from '../../otlp/wire.ts';

/** Attribute of spans. Source: OpenTracing, semantic conventions, span tags. */
export const SPAN_PRIORITY = 'sampling.priority';

const cursor = new Cursor();

/**
 * What the attribute at `index` demands for a span: 0 to drop it, more to keep it, as a number or its text; undefined
 * for anything else.
 */
export function spanPriority(span: ItemView, index: number): Threshold | undefined {
  const value = numberOf(read(span, index));
  if (value === undefined || !(value >= 0)) return undefined;
  return value === 0 ? KEEP_NONE : KEEP_ALL;
}

/** The share that the attribute at `index` demands for a log record, a number of percent; undefined when it is no share. */
export function logPriority(record: ItemView, index: number, precision: number): Threshold | undefined {
  const value = read(record, index);
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const share = Number(value) / 100;
  return share >= MIN_PROBABILITY && share <= 1 ? thresholdOf(share, precision) : undefined;
}

function read(item: ItemView, index: number): AttributeValue {
  if (!item.valueOf(index, cursor)) return null;
  const value = readAnyValue(cursor);
  cursor.reset(EMPTY, 0, 0);
  return value;
}

const EMPTY = new Uint8Array(0);

function numberOf(value: AttributeValue): number | undefined {
  if (typeof value === 'string') return parseNumber(value);
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}
