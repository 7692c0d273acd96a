import { seededRandom } from '../../core/random.ts';
import type { Signal } from '../../core/signal.ts';
import { isMetricData } from '../../otlp/count.ts';
import { pointAttributes } from '../../otlp/edit.ts';
import {
  ANY_VALUE,
  LOG,
  METRIC,
  METRIC_DATA,
  REQUEST,
  RESOURCE,
  RESOURCE_X,
  SCOPE_X,
  SPAN,
  STATUS,
} from '../../otlp/fields.ts';
import { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { adjustedCount } from '../../otlp/sampling/threshold.ts';
import { TraceState } from '../../otlp/sampling/tracestate.ts';
import { WantedAttributes } from '../../otlp/wanted-attributes.ts';
import { Cursor, LEN, utf8, VARINT } from '../../otlp/wire.ts';

/** What an effect is measured by, of one item. The object is reused: valid until the next item. */
export interface ItemView {
  signal: Signal;
  /** Encoded, without what is around it. */
  bytes: number;
  /** service.name; empty when there is none. */
  service: string;
  /** Of a span: `http.route`, or its name. */
  route: string;
  /** Of a log record: SeverityNumber; 0 when it has none. */
  severity: number;
  /** Of a data point. */
  metric: string;
  /** Of a data point: which series it is of, by a hash of 53 bits. */
  series: number;
  /** Of a log record of ERROR or worse: hashes of 53 bits of its times and ids, of its body, and of all of these. */
  moment: number;
  body: number;
  identity: number;
  /** A span whose status is ERROR, a log record of ERROR or worse. */
  isError: boolean;
  /** Of a span: how many it stands for, by the sampling threshold in its tracestate. */
  weight: number;
  /** Of a span or a log record: where it is in `source`. */
  source: Uint8Array;
  start: number;
  end: number;
  /** Of a span: where its ids of 16 and 8 bytes are in `source`; -1 when it has none. */
  traceAt: number;
  spanAt: number;
  parentAt: number;
}

export type OnItem = (item: ItemView) => void;

/** enum StatusCode and SeverityNumber */
const STATUS_ERROR = 2;
const SEVERITY_ERROR = 17;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const NOTHING = new Uint8Array(0);

/** Shows the items of requests in the order of the bytes; walks the wire and parses nothing else. */
export class ItemReader {
  readonly #onItem: OnItem;
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #items = new Cursor();
  readonly #fields = new Cursor();
  readonly #data = new Cursor();
  readonly #points = new Cursor();
  readonly #inner = new Cursor();
  readonly #value = new Cursor();
  readonly #ofResource = new WantedAttributes(['service.name']);
  readonly #ofSpan = new WantedAttributes(['http.route']);
  readonly #traceState = new TraceState();
  /** With a seed of its own: both sides of a diff hash a series alike. */
  readonly #hasher = new SeriesHasher(seededRandom('series of a replay'));
  /** Of the resource. */
  #low = 0;
  #mid = 0;
  #high = 0;
  readonly #view: ItemView = {
    signal: 'traces',
    bytes: 0,
    service: '',
    route: '',
    severity: 0,
    metric: '',
    series: 0,
    moment: 0,
    body: 0,
    identity: 0,
    isError: false,
    weight: 1,
    source: NOTHING,
    start: 0,
    end: 0,
    traceAt: -1,
    spanAt: -1,
    parentAt: -1,
  };

  constructor(onItem: OnItem) {
    this.#onItem = onItem;
  }

  /** Throws payload_malformed. */
  read(signal: Signal, request: Uint8Array): void {
    this.#view.signal = signal;
    this.#hasher.source(request);
    const at = this.#resources;
    for (at.reset(request, 0, request.length); at.next();) {
      if (at.field === REQUEST.resources && at.wireType === LEN) this.#resource(at);
    }
    this.#hasher.release();
    this.#view.source = NOTHING;
  }

  #resource(at: Cursor): void {
    this.#readResource(at);
    const scopes = this.#scopes;
    for (scopes.enter(at); scopes.next();) {
      if (scopes.field !== RESOURCE_X.scopes || scopes.wireType !== LEN) continue;
      const items = this.#items;
      for (items.enter(scopes); items.next();) {
        if (items.field === SCOPE_X.items && items.wireType === LEN) this.#item(items);
      }
    }
  }

  /** It may come after its scopes. */
  #readResource(at: Cursor): void {
    const wanted = this.#ofResource;
    wanted.reset();
    this.#hasher.begin();
    const fields = this.#fields;
    for (fields.enter(at); fields.next();) {
      if (fields.field !== RESOURCE_X.resource || fields.wireType !== LEN) continue;
      const inner = this.#inner;
      for (inner.enter(fields); inner.next();) {
        if (inner.field !== RESOURCE.attributes || inner.wireType !== LEN) continue;
        wanted.offer(inner.bytes, inner.start, inner.end);
        this.#hasher.attribute(inner.start, inner.end);
      }
    }
    this.#hasher.end();
    this.#low = this.#hasher.low;
    this.#mid = this.#hasher.mid;
    this.#high = this.#hasher.high;
    this.#view.service = this.#text(at.bytes, wanted);
  }

  #item(at: Cursor): void {
    switch (this.#view.signal) {
      case 'traces':
        this.#span(at);
        return;
      case 'logs':
        this.#log(at);
        return;
      case 'metrics':
        this.#metric(at);
    }
  }

  #span(at: Cursor): void {
    const view = this.#view;
    const wanted = this.#ofSpan;
    const fields = this.#fields;
    wanted.reset();
    view.bytes = at.end - at.tagStart;
    view.source = at.bytes;
    view.start = at.start;
    view.end = at.end;
    view.traceAt = view.spanAt = view.parentAt = -1;
    view.route = '';
    view.weight = 1;
    view.isError = false;
    for (fields.enter(at); fields.next();) {
      if (fields.wireType !== LEN) continue;
      switch (fields.field) {
        case SPAN.traceId:
          view.traceAt = placeOf(fields, TRACE_ID_BYTES);
          break;
        case SPAN.spanId:
          view.spanAt = placeOf(fields, SPAN_ID_BYTES);
          break;
        case SPAN.traceState:
          view.weight = this.#weight(fields);
          break;
        case SPAN.parentSpanId:
          view.parentAt = placeOf(fields, SPAN_ID_BYTES);
          break;
        case SPAN.name:
          view.route = fields.string();
          break;
        case SPAN.attributes:
          wanted.offer(fields.bytes, fields.start, fields.end);
          break;
        case SPAN.status:
          view.isError = this.#isError(fields);
      }
    }
    const route = this.#text(at.bytes, wanted);
    if (route !== '') view.route = route;
    this.#onItem(view);
  }

  #weight({ bytes, start, end }: Cursor): number {
    const { hasThreshold, threshold } = this.#traceState.read(bytes, start, end);
    return hasThreshold ? adjustedCount(threshold) : 1;
  }

  #isError(status: Cursor): boolean {
    const at = this.#inner;
    let code = 0;
    for (at.enter(status); at.next();) if (at.field === STATUS.code && at.wireType === VARINT) code = at.int32();
    return code === STATUS_ERROR;
  }

  #log(at: Cursor): void {
    const view = this.#view;
    const fields = this.#fields;
    view.bytes = at.end - at.tagStart;
    view.source = at.bytes;
    view.start = at.start;
    view.end = at.end;
    view.severity = 0;
    for (fields.enter(at); fields.next();) {
      if (fields.field === LOG.severityNumber && fields.wireType === VARINT) view.severity = fields.int32();
    }
    view.isError = view.severity >= SEVERITY_ERROR;
    if (view.isError) this.#identify(at);
    this.#onItem(view);
  }

  #identify(log: Cursor): void {
    const view = this.#view;
    view.moment = this.#hash(log, MOMENT);
    view.body = this.#hash(log, BODY);
    view.identity = this.#hash(log, IDENTIFYING);
  }

  #hash(log: Cursor, wanted: ReadonlySet<number>): number {
    const hasher = this.#hasher;
    const fields = this.#fields;
    hasher.begin();
    for (fields.enter(log); fields.next();) {
      if (!wanted.has(fields.field)) continue;
      hasher.number(fields.field);
      hasher.context(fields.start, fields.end);
    }
    hasher.end();
    return hash53(hasher);
  }

  /** Each data point is an item; what is around the points goes to the first of them. */
  #metric(at: Cursor): void {
    const view = this.#view;
    const fields = this.#fields;
    let [nameStart, nameEnd] = [at.start, at.start];
    for (fields.enter(at); fields.next();) {
      if (fields.field !== METRIC.name || fields.wireType !== LEN) continue;
      [nameStart, nameEnd] = [fields.start, fields.end];
    }
    view.metric = utf8(at.bytes, nameStart, nameEnd);
    view.isError = false;
    for (fields.enter(at); fields.next();) {
      if (!isMetricData(fields.field) || fields.wireType !== LEN) continue;
      const data = this.#data;
      let around = at.end - at.tagStart - dataBytes(fields, data);
      for (data.enter(fields); data.next();) {
        if (data.field !== METRIC_DATA.dataPoints || data.wireType !== LEN) continue;
        view.series = this.#series(data, pointAttributes(fields.field), nameStart, nameEnd);
        view.bytes = data.end - data.tagStart + around;
        around = 0;
        this.#onItem(view);
      }
    }
  }

  #series(point: Cursor, attributes: number, nameStart: number, nameEnd: number): number {
    const hasher = this.#hasher;
    const points = this.#points;
    hasher.begin(this.#low, this.#mid, this.#high);
    hasher.context(nameStart, nameEnd);
    for (points.enter(point); points.next();) {
      if (points.field === attributes && points.wireType === LEN) hasher.attribute(points.start, points.end);
    }
    hasher.end();
    return hash53(hasher);
  }

  /** The one attribute that is looked for, as far as it is a text. */
  #text(bytes: Uint8Array, { starts, ends }: WantedAttributes): string {
    const start = starts[0] ?? -1;
    let text = '';
    if (start < 0) return text;
    const at = this.#value;
    for (at.reset(bytes, start, ends[0] ?? start); at.next();) {
      if (at.field === ANY_VALUE.string && at.wireType === LEN) text = at.string();
    }
    return text;
  }
}

/** What processors leave as it is, mostly. */
const MOMENT: ReadonlySet<number> = new Set([LOG.timeUnixNano, LOG.observedTimeUnixNano, LOG.traceId, LOG.spanId]);
const BODY: ReadonlySet<number> = new Set([LOG.body]);
const IDENTIFYING: ReadonlySet<number> = new Set([...MOMENT, ...BODY]);

function hash53({ low, mid }: SeriesHasher): number {
  return (low >>> 0) + (mid & 0x1f_ff_ff) * 2 ** 32;
}

/** Bytes of the points of Gauge, Sum and so on. */
function dataBytes(data: Cursor, points: Cursor): number {
  let bytes = 0;
  for (points.enter(data); points.next();) {
    if (points.field === METRIC_DATA.dataPoints && points.wireType === LEN) bytes += points.end - points.tagStart;
  }
  return bytes;
}

function placeOf({ start, end }: Cursor, length: number): number {
  return end - start === length ? start : -1;
}
