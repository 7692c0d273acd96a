import type { Signal } from '../core/signal.ts';
import { countDataPoints, countInData, countInResource, countInScope, isMetricData } from './count.ts';
import { METRIC_DATA, REQUEST, RESOURCE_X, SCOPE_X } from './fields.ts';
import { LEN, type Cursor } from './wire.ts';

/**
 * The messages on the way from a request down to one item, as one list: each knows which of its fields hold the next
 * level down (the children) and how many items such a child carries. Every other field, known or not, is its header.
 *
 *   traces, logs:  request > resource > scope > item
 *   metrics:       request > resource > scope > metric > data (gauge, sum, ...) > data point
 */
export interface Level {
  /** True when the cursor stands on a child of this level. */
  isChild(at: Cursor): boolean;
  /** Items in the child that the cursor stands on. */
  items(at: Cursor): number;
  /** The child's own level; undefined when the child is one item. */
  readonly below: Level | undefined;
}

const ONE = (): number => 1;

const DATA_LEVEL: Level = level(METRIC_DATA.dataPoints, ONE, undefined);
const METRIC_LEVEL: Level = {
  isChild: (at) => at.wireType === LEN && isMetricData(at.field),
  items: countInData,
  below: DATA_LEVEL,
};

export const REQUEST_LEVEL: Readonly<Record<Signal, Level>> = {
  traces: requestLevel('traces', level(SCOPE_X.items, ONE, undefined)),
  logs: requestLevel('logs', level(SCOPE_X.items, ONE, undefined)),
  metrics: requestLevel('metrics', level(SCOPE_X.items, countDataPoints, METRIC_LEVEL)),
};

function requestLevel(signal: Signal, scope: Level): Level {
  const resource = level(RESOURCE_X.scopes, (at) => countInScope(signal, at), scope);
  return level(REQUEST.resources, (at) => countInResource(signal, at), resource);
}

function level(field: number, items: (at: Cursor) => number, below: Level | undefined): Level {
  return { isChild: (at) => at.field === field && at.wireType === LEN, items, below };
}
