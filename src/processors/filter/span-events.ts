import { EVENT, SPAN } from '../../otlp/fields.ts';
import { makePlace, type Place } from '../../otlp/place.ts';
import { selectField } from '../../otlp/select-fields.ts';
import type { FieldPath } from '../../otlp/select-path.ts';
import {
  attributeField,
  attributesField,
  readFixed64,
  readText,
  readUint,
  scalarField,
  type AttributesOf,
  type Field,
} from '../../otlp/select.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Condition } from './condition.ts';
import { parseOttlOver } from './ottl.ts';

/**
 * Conditions on the events of a span. An event is looked at as an item of its own, in the place of its span: what is
 * around the span is where it was, and the span itself is looked at for names that begin with `span.`.
 */

const ATTRIBUTES: AttributesOf = { level: 'item', down: undefined, number: () => EVENT.attributes };

const FIELDS: Readonly<Record<string, () => Field>> = {
  name: () => scalarField('item', [EVENT.name], readText, ''),
  time_unix_nano: () => scalarField('item', [EVENT.timeUnixNano], readFixed64, 0n),
  dropped_attributes_count: () => scalarField('item', [EVENT.droppedAttributesCount], readUint, 0),
};

/** Holds of a span when the condition holds of one of its events. Throws OttlError. */
export function parseEventOttl(text: string): Condition {
  const walk = new EventWalk();
  const condition = parseOttlOver(text, {
    select: (path) => walk.field(path),
    unknown: (name) =>
      `${name} is not a field of span events; there are attributes["key"], ${Object.keys(FIELDS).join(', ')}, ` +
      'and those of span., scope. and resource.',
  });
  return (span) => walk.any(span, condition);
}

class EventWalk {
  readonly #place = makePlace('traces');
  readonly #events = new Cursor();
  #spanStart = 0;
  #spanEnd = 0;

  any(span: Place, condition: Condition): boolean {
    const place = Object.assign(this.#place, span);
    this.#spanStart = span.itemStart;
    this.#spanEnd = span.itemEnd;
    const events = this.#events;
    for (events.reset(span.bytes, span.itemStart, span.itemEnd); events.next();) {
      if (events.field !== SPAN.events || events.wireType !== LEN) continue;
      place.itemStart = events.start;
      place.itemEnd = events.end;
      if (condition(place)) return true;
    }
    return false;
  }

  field(path: FieldPath): Field | undefined {
    const name = path.name.replace(/^spanevent\./, '');
    if (/^(resource|scope|instrumentation_scope)\./.test(name)) return selectField('traces', path);
    if (name.startsWith('span.')) return this.#ofSpan(selectField('traces', path));
    if (name === 'attributes') return attributes(path.keys);
    return path.keys.length === 0 && Object.hasOwn(FIELDS, name) ? FIELDS[name]?.() : undefined;
  }

  #ofSpan(field: Field | undefined): Field | undefined {
    return (
      field && {
        read: (place) => {
          const { itemStart, itemEnd } = place;
          place.itemStart = this.#spanStart;
          place.itemEnd = this.#spanEnd;
          const value = field.read(place);
          place.itemStart = itemStart;
          place.itemEnd = itemEnd;
          return value;
        },
      }
    );
  }
}

function attributes([first, ...rest]: FieldPath['keys']): Field | undefined {
  if (first === undefined) return attributesField(ATTRIBUTES);
  return typeof first === 'string' ? attributeField(ATTRIBUTES, first, rest) : undefined;
}
