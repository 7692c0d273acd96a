import { partOfBatch, type Batch } from '../../core/batch.ts';
import { offerBytes } from '../../core/reuse.ts';
import { isMetricData } from '../count.ts';
import type { Rewritten } from '../edit.ts';
import { METRIC_DATA, REQUEST, RESOURCE_X, SCOPE_X } from '../fields.ts';
import { RangeCopier } from '../range-copier.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import { Cursor, LEN } from '../wire.ts';
import { MetricPlace } from './metric-place.ts';

/**
 * - visit: its points are shown one by one.
 * - keep: it goes on as it came.
 * - drop: it is left out with all its points.
 */
export type MetricFate = 'visit' | 'keep' | 'drop';

/**
 * Who is shown the metrics of a request, in the order of the bytes, and changes them through the copier by `cut`, whose
 * ranges must be in order as well. Places and cursors are reused: valid until the hook returns. What is left without a
 * point because of it (a metric, a scope, a resource) is left out. A hook must not walk another request.
 */
export interface MetricVisitor {
  metric(metric: MetricPlace): MetricFate;
  /** Of the data point that `at` stands on: false leaves it out, and then it must not have cut. */
  point(metric: MetricPlace, at: Cursor, copier: RangeCopier): boolean;
  /** Of every other field of a metric that is visited: its name, description, unit, metadata. */
  metricField?(metric: MetricPlace, at: Cursor, copier: RangeCopier): void;
  /** Of every other field beside the points: temporality, monotonicity. */
  dataField?(metric: MetricPlace, at: Cursor, copier: RangeCopier): void;
  /** After the last point: may write points with `copier.cut(metric.dataEnd, metric.dataEnd)`, and says how many. */
  pointsEnd?(metric: MetricPlace, copier: RangeCopier): number;
  /** After the last field: may write fields of the metric at `metric.metricEnd`; returns the points in them. */
  metricEnd?(metric: MetricPlace, copier: RangeCopier): number;
  /** After the last metric of a scope: may write metrics at `end`, which is its last byte; returns their points. */
  scopeEnd?(metric: MetricPlace, end: number, copier: RangeCopier): number;
}

export interface WalkedMetrics extends Rewritten {
  /** Points that hooks wrote. What came in is what is in `batch` without these, and `dropped`. */
  readonly added: number;
}

/**
 * Shows all metrics of a request to `visitor`, and copies around what it changes: unknown fields and any order of fields
 * survive byte for byte, chunks in which nothing changes are shared. Memory of results is taken from `spare`. Throws
 * payload_malformed.
 */
export function walkMetrics(batch: Batch, visitor: MetricVisitor, spare: SpareBuffers): WalkedMetrics {
  const chunks: Uint8Array[] = [];
  const made: Uint8Array[] = [];
  let [dropped, added] = [0, 0];
  for (const chunk of batch.chunks) {
    const edited = walk.run(chunk, visitor, spare);
    dropped += walk.dropped;
    added += walk.added;
    if (edited !== undefined) made.push(edited);
    if (edited === undefined || edited.length > 0) chunks.push(edited ?? chunk);
  }
  if (made.length === 0) return { batch, dropped, added, copied: false };
  const giveBack = (): void => {
    for (const chunk of made) spare.give(chunk);
  };
  const items = batch.items - dropped + added;
  if (items <= 0) {
    giveBack();
    return { batch: undefined, dropped, added, copied: true };
  }
  const result = partOfBatch(batch, chunks, items);
  offerBytes(result, giveBack);
  return { batch: result, dropped, added, copied: made.length === batch.chunks.length };
}

/** The way down through a request; its state lives for one `run`. */
class Walk {
  kept = 0;
  dropped = 0;
  added = 0;
  readonly #place = new MetricPlace();
  readonly #copier = new RangeCopier();
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #metrics = new Cursor();
  readonly #fields = new Cursor();
  readonly #points = new Cursor();
  readonly #scan = new Cursor();
  #visitor: MetricVisitor = NOBODY;
  #foundStart = 0;
  #foundEnd = 0;

  run(bytes: Uint8Array, visitor: MetricVisitor, spare: SpareBuffers): Uint8Array | undefined {
    this.kept = this.dropped = this.added = 0;
    this.#visitor = visitor;
    this.#place.bytes = bytes;
    this.#copier.start(bytes, spare);
    const resources = this.#resources;
    try {
      for (resources.reset(bytes, 0, bytes.length); resources.next();) {
        if (resources.field === REQUEST.resources && resources.wireType === LEN) this.#resource(resources);
      }
      return this.#copier.finish();
    } finally {
      this.#release();
    }
  }

  /** The walk outlives the request: nothing of it may stay behind. */
  #release(): void {
    this.#visitor = NOBODY;
    this.#place.bytes = EMPTY;
    this.#copier.start(EMPTY, NO_SPARE);
    for (const cursor of [this.#resources, this.#scopes, this.#metrics, this.#fields, this.#points, this.#scan]) {
      cursor.reset(EMPTY, 0, 0);
    }
  }

  #resource(at: Cursor): void {
    const { kept, dropped, added } = this;
    const place = this.#place;
    place.resourceSerial += 1;
    this.#find(at, RESOURCE_X.resource);
    place.resourceStart = this.#foundStart;
    place.resourceEnd = this.#foundEnd;
    this.#copier.enter(at);
    for (this.#scopes.enter(at); this.#scopes.next();) {
      if (this.#scopes.field === RESOURCE_X.scopes && this.#scopes.wireType === LEN) this.#scope(this.#scopes);
    }
    this.#leave(kept, dropped, added);
  }

  #scope(at: Cursor): void {
    const { kept, dropped, added } = this;
    const place = this.#place;
    place.scopeSerial += 1;
    this.#find(at, SCOPE_X.scope);
    place.scopeStart = this.#foundStart;
    place.scopeEnd = this.#foundEnd;
    this.#copier.enter(at);
    for (this.#metrics.enter(at); this.#metrics.next();) {
      if (this.#metrics.field === SCOPE_X.items && this.#metrics.wireType === LEN) this.#metric(this.#metrics);
    }
    this.added += this.#visitor.scopeEnd?.(place, at.end, this.#copier) ?? 0;
    this.#leave(kept, dropped, added);
  }

  #metric(at: Cursor): void {
    const place = this.#place;
    place.load(at);
    switch (this.#visitor.metric(place)) {
      case 'keep':
        this.kept += Math.max(1, place.points);
        return;
      case 'drop':
        this.#copier.cut(at.tagStart, at.end);
        this.dropped += place.points;
        return;
      case 'visit':
        this.#visit(at);
    }
  }

  #visit(at: Cursor): void {
    const { kept, dropped, added } = this;
    const visitor = this.#visitor;
    this.#copier.enter(at);
    for (this.#fields.enter(at); this.#fields.next();) {
      if (isMetricData(this.#fields.field) && this.#fields.wireType === LEN) this.#data(this.#fields);
      else visitor.metricField?.(this.#place, this.#fields, this.#copier);
    }
    this.added += visitor.metricEnd?.(this.#place, this.#copier) ?? 0;
    this.#leave(kept, dropped, added);
  }

  #data(at: Cursor): void {
    const visitor = this.#visitor;
    const place = this.#place;
    const copier = this.#copier;
    const points = this.#points;
    place.enterData(at);
    copier.enter(at);
    for (points.enter(at); points.next();) {
      if (points.field !== METRIC_DATA.dataPoints || points.wireType !== LEN) {
        visitor.dataField?.(place, points, copier);
      } else if (visitor.point(place, points, copier)) this.kept += 1;
      else {
        copier.cut(points.tagStart, points.end);
        this.dropped += 1;
      }
    }
    this.added += visitor.pointsEnd?.(place, copier) ?? 0;
    copier.leave();
  }

  /** Goes back up; what has lost all its points is left out. */
  #leave(kept: number, dropped: number, added: number): void {
    const isEmptied = this.kept === kept && this.added === added && this.dropped > dropped;
    if (isEmptied) this.#copier.prune();
    else this.#copier.leave();
  }

  /** Where the one message in `field` stands, the last if there are several; empty when there is none. */
  #find(at: Cursor, field: number): void {
    const scan = this.#scan;
    this.#foundStart = this.#foundEnd = at.start;
    for (scan.enter(at); scan.next();) {
      if (scan.field !== field || scan.wireType !== LEN) continue;
      this.#foundStart = scan.start;
      this.#foundEnd = scan.end;
    }
  }
}

const EMPTY = new Uint8Array(0);
const NO_SPARE = new SpareBuffers();
const NOBODY: MetricVisitor = { metric: () => 'keep', point: () => true };
const walk = new Walk();
