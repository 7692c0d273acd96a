import type { Signal } from '../core/signal.ts';
import { isMetricData } from './count.ts';
import { METRIC_DATA, REQUEST, RESOURCE_X, SCOPE_X } from './fields.ts';
import { Cursor, LEN, malformed } from './wire.ts';

const EMPTY = new Uint8Array(0);
const requestCursor = new Cursor();
const resourceCursor = new Cursor();
const scopeCursor = new Cursor();
const metricCursor = new Cursor();
const dataCursor = new Cursor();
const CURSORS = [requestCursor, resourceCursor, scopeCursor, metricCursor, dataCursor];

/**
 * Checks what a receiver was sent before it is let in, and returns its items. Every field of the request, of each
 * ResourceX and ScopeX, and of each Metric and its data is framed rightly, and the known ones are messages or text as
 * they must be. What is inside a resource, a scope, a span, a log record or a data point is not looked at (walking it
 * costs several times as much as all the rest), so nesting needs no bound here: nothing on the way through recurses, and
 * whoever does walk into a value bounds it. Throws payload_malformed.
 */
export function checkRequest(signal: Signal, request: Uint8Array): number {
  try {
    return checkResources(signal, request);
  } finally {
    // The cursors outlive the call, the request must not.
    for (const cursor of CURSORS) cursor.reset(EMPTY, 0, 0);
  }
}

function checkResources(signal: Signal, request: Uint8Array): number {
  let items = 0;
  for (requestCursor.reset(request, 0, request.length); requestCursor.next();) {
    if (requestCursor.field === REQUEST.resources) items += checkScopes(signal, requestCursor);
  }
  return items;
}

function checkScopes(signal: Signal, at: Cursor): number {
  let items = 0;
  for (resourceCursor.enter(at); resourceCursor.next();) {
    if (resourceCursor.field === RESOURCE_X.scopes) items += checkItems(signal, resourceCursor);
    else if (resourceCursor.field <= RESOURCE_X.schemaUrl) expectLength(resourceCursor);
  }
  return items;
}

function checkItems(signal: Signal, at: Cursor): number {
  let items = 0;
  for (scopeCursor.enter(at); scopeCursor.next();) {
    if (scopeCursor.field > SCOPE_X.schemaUrl) continue;
    expectLength(scopeCursor);
    if (scopeCursor.field === SCOPE_X.items) items += signal === 'metrics' ? checkPoints(scopeCursor) : 1;
  }
  return items;
}

function checkPoints(at: Cursor): number {
  let points = 0;
  for (metricCursor.enter(at); metricCursor.next();) {
    if (!isMetricData(metricCursor.field)) continue;
    for (dataCursor.enter(metricCursor); dataCursor.next();) {
      if (dataCursor.field !== METRIC_DATA.dataPoints) continue;
      expectLength(dataCursor);
      points += 1;
    }
  }
  return points;
}

function expectLength(at: Cursor): void {
  if (at.wireType !== LEN) throw malformed(`field ${at.field} has wire type ${at.wireType}`, at.tagStart);
}
