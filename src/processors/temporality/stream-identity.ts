import type { Random } from '../../core/random.ts';
import { RESOURCE, SCOPE } from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';

/**
 * Which stream a data point is of, as 96 bits: resource, scope, name, unit, kind and attributes tell streams apart, and for
 * sums whether they are monotonic. Source: OpenTelemetry specification, metrics/data-model.md, OTLP data model, identity.
 */
export class StreamIdentity {
  readonly hasher: SeriesHasher;
  readonly #point = new Cursor();
  #scopeSerial = -1;
  #scopeLow = 0;
  #scopeMid = 0;
  #scopeHigh = 0;
  #low = 0;
  #mid = 0;
  #high = 0;

  constructor(random: Random) {
    this.hasher = new SeriesHasher(random);
  }

  /** Points are of `metric` from now on. */
  enter(metric: MetricPlace): void {
    const { hasher } = this;
    hasher.source(metric.bytes);
    if (metric.scopeSerial !== this.#scopeSerial) this.#enterScope(metric);
    hasher.begin(this.#scopeLow, this.#scopeMid, this.#scopeHigh);
    hasher.context(metric.nameStart, metric.nameEnd);
    hasher.context(metric.unitStart, metric.unitEnd);
    hasher.number(metric.dataField * 2 + (metric.isMonotonic ? 1 : 0));
    hasher.end();
    this.#low = hasher.low;
    this.#mid = hasher.mid;
    this.#high = hasher.high;
  }

  /** Resources and scopes are what their attributes say, in any order, however many others their sender has dropped. */
  #enterScope(metric: MetricPlace): void {
    const { hasher } = this;
    const message = this.#point;
    hasher.begin();
    for (message.reset(metric.bytes, metric.resourceStart, metric.resourceEnd); message.next();) {
      if (message.field === RESOURCE.attributes && message.wireType === LEN) {
        hasher.attribute(message.start, message.end);
      }
    }
    hasher.end();
    hasher.begin(hasher.low, hasher.mid, hasher.high);
    for (message.reset(metric.bytes, metric.scopeStart, metric.scopeEnd); message.next();) {
      if (message.wireType !== LEN) continue;
      if (message.field === SCOPE.attributes) hasher.attribute(message.start, message.end);
      else if (message.field === SCOPE.name || message.field === SCOPE.version) {
        hasher.number(message.field);
        hasher.context(message.start, message.end);
      }
    }
    hasher.end();
    this.#scopeSerial = metric.scopeSerial;
    this.#scopeLow = hasher.low;
    this.#scopeMid = hasher.mid;
    this.#scopeHigh = hasher.high;
  }

  /** Leaves the identity of the point that `at` stands on in `hasher`. */
  point(metric: MetricPlace, at: Cursor): void {
    const { attributesField } = metric;
    const point = this.#point;
    this.hasher.begin(this.#low, this.#mid, this.#high);
    for (point.enter(at); point.next();) {
      if (point.field === attributesField && point.wireType === LEN) this.hasher.attribute(point.start, point.end);
    }
    this.hasher.end();
  }

  /** Lets go of the request. */
  release(): void {
    this.hasher.release();
    this.#point.reset(EMPTY, 0, 0);
  }
}

const EMPTY = new Uint8Array(0);
