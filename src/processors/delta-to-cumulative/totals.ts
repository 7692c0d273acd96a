import { readKept } from '../../otlp/metrics/kept-point.ts';
import { TEMPORALITY } from '../../otlp/fields.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import { Writer } from '../../otlp/writer.ts';
import { keepState, orderProblem, type Conversion, type DropReason, type Tally } from '../temporality/conversion.ts';
import type { Pair } from '../temporality/pair.ts';
import type { Streams } from '../temporality/streams.ts';

/**
 * Totals of delta points, from the start time of the first one on. The state of a stream is its total.
 *
 * - A delta that is not behind the last one, or from before the stream began, is dropped: it would be counted twice, or
 *   its time would go back.
 * - A gap between deltas ends nothing: the total goes on, from the same start.
 * - A histogram of other bounds begins the stream anew, with its own start time.
 *
 * Source: OpenTelemetry specification, metrics/data-model.md, Sums: Delta-to-Cumulative.
 */
export class Totals implements Conversion {
  readonly from = TEMPORALITY.delta;
  readonly to = TEMPORALITY.cumulative;
  readonly #scratch = new Writer(512);

  converts(): boolean {
    return true;
  }

  convert(pair: Pair, streams: Streams, tally: Tally): Point | 'drop' {
    const { point, held } = pair;
    if (!streams.isKnown) return this.#begin(point, streams, tally);
    readKept(held, streams.bytes, streams.start, streams.end);
    const problem = orderProblem(point, held) ?? startProblem(point, held);
    if (problem !== undefined) return tally.drop(problem);
    const isGap = point.startTime.compare(held.time) > 0;
    if (!pair.add()) {
      tally.resets += 1;
      return this.#begin(point, streams, tally);
    }
    held.time.copy(point.time);
    held.flags = point.flags;
    if (!keepState(held, streams, this.#scratch)) return tally.drop('stream_limit');
    if (isGap) tally.gaps += 1;
    return held;
  }

  #begin(point: Point, streams: Streams, tally: Tally): Point | 'drop' {
    return keepState(point, streams, this.#scratch) ? point : tally.drop('stream_limit');
  }
}

function startProblem({ startTime }: Point, held: Point): DropReason | undefined {
  return !startTime.isZero && startTime.compare(held.startTime) < 0 ? 'out_of_order' : undefined;
}
