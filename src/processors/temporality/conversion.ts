import { writeKept } from '../../otlp/metrics/kept-point.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import type { Writer } from '../../otlp/writer.ts';
import type { Pair } from './pair.ts';
import type { Streams } from './streams.ts';

/** Why a point is left out; the names are those of the ledger. */
export const DROP_REASONS = [
  'initial_value',
  'out_of_order',
  'duplicate_point',
  'bounds_changed',
  'stream_limit',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** What became of the points of one batch. */
export class Tally {
  readonly dropped: Partial<Record<DropReason, number>> = {};
  converted = 0;
  /** Streams that began anew. */
  resets = 0;
  /** Deltas that did not begin where the one before ended. */
  gaps = 0;

  drop(reason: DropReason): 'drop' {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
    return 'drop';
  }
}

/** One direction of converting. Its state is in `streams`, and nowhere else. */
export interface Conversion {
  /** TEMPORALITY of what it converts, and of what it makes of it. */
  readonly from: number;
  readonly to: number;
  /** Of a metric whose temporality is `from`. */
  converts(metric: MetricPlace): boolean;
  /**
   * Decides on `pair.point`, which has a value: the point whose times and values are written instead of its own, or that it is
   * left out. `streams` has found its stream.
   */
  convert(pair: Pair, streams: Streams, tally: Tally): Point | 'drop';
}

/** Makes the values of `point` the state of the stream that was found; false for want of room. */
export function keepState(point: Point, streams: Streams, scratch: Writer): boolean {
  scratch.pos = 0;
  writeKept(point, scratch);
  const isKept = streams.keep(scratch);
  if (scratch.buffer.length > KEPT_BYTES) scratch.detach(0);
  return isKept;
}

/** A buffer that grew larger is not kept. */
const KEPT_BYTES = 64 * 1024;

/**
 * Whether a point comes behind what is held of its stream; else why not. Points without a time are taken in the order in which
 * they come.
 */
export function orderProblem(point: Point, held: Point): DropReason | undefined {
  if (point.time.isZero || held.time.isZero) return undefined;
  const order = point.time.compare(held.time);
  if (order > 0) return undefined;
  return order === 0 ? 'duplicate_point' : 'out_of_order';
}
