import { KEY_VALUE, RESOURCE, SCOPE } from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { keptName } from './kept-name.ts';
import { valueText } from '../../otlp/value-text.ts';
import { readAnyValue } from '../../otlp/value.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';

/** 96 bits, see SeriesHasher. */
export interface Identity {
  low: number;
  mid: number;
  high: number;
}

/**
 * What is around the data points of the metric that the walk stands on, by its identity.
 * - metric: tenant, service.name and name of the metric: what a limit is for.
 * - stream: tenant, resource, scope, name, unit, kind, temporality and monotonicity: with the attributes of a point it is a
 *   series (specification, metrics/data-model.md, "Timeseries model").
 */
export class Surroundings {
  readonly metric: Identity = { low: 0, mid: 0, high: 0 };
  readonly stream: Identity = { low: 0, mid: 0, high: 0 };
  /** Empty where nothing names one. */
  tenant = '';
  service = '';
  readonly #hasher: SeriesHasher;
  readonly #tenantKey: string | undefined;
  readonly #owner: Identity = { low: 0, mid: 0, high: 0 };
  readonly #resource: Identity = { low: 0, mid: 0, high: 0 };
  readonly #scope: Identity = { low: 0, mid: 0, high: 0 };
  readonly #message = new Cursor();
  readonly #entry = new Cursor();
  #batchTenant: string | undefined;
  #resourceSerial = -1;
  #scopeSerial = -1;

  /** `tenantKey`: the attribute of resources that names their tenant, where one does. */
  constructor(hasher: SeriesHasher, tenantKey: string | undefined) {
    this.#hasher = hasher;
    this.#tenantKey = tenantKey;
  }

  /** A batch follows; `tenant` is what its metadata says, where tenants are told apart by that. */
  begin(tenant: string | undefined): void {
    this.#batchTenant = tenant;
    this.#resourceSerial = -1;
    this.#scopeSerial = -1;
  }

  enter(place: MetricPlace): void {
    const hasher = this.#hasher;
    if (place.resourceSerial !== this.#resourceSerial) this.#readResource(place);
    if (place.scopeSerial !== this.#scopeSerial) this.#readScope(place);
    hasher.source(place.bytes);
    beginWith(hasher, this.#owner);
    hasher.context(place.nameStart, place.nameEnd);
    endInto(hasher, this.metric);
    beginWith(hasher, this.#scope);
    hasher.sameContext();
    hasher.context(place.unitStart, place.unitEnd);
    hasher.number(place.dataField | (place.temporality << 8) | (place.isMonotonic ? 1 << 16 : 0));
    endInto(hasher, this.stream);
  }

  release(): void {
    this.#message.reset(EMPTY, 0, 0);
    this.#entry.reset(EMPTY, 0, 0);
  }

  #readResource(place: MetricPlace): void {
    this.#resourceSerial = place.resourceSerial;
    this.#readNames(place);
    const hasher = this.#hasher;
    const names = Buffer.from(`${this.tenant}\n${this.service}`);
    hasher.source(names);
    hasher.begin();
    hasher.context(0, names.length);
    endInto(hasher, this.#owner);
    beginWith(hasher, this.#owner);
    hasher.source(place.bytes);
    const message = this.#message;
    for (message.reset(place.bytes, place.resourceStart, place.resourceEnd); message.next();) {
      if (message.field === RESOURCE.attributes && message.wireType === LEN)
        hasher.attribute(message.start, message.end);
    }
    endInto(hasher, this.#resource);
  }

  #readNames(place: MetricPlace): void {
    this.service = '';
    this.tenant = this.#batchTenant ?? '';
    const [message, entry] = [this.#message, this.#entry];
    for (message.reset(place.bytes, place.resourceStart, place.resourceEnd); message.next();) {
      if (message.field !== RESOURCE.attributes || message.wireType !== LEN) continue;
      let key = '';
      for (entry.enter(message); entry.next();) {
        if (entry.field === KEY_VALUE.key) key = entry.string();
        else if (entry.field === KEY_VALUE.value && key === SERVICE_NAME) this.service = textOf(entry);
        else if (entry.field === KEY_VALUE.value && key === this.#tenantKey) {
          this.tenant = textOf(entry);
        }
      }
    }
  }

  #readScope(place: MetricPlace): void {
    this.#scopeSerial = place.scopeSerial;
    const hasher = this.#hasher;
    hasher.source(place.bytes);
    beginWith(hasher, this.#resource);
    const message = this.#message;
    for (message.reset(place.bytes, place.scopeStart, place.scopeEnd); message.next();) {
      if (message.wireType !== LEN) continue;
      if (message.field === SCOPE.attributes) hasher.attribute(message.start, message.end);
      else if (message.field === SCOPE.name || message.field === SCOPE.version) {
        hasher.number(message.field);
        hasher.context(message.start, message.end);
      }
    }
    endInto(hasher, this.#scope);
  }
}

const EMPTY = new Uint8Array(0);
const SERVICE_NAME = 'service.name';

function beginWith(hasher: SeriesHasher, { low, mid, high }: Identity): void {
  hasher.begin(low, mid, high);
}

function endInto(hasher: SeriesHasher, into: Identity): void {
  hasher.end();
  into.low = hasher.low;
  into.mid = hasher.mid;
  into.high = hasher.high;
}

function textOf(at: Cursor): string {
  const value = readAnyValue(at);
  return value === null ? '' : keptName(valueText(value));
}
