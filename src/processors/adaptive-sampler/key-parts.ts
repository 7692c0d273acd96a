import { RemoraError } from '../../core/errors.ts';
import { ANY_VALUE, KEY_VALUE, VALUES } from '../../otlp/fields.ts';
import { valueText } from '../../otlp/value-text.ts';
import { readAnyValue } from '../../otlp/value.ts';
import { Cursor, LEN, utf8 } from '../../otlp/wire.ts';
import type { ByteHash } from './byte-hash.ts';
import { walkShape, type ShapeSink } from './message-shape.ts';
import type { WantedAttributes } from '../../otlp/wanted-attributes.ts';

/** One part of the key of the item that was read last: how it enters the hash, and how a person reads it. */
export interface KeyPart {
  addTo(hash: ByteHash): void;
  text(): string;
}

/** The request that is read, and what was found of the resource and of the item in it. */
export interface Found {
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly view: DataView;
  readonly resource: WantedAttributes;
  readonly item: WantedAttributes;
}

/** The attribute of the item, else that of its resource; `orElse` when there is none. */
export function attributePart(found: Found, key: string, orElse: KeyPart = NOTHING): KeyPart {
  const { item, resource } = found;
  const index = item.indexOf(key);
  return {
    addTo(hash) {
      const ofItem = item.starts[index] ?? -1;
      const ofResource = resource.starts[index] ?? -1;
      if (ofItem >= 0) hash.addView(found.view, ofItem, item.ends[index] ?? 0);
      else if (ofResource >= 0) hash.addView(found.view, ofResource, resource.ends[index] ?? 0);
      else orElse.addTo(hash);
    },
    text() {
      const list = (item.starts[index] ?? -1) >= 0 ? item : resource;
      const start = list.starts[index] ?? -1;
      return start < 0 ? orElse.text() : readText(found.bytes, start, list.ends[index] ?? start);
    },
  };
}

/** Of the AnyValue in [start, end). Its bytes are what makes a key; that nobody can read them is no reason to refuse it. */
function readText(bytes: Uint8Array, start: number, end: number): string {
  try {
    return valueText(readAnyValue(lenCursor(bytes, start, end)));
  } catch (error) {
    if (error instanceof RemoraError) return '(malformed)';
    throw error;
  }
}

/** A text that stands in the request. */
export function textPart(found: Found, start: () => number, end: () => number): KeyPart {
  return {
    addTo: (hash) => void hash.addView(found.view, start(), end()),
    text: () => utf8(found.bytes, start(), end()),
  };
}

/** A small number with names. */
export function numberPart(value: () => number, names: readonly string[]): KeyPart {
  return { addTo: (hash) => void hash.word(value()), text: () => names[value()] ?? String(value()) };
}

/**
 * The shape of a body, the AnyValue in [start, end): of a text as `walkShape` has it; of a map its keys, and the shape of
 * the text under `message` or `msg`. Of anything else its type alone.
 */
export function bodyPart(found: Found, start: () => number, end: () => number): KeyPart {
  const cursors = [new Cursor(), new Cursor(), new Cursor()] as const;
  const walk = (sink: ShapeSink): void => {
    const [any] = cursors;
    for (any.reset(found.bytes, start(), end()); any.next();) {
      if (any.field === ANY_VALUE.string && any.wireType === LEN) walkShape(any.bytes, any.start, any.end, sink);
      else if (any.field === ANY_VALUE.kvlist && any.wireType === LEN) walkMap(any, cursors[1], cursors[2], sink);
      else sink.word(any.field);
    }
    for (const cursor of cursors) cursor.reset(EMPTY, 0, 0);
  };
  return {
    addTo: walk,
    text() {
      const text = new ShapeText();
      walk(text);
      return text.value;
    },
  };
}

const NOTHING: KeyPart = { addTo: (hash) => void hash.word(0), text: () => '' };

const EMPTY = new Uint8Array(0);
const MESSAGE_KEYS = ['message', 'msg'].map((key) => Buffer.from(key));

function walkMap(map: Cursor, pairs: Cursor, pair: Cursor, sink: ShapeSink): void {
  for (pairs.enter(map); pairs.next();) {
    if (pairs.field !== VALUES.values || pairs.wireType !== LEN) continue;
    let isMessage = false;
    for (pair.enter(pairs); pair.next();) {
      if (pair.wireType !== LEN) continue;
      if (pair.field === KEY_VALUE.key) {
        sink.add(pair.bytes, pair.start, pair.end);
        isMessage = MESSAGE_KEYS.some((key) => pair.equals(key));
      } else if (isMessage) walkText(pair, sink);
    }
  }
}

/** The text in an AnyValue, which mostly is its only field. */
function walkText(value: Cursor, sink: ShapeSink): void {
  const any = new Cursor().enter(value);
  while (any.next()) {
    if (any.field === ANY_VALUE.string && any.wireType === LEN) walkShape(any.bytes, any.start, any.end, sink);
  }
}

/** A shape to be read. */
class ShapeText implements ShapeSink {
  value = '';

  add(bytes: Uint8Array, start: number, end: number): void {
    this.value += utf8(bytes, start, end);
  }

  word(byte: number): void {
    this.value += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ' ';
  }
}

/** On a LEN field with this content, for those who read a field. */
function lenCursor(bytes: Uint8Array, start: number, end: number): Cursor {
  const cursor = new Cursor(bytes, start, end);
  cursor.wireType = LEN;
  cursor.start = start;
  cursor.end = end;
  return cursor;
}
