import { partOfBatch, type Batch } from '../core/batch.ts';
import { offerBytes } from '../core/reuse.ts';
import type { Signal } from '../core/signal.ts';
import { AttributeList } from './attribute-list.ts';
import { isMetricData } from './count.ts';
import {
  EXPONENTIAL_POINT,
  HISTOGRAM_POINT,
  LOG,
  METRIC,
  METRIC_DATA,
  NUMBER_POINT,
  REQUEST,
  RESOURCE,
  RESOURCE_X,
  SCOPE,
  SCOPE_X,
  SPAN,
  SUMMARY_POINT,
} from './fields.ts';
import { makePlace, type Place } from './place.ts';
import { RangeCopier } from './range-copier.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { Cursor, LEN } from './wire.ts';

/** Changes a list in place. Both arguments are reused: valid until the hook returns. */
export type AttributeEdit = (attributes: AttributeList, place: Place) => void;

/**
 * What to change in a request. Hooks are called in the order of the bytes; places show the request as it came. A hook
 * must not call `rewriteRequest`.
 */
export interface RequestEdit {
  readonly resource?: AttributeEdit;
  readonly scope?: AttributeEdit;
  /** Spans, log records, data points that were not dropped. */
  readonly item?: AttributeEdit;
  /** True drops the item, and what it leaves empty around it. */
  readonly dropItem?: (place: Place) => boolean;
  /** Instead of `item` and `dropItem`. */
  readonly itemBytes?: ItemEdit;
  /** Instead of all hooks of scopes and items. */
  readonly scopeBytes?: ScopeEdit;
  /** How long the result is expected to be against the request, where most of it is dropped; 1 when absent. */
  readonly expectedShare?: () => number;
  /** Memory for results, which comes back once they are delivered. Without it each result has memory of its own. */
  readonly spare?: SpareBuffers;
}

/**
 * Decides on an item, the field that `at` stands on, and may replace ranges of it by `copier.cut`, in their order; false
 * drops it, and then it must not have cut.
 */
export type ItemEdit = (place: Place, at: Cursor, copier: RangeCopier) => boolean;

/**
 * Decides on all items of a ScopeX, the field that `at` stands on: for those who cannot afford a call for each of them. It
 * cuts the whole field of those that it drops, replaces ranges of others, all in their order, and adds up what became of
 * them in `counts`.
 */
export type ScopeEdit = (place: Place, at: Cursor, copier: RangeCopier, counts: ItemCounts) => void;

export interface ItemCounts {
  kept: number;
  dropped: number;
}

export interface Rewritten {
  /** The batch itself when nothing changed; undefined when nothing is left. */
  readonly batch: Batch | undefined;
  readonly dropped: number;
  /** True when none of the bytes of the batch are in the result: they are needed no more once that is accepted. */
  readonly copied: boolean;
}

/**
 * Edits a request by copying ranges: unknown fields and any order of fields survive byte for byte, chunks in which
 * nothing changes are shared, not copied. Throws payload_malformed.
 */
export function rewriteRequest(batch: Batch, edit: RequestEdit): Rewritten {
  const walk = WALKS[batch.signal];
  const chunks: Uint8Array[] = [];
  const made: Uint8Array[] = [];
  let dropped = 0;
  for (const chunk of batch.chunks) {
    const edited = walk.run(chunk, edit);
    dropped += walk.dropped;
    if (edited !== undefined) made.push(edited);
    if (edited === undefined || edited.length > 0) chunks.push(edited ?? chunk);
  }
  if (made.length === 0) return { batch, dropped, copied: false };
  const giveBack = (): void => {
    for (const chunk of made) edit.spare?.give(chunk);
  };
  const copied = made.length === batch.chunks.length;
  if (dropped > 0 && dropped >= batch.items) {
    giveBack();
    return { batch: undefined, dropped, copied: true };
  }
  const result = partOfBatch(batch, chunks, batch.items - dropped);
  if (edit.spare !== undefined) offerBytes(result, giveBack);
  return { batch: result, dropped, copied };
}

/** For those without: what comes back here was too large for its result, and nobody was given it. */
const SCRATCH = new SpareBuffers();

/** One signal's way down through a request. State lives for one `run`; lists and cursors are kept between runs. */
class Walk implements ItemCounts {
  kept = 0;
  dropped = 0;
  readonly #place: Place;
  readonly #copier = new RangeCopier();
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #items = new Cursor();
  readonly #data = new Cursor();
  readonly #points = new Cursor();
  readonly #scan = new Cursor();
  readonly #resourceList = new AttributeList();
  readonly #scopeList = new AttributeList();
  readonly #itemList = new AttributeList();
  #edit: RequestEdit = {};

  constructor(signal: Signal) {
    this.#place = makePlace(signal);
  }

  run(bytes: Uint8Array, edit: RequestEdit): Uint8Array | undefined {
    this.kept = 0;
    this.dropped = 0;
    this.#edit = edit;
    this.#place.bytes = bytes;
    this.#copier.start(bytes, edit.spare ?? SCRATCH, edit.expectedShare?.());
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
    this.#edit = {};
    this.#place.bytes = EMPTY;
    this.#copier.start(EMPTY, SCRATCH);
    for (const list of [this.#resourceList, this.#scopeList, this.#itemList]) list.release();
    for (const cursor of [this.#resources, this.#scopes, this.#items, this.#data, this.#points, this.#scan]) {
      cursor.reset(EMPTY, 0, 0);
    }
  }

  #resource(at: Cursor): void {
    const { kept, dropped } = this;
    this.#place.resourceStart = at.start;
    this.#place.resourceEnd = at.end;
    this.#place.resourceSerial += 1;
    const list = this.#list(at, this.#edit.resource, this.#resourceList, RESOURCE_X.resource, RESOURCE.attributes);
    const deeper = this.#edit.scope !== undefined || this.#seesItems();
    if (list === undefined && !deeper) return;
    this.#copier.enter(at);
    let seen = false;
    for (this.#scopes.enter(at); this.#scopes.next();) {
      if (this.#scopes.wireType !== LEN) continue;
      if (this.#scopes.field === RESOURCE_X.resource) {
        if (list !== undefined) this.#writeList(list, this.#scopes, !seen);
        seen = true;
      } else if (this.#scopes.field === RESOURCE_X.scopes && deeper) this.#scope(this.#scopes);
    }
    this.#leave(at, this.kept === kept && this.dropped > dropped, seen ? undefined : list, RESOURCE_X.resource);
  }

  #scope(at: Cursor): void {
    const { kept, dropped } = this;
    this.#place.scopeStart = at.start;
    this.#place.scopeEnd = at.end;
    this.#place.scopeSerial += 1;
    if (this.#edit.scopeBytes !== undefined) {
      this.#copier.enter(at);
      this.#edit.scopeBytes(this.#place, at, this.#copier, this);
      this.#leave(at, this.kept === kept && this.dropped > dropped, undefined, 0);
      return;
    }
    const list = this.#list(at, this.#edit.scope, this.#scopeList, SCOPE_X.scope, SCOPE.attributes);
    const deeper = this.#seesItems();
    if (list === undefined && !deeper) return;
    this.#copier.enter(at);
    let seen = false;
    for (this.#items.enter(at); this.#items.next();) {
      if (this.#items.wireType !== LEN) continue;
      if (this.#items.field === SCOPE_X.scope) {
        if (list !== undefined) this.#writeList(list, this.#items, !seen);
        seen = true;
      } else if (this.#items.field === SCOPE_X.items && deeper) this.#child(this.#items);
    }
    this.#leave(at, this.kept === kept && this.dropped > dropped, seen ? undefined : list, SCOPE_X.scope);
  }

  #child(at: Cursor): void {
    switch (this.#place.signal) {
      case 'traces':
        this.#item(at, SPAN.attributes);
        return;
      case 'logs':
        this.#item(at, LOG.attributes);
        return;
      case 'metrics':
        this.#metric(at);
        return;
    }
  }

  #metric(at: Cursor): void {
    const { kept, dropped } = this;
    this.#place.metricStart = at.start;
    this.#place.metricEnd = at.end;
    this.#place.metricSerial += 1;
    this.#copier.enter(at);
    for (this.#data.enter(at); this.#data.next();) {
      if (isMetricData(this.#data.field) && this.#data.wireType === LEN) this.#dataPoints(this.#data);
    }
    this.#leave(at, this.kept === kept && this.dropped > dropped, undefined, 0);
  }

  #dataPoints(at: Cursor): void {
    this.#place.dataField = at.field;
    const attributes = pointAttributes(at.field);
    this.#copier.enter(at);
    for (this.#points.enter(at); this.#points.next();) {
      if (this.#points.field === METRIC_DATA.dataPoints && this.#points.wireType === LEN) {
        this.#item(this.#points, attributes);
      }
    }
    this.#copier.leave();
  }

  #seesItems(): boolean {
    const { item, dropItem, itemBytes, scopeBytes } = this.#edit;
    return item !== undefined || dropItem !== undefined || itemBytes !== undefined || scopeBytes !== undefined;
  }

  #keeps(at: Cursor): boolean {
    const { dropItem, itemBytes } = this.#edit;
    if (itemBytes !== undefined) return itemBytes(this.#place, at, this.#copier);
    return dropItem?.(this.#place) !== true;
  }

  #item(at: Cursor, attributes: number): void {
    this.#place.itemStart = at.start;
    this.#place.itemEnd = at.end;
    if (!this.#keeps(at)) {
      this.#copier.cut(at.tagStart, at.end);
      this.dropped += 1;
      return;
    }
    this.kept += 1;
    if (this.#edit.item === undefined) return;
    const list = this.#itemList;
    list.reset(attributes);
    list.load(at.bytes, at.start, at.end);
    this.#edit.item(list, this.#place);
    if (list.changed) this.#writeList(list, at, true);
  }

  /** Runs a hook over the attributes of the Resource or scope inside `at`; undefined when it changed nothing. */
  #list(
    at: Cursor,
    hook: AttributeEdit | undefined,
    list: AttributeList,
    child: number,
    attributes: number,
  ): AttributeList | undefined {
    if (hook === undefined) return undefined;
    list.reset(attributes);
    // A message field that comes twice is merged, as protobuf defines it.
    for (this.#scan.enter(at); this.#scan.next();) {
      if (this.#scan.field === child && this.#scan.wireType === LEN) {
        list.load(at.bytes, this.#scan.start, this.#scan.end);
      }
    }
    hook(list, this.#place);
    return list.changed ? list : undefined;
  }

  #writeList(list: AttributeList, at: Cursor, append: boolean): void {
    this.#copier.enter(at);
    list.writeChanged(this.#copier, at.start, at.end);
    if (append && list.hasAppended) list.writeAppended(this.#copier.cut(at.end, at.end));
    this.#copier.leave();
  }

  /** `missing`: attributes for a Resource or scope that the message does not have. */
  #leave(at: Cursor, prune: boolean, missing: AttributeList | undefined, field: number): void {
    if (prune) {
      this.#copier.prune();
      return;
    }
    if (missing?.hasAppended === true) {
      const writer = this.#copier.cut(at.end, at.end);
      const mark = writer.begin(field);
      missing.writeAppended(writer);
      writer.end(mark);
    }
    this.#copier.leave();
  }
}

const EMPTY = new Uint8Array(0);

const WALKS: Readonly<Record<Signal, Walk>> = {
  traces: new Walk('traces'),
  metrics: new Walk('metrics'),
  logs: new Walk('logs'),
};

/** The attributes field of a data point of the kind that stands in `dataField` of Metric. */
export function pointAttributes(dataField: number): number {
  switch (dataField) {
    case METRIC.histogram:
      return HISTOGRAM_POINT.attributes;
    case METRIC.exponentialHistogram:
      return EXPONENTIAL_POINT.attributes;
    case METRIC.summary:
      return SUMMARY_POINT.attributes;
    default:
      return NUMBER_POINT.attributes;
  }
}
