import type { Clock } from '../../core/clock.ts';
import { METRIC, TEMPORALITY } from '../../otlp/fields.ts';
import { readKept } from '../../otlp/metrics/kept-point.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import { Writer } from '../../otlp/writer.ts';
import { keepState, orderProblem, type Conversion, type Tally } from '../temporality/conversion.ts';
import type { Pair } from '../temporality/pair.ts';
import type { Streams } from '../temporality/streams.ts';
import type { CumulativeToDeltaConfig } from './config.ts';

/**
 * What came since the point before, of cumulative points. The state of a stream is its last point, as it came.
 *
 * - A point begins the stream anew when it is less than the one before, or when its start time is later than the time of the
 *   one before: all of it came since, then. A start time that is the time of its own point says nothing.
 * - What is not behind the last point is dropped: the next point that is makes up for it.
 *
 * Sums that are not monotonic are not converted: nothing says when they begin anew.
 * Source: OpenTelemetry specification, metrics/data-model.md, resets and gaps.
 */
export class Deltas implements Conversion {
  readonly from = TEMPORALITY.cumulative;
  readonly to = TEMPORALITY.delta;
  readonly #initial: CumulativeToDeltaConfig['initial_value'];
  readonly #isMeant: (metric: MetricPlace) => boolean;
  readonly #startedMs: number;
  readonly #scratch = new Writer(512);

  constructor(
    initial: CumulativeToDeltaConfig['initial_value'],
    isMeant: (metric: MetricPlace) => boolean,
    clock: Clock,
  ) {
    this.#initial = initial;
    this.#isMeant = isMeant;
    this.#startedMs = clock.now();
  }

  converts(metric: MetricPlace): boolean {
    return (metric.dataField !== METRIC.sum || metric.isMonotonic) && this.#isMeant(metric);
  }

  convert(pair: Pair, streams: Streams, tally: Tally): Point | 'drop' {
    const { point, held } = pair;
    const { isKnown } = streams;
    if (isKnown) {
      readKept(held, streams.bytes, streams.start, streams.end);
      const problem = orderProblem(point, held);
      if (problem !== undefined) return tally.drop(problem);
    }
    if (!keepState(point, streams, this.#scratch)) return tally.drop('stream_limit');
    return isKnown ? difference(pair, tally) : this.#first(point, streams, tally);
  }

  #first(point: Point, streams: Streams, tally: Tally): Point | 'drop' {
    const goesOn = this.#initial === 'keep' || (this.#initial === 'auto' && this.#isAllNew(point, streams));
    return goesOn ? point : tally.drop('initial_value');
  }

  /** Whether nothing of it can have been seen before, by this process or the one before it. */
  #isAllNew({ startTime, time }: Point, { forgottenUntilMs }: Streams): boolean {
    if (startTime.isZero || startTime.compare(time) === 0) return false;
    return startTime.toNumber() / NANOS_PER_MS >= Math.max(this.#startedMs, forgottenUntilMs);
  }
}

const NANOS_PER_MS = 1e6;

function difference(pair: Pair, tally: Tally): Point | 'drop' {
  const { point, held } = pair;
  if (beginsLater(point, held)) {
    tally.resets += 1;
    return point;
  }
  const outcome = pair.subtract();
  if (outcome === 'unlike' && !pair.isLess()) return tally.drop('bounds_changed');
  if (outcome !== 'done') tally.resets += 1;
  point.startTime.copy(held.time);
  return point;
}

function beginsLater({ startTime, time }: Point, held: Point): boolean {
  return startTime.compare(held.time) > 0 && startTime.compare(time) < 0 && startTime.compare(held.startTime) !== 0;
}
