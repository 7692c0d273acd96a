import { partOfBatch, type Batch } from '../../core/batch.ts';
import { keptText } from '../../core/kept-text.ts';
import type { Cost } from '../../core/rate-limit.ts';
import type { Signal } from '../../core/signal.ts';
import { countInResource } from '../../otlp/count.ts';
import { REQUEST, RESOURCE, RESOURCE_X } from '../../otlp/fields.ts';
import { makePlace, type Place } from '../../otlp/place.ts';
import { attributeField, releaseFields, type Field } from '../../otlp/select.ts';
import { valueText } from '../../otlp/value-text.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { MAX_NAME_LENGTH, type RateLimitConfig } from './config.ts';

/** What of a batch is whose. */
export interface Share extends Cost {
  readonly name: string;
}

/** Whose a batch is, and its parts. Throws payload_malformed. */
export interface Division {
  /** One share for each tenant in the batch. */
  shares(batch: Batch): readonly Share[];
  /** The batch without the resources of these tenants; some resources of others are left. */
  without(batch: Batch, names: ReadonlySet<string>): Batch;
}

export function divisionBy({ by, default_tenant: nobody }: RateLimitConfig, signal: Signal): Division {
  if (by?.resource_attribute !== undefined) return new DivisionByResource(by.resource_attribute, nobody, signal);
  const header = by?.metadata;
  const nameOf = ({ metadata }: Batch): string =>
    header === undefined ? nobody : nameFrom(metadata?.get(header), nobody);
  return {
    shares: (batch) => [{ name: nameOf(batch), items: batch.items, bytes: batch.bytes }],
    without: (batch) => batch,
  };
}

function nameFrom(text: string | undefined, nobody: string): string {
  return text === undefined || text === '' ? nobody : keptText(text, MAX_NAME_LENGTH);
}

/** Reads one attribute of each resource and skips over the rest; a batch of one tenant is neither counted nor cut. */
class DivisionByResource implements Division {
  readonly #nobody: string;
  readonly #field: Field;
  readonly #place: Place;
  readonly #resources = new Cursor();

  constructor(attribute: string, nobody: string, signal: Signal) {
    const list = { level: 'resource', down: RESOURCE_X.resource, number: () => RESOURCE.attributes } as const;
    this.#field = attributeField(list, attribute, []);
    this.#nobody = nobody;
    this.#place = makePlace(signal);
  }

  shares(batch: Batch): readonly Share[] {
    const only = this.#onlyName(batch);
    if (only !== undefined) return [{ name: only, items: batch.items, bytes: batch.bytes }];
    const shares = new Map<string, { name: string; items: number; bytes: number }>();
    this.#walk(batch, (name, at) => {
      let share = shares.get(name);
      if (share === undefined) shares.set(name, (share = { name, items: 0, bytes: 0 }));
      share.items += countInResource(batch.signal, at);
      share.bytes += at.end - at.tagStart;
    });
    return [...shares.values()];
  }

  without(batch: Batch, names: ReadonlySet<string>): Batch {
    const chunks: Uint8Array[] = [];
    let items = 0;
    let [source, start, end] = [EMPTY, 0, 0];
    // Adjoining resources stay one chunk.
    const endRun = (): void => {
      if (end > start) chunks.push(source.subarray(start, end));
    };
    this.#walk(batch, (name, at) => {
      if (names.has(name)) return;
      items += countInResource(batch.signal, at);
      if (at.bytes !== source || at.tagStart !== end) {
        endRun();
        [source, start] = [at.bytes, at.tagStart];
      }
      end = at.end;
    });
    endRun();
    return partOfBatch(batch, chunks, items);
  }

  /** Undefined when there are several. */
  #onlyName(batch: Batch): string | undefined {
    const names = new Set<string>();
    this.#walk(batch, (name) => void names.add(name));
    const [first = this.#nobody] = names;
    return names.size > 1 ? undefined : first;
  }

  #walk(batch: Batch, visit: (name: string, at: Cursor) => void): void {
    const at = this.#resources;
    try {
      for (const chunk of batch.chunks) {
        this.#place.bytes = chunk;
        for (at.reset(chunk, 0, chunk.length); at.next();) {
          if (at.field === REQUEST.resources && at.wireType === LEN) visit(this.#nameOf(at), at);
        }
      }
    } finally {
      // The cursors outlive the batch, its bytes must not.
      this.#place.bytes = EMPTY;
      at.reset(EMPTY, 0, 0);
      releaseFields();
    }
  }

  #nameOf(at: Cursor): string {
    const place = this.#place;
    place.resourceStart = at.start;
    place.resourceEnd = at.end;
    place.resourceSerial += 1;
    const value = this.#field.read(place);
    return nameFrom(value === undefined ? undefined : valueText(value), this.#nobody);
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);
