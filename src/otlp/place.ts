import type { Signal } from '../core/signal.ts';

/**
 * Where an item stands in its request: the content ranges of the messages around it. One object is reused for all
 * items, so a Place is valid until the next item. Nothing is read ahead: where the Resource or the scope stands inside
 * its parent is found when somebody asks, because either may come after its children.
 */
export interface Place {
  readonly signal: Signal;
  bytes: Uint8Array;
  /** ResourceX */
  resourceStart: number;
  resourceEnd: number;
  /** Changes with every ResourceX, ScopeX and Metric: what was read from one may be kept as long as the serial stays. */
  resourceSerial: number;
  /** ScopeX */
  scopeStart: number;
  scopeEnd: number;
  scopeSerial: number;
  /** Metric; metrics only */
  metricStart: number;
  metricEnd: number;
  metricSerial: number;
  /** The field of Metric that holds the data point: METRIC.gauge and so on; metrics only. */
  dataField: number;
  /** Span, LogRecord or data point */
  itemStart: number;
  itemEnd: number;
}

export function makePlace(signal: Signal): Place {
  return {
    signal,
    bytes: new Uint8Array(0),
    resourceStart: 0,
    resourceEnd: 0,
    resourceSerial: 0,
    scopeStart: 0,
    scopeEnd: 0,
    scopeSerial: 0,
    metricStart: 0,
    metricEnd: 0,
    metricSerial: 0,
    dataField: 0,
    itemStart: 0,
    itemEnd: 0,
  };
}
