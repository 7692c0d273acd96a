import { RESOURCE, RESOURCE_X, SPAN, STATUS } from '../../../otlp/fields.ts';
import type { Place } from '../../../otlp/place.ts';
import { Cursor, I32, LEN } from '../../../otlp/wire.ts';
import { WantedAttributes } from '../../../otlp/wanted-attributes.ts';

/**
 * What the conditions of one sampler want of a span, found in one walk over it for all of them, and of its resource in
 * one walk for all of its spans. What was found is known by the serial of the resource and where the span stands in it:
 * the bytes of a request may be written over, and a serial does not come again.
 */
export class SpanReader {
  readonly ofSpan = new WantedAttributes();
  readonly ofResource = new WantedAttributes();
  statusCode = 0;
  flags = 0;
  /** The text of the tracestate; empty when there is none. */
  traceStateStart = 0;
  traceStateEnd = 0;
  #resourceSerial = -1;
  #spanSerial = -1;
  #spanStart = -1;
  readonly #at = new Cursor();
  readonly #inner = new Cursor();

  /** Of a span; the object is the same always. */
  read(place: Place): this {
    const { resourceSerial, itemStart } = place;
    if (resourceSerial !== this.#spanSerial || itemStart !== this.#spanStart) {
      this.#readSpan(place);
      this.#spanSerial = resourceSerial;
      this.#spanStart = itemStart;
    }
    return this;
  }

  /** Of the resource of a span. */
  readResource(place: Place): this {
    if (place.resourceSerial !== this.#resourceSerial) {
      this.#readResource(place);
      this.#resourceSerial = place.resourceSerial;
    }
    return this;
  }

  #readSpan({ bytes, itemStart, itemEnd }: Place): void {
    const at = this.#at;
    this.ofSpan.reset();
    this.statusCode = 0;
    this.flags = 0;
    this.traceStateStart = this.traceStateEnd = 0;
    for (at.reset(bytes, itemStart, itemEnd); at.next();) {
      switch (at.field) {
        case SPAN.attributes:
          if (at.wireType === LEN) this.ofSpan.offer(bytes, at.start, at.end);
          break;
        case SPAN.traceState:
          if (at.wireType === LEN) [this.traceStateStart, this.traceStateEnd] = [at.start, at.end];
          break;
        case SPAN.status:
          if (at.wireType === LEN) this.#readStatus(at);
          break;
        case SPAN.flags:
          if (at.wireType === I32) this.flags = at.fixed32();
          break;
      }
    }
  }

  #readStatus(at: Cursor): void {
    for (this.#inner.enter(at); this.#inner.next();) {
      if (this.#inner.field === STATUS.code) this.statusCode = this.#inner.int32();
    }
  }

  #readResource({ bytes, resourceStart, resourceEnd }: Place): void {
    const [at, inner] = [this.#at, this.#inner];
    this.ofResource.reset();
    for (at.reset(bytes, resourceStart, resourceEnd); at.next();) {
      if (at.field !== RESOURCE_X.resource || at.wireType !== LEN) continue;
      for (inner.enter(at); inner.next();) {
        if (inner.field === RESOURCE.attributes && inner.wireType === LEN) {
          this.ofResource.offer(bytes, inner.start, inner.end);
        }
      }
    }
  }
}
