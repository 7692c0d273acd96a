import { keptText } from '../../core/kept-text.ts';
import { RESOURCE, RESOURCE_X } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Found, KeyPart } from './key-parts.ts';
import { WantedAttributes } from '../../otlp/wanted-attributes.ts';

/** Of the text of a key, which stands in labels of metrics. */
const MAX_TEXT_LENGTH = 128;

/** The attributes that keys are made of, of the resource and of the item that are read. */
export class KeySource implements Found {
  bytes: Uint8Array = EMPTY;
  view: DataView = NO_VIEW;
  readonly resource: WantedAttributes;
  readonly item: WantedAttributes;
  readonly #fields = new Cursor();
  readonly #attributes = new Cursor();

  constructor(names: readonly string[]) {
    this.resource = new WantedAttributes(names);
    this.item = new WantedAttributes(names);
  }

  /** The ResourceX that `at` stands on. Its Resource may come after its items. */
  readResource(at: Cursor): void {
    if (this.bytes !== at.bytes) {
      this.bytes = at.bytes;
      this.view = new DataView(at.bytes.buffer, at.bytes.byteOffset, at.bytes.byteLength);
    }
    this.resource.reset();
    for (this.#fields.enter(at); this.#fields.next();) {
      if (this.#fields.field !== RESOURCE_X.resource || this.#fields.wireType !== LEN) continue;
      for (this.#attributes.enter(this.#fields); this.#attributes.next();) {
        if (this.#attributes.field !== RESOURCE.attributes || this.#attributes.wireType !== LEN) continue;
        this.resource.offer(at.bytes, this.#attributes.start, this.#attributes.end);
      }
    }
  }

  release(): void {
    this.bytes = EMPTY;
    this.view = NO_VIEW;
    for (const cursor of [this.#fields, this.#attributes]) cursor.reset(EMPTY, 0, 0);
    this.resource.release();
    this.item.release();
  }
}

export function keyText(parts: readonly KeyPart[]): string {
  const text = parts.map((part) => part.text().trim()).filter((each) => each !== '');
  return text.length === 0 ? '(none)' : keptText(text.join(' '), MAX_TEXT_LENGTH);
}

const EMPTY = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(EMPTY.buffer);
