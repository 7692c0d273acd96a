import type { Signal } from '../core/signal.ts';
import { METRIC, METRIC_DATA, REQUEST, RESOURCE_X, SCOPE_X } from './fields.ts';
import { Cursor, LEN } from './wire.ts';

const requestCursor = new Cursor();
const resourceCursor = new Cursor();
const scopeCursor = new Cursor();
const itemCursor = new Cursor();
const dataCursor = new Cursor();
const CURSORS = [requestCursor, resourceCursor, scopeCursor, itemCursor, dataCursor];
const EMPTY = new Uint8Array(0);

/**
 * Items in the bytes of an ExportXServiceRequest: spans, log records or data points. Reads tags and lengths only, so
 * what is inside an item is not checked. Throws payload_malformed.
 */
export function countItems(signal: Signal, request: Uint8Array): number {
  let items = 0;
  try {
    for (requestCursor.reset(request, 0, request.length); requestCursor.next();) {
      if (requestCursor.field === REQUEST.resources && requestCursor.wireType === LEN) {
        items += countInResource(signal, requestCursor);
      }
    }
    return items;
  } finally {
    // The cursors outlive the call, the request must not.
    for (const cursor of CURSORS) cursor.reset(EMPTY, 0, 0);
  }
}

/** Items in the ResourceX that `at` stands on. */
export function countInResource(signal: Signal, at: Cursor): number {
  let items = 0;
  for (resourceCursor.enter(at); resourceCursor.next();) {
    if (resourceCursor.field === RESOURCE_X.scopes && resourceCursor.wireType === LEN) {
      items += countInScope(signal, resourceCursor);
    }
  }
  return items;
}

/** Items in the ScopeX that `at` stands on. */
export function countInScope(signal: Signal, at: Cursor): number {
  let items = 0;
  for (scopeCursor.enter(at); scopeCursor.next();) {
    if (scopeCursor.field !== SCOPE_X.items || scopeCursor.wireType !== LEN) continue;
    items += signal === 'metrics' ? countDataPoints(scopeCursor) : 1;
  }
  return items;
}

/** Data points in the Metric that `at` stands on, whatever its kind. */
export function countDataPoints(at: Cursor): number {
  let points = 0;
  for (itemCursor.enter(at); itemCursor.next();) {
    if (isMetricData(itemCursor.field) && itemCursor.wireType === LEN) points += countInData(itemCursor);
  }
  return points;
}

/** Data points in the Gauge, Sum, Histogram, ExponentialHistogram or Summary that `at` stands on. */
export function countInData(at: Cursor): number {
  let points = 0;
  for (dataCursor.enter(at); dataCursor.next();) {
    if (dataCursor.field === METRIC_DATA.dataPoints && dataCursor.wireType === LEN) points += 1;
  }
  return points;
}

/** True for the field of Metric that holds its data points. */
export function isMetricData(field: number): boolean {
  return (
    field === METRIC.gauge ||
    field === METRIC.sum ||
    field === METRIC.histogram ||
    field === METRIC.exponentialHistogram ||
    field === METRIC.summary
  );
}
