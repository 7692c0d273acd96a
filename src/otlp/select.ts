import { isMetricData } from './count.ts';
import { ANY_VALUE, KEY_VALUE } from './fields.ts';
import type { Place } from './place.ts';
import { readAnyValue, type AttributeValue } from './value.ts';
import { Cursor, LEN, VARINT } from './wire.ts';

/** What a field holds; undefined when the item does not have it. An integer beyond 2^53 is a bigint. */
export type FieldValue = Exclude<AttributeValue, null> | undefined;

/** Reads one field of an item, or of what is around it, from the bytes. */
export interface Field {
  read(place: Place): FieldValue;
  /** True when the field is a text of exactly these bytes; decodes nothing. Present where it is worth it. */
  readonly isText?: (place: Place, expected: Uint8Array) => boolean;
}

/** Where a field starts from: the content of one of the messages around the item. */
export type Level = 'resource' | 'scope' | 'metric' | 'item';

/** In a way down: whichever field of Metric holds the data points. */
export const METRIC_DATA_FIELD = -1;

type Read = (at: Cursor) => FieldValue;

/** One cursor for each message on the way down. */
const cursors = [new Cursor(), new Cursor(), new Cursor()];
const outer = new Cursor();
const inner = new Cursor();
const found = new Cursor();
const entry = new Cursor();
const value = new Cursor();

/** Lets go of the request that was read last: the cursors outlive it. */
export function releaseFields(): void {
  for (const cursor of [...cursors, outer, inner, found, entry, value]) cursor.reset(EMPTY, 0, 0);
}

const EMPTY = new Uint8Array(0);

/**
 * A single field: `way` are the field numbers down from `level`. `fallback` is what protobuf takes an absent field for,
 * or undefined when absence can be told.
 */
export function scalarField(level: Level, way: readonly number[], read: Read, fallback: FieldValue): Field {
  const field: Field = {
    read: (place) => (findAt(place, level, way) ? read(found) : fallback),
    ...(read === readText && level === 'item'
      ? { isText: (place: Place, expected: Uint8Array) => isTextAt(place, way, expected) }
      : {}),
  };
  return keptWhileSame(level, field);
}

/** A field whose number depends on the kind of data point; 0 where the kind does not have it. */
export function pointField(numberOf: (dataField: number) => number, read: Read, fallback: FieldValue): Field {
  return {
    read(place) {
      const number = numberOf(place.dataField);
      if (number === 0) return undefined;
      return findIn(place.bytes, place.itemStart, place.itemEnd, [number], 0) ? read(found) : fallback;
    },
  };
}

/** A field that holds an AnyValue, for example the body; `keys` go down into its maps and lists. */
export function valueField(level: Level, way: readonly number[], keys: readonly (string | number)[]): Field {
  const isPlain = keys.length === 0 && level === 'item';
  const field: Field = {
    read: (place) => (findAt(place, level, way) ? descend(readValue(found), keys) : undefined),
    ...(isPlain ? { isText: (place, expected) => findAt(place, level, way) && isValueText(found, expected) } : {}),
  };
  return keptWhileSame(level, field);
}

/** Where a list of attributes stands: in the message of `level`, or in its field `down`. */
export interface AttributesOf {
  readonly level: Level;
  readonly down: number | undefined;
  /** The number of the attributes field; for data points it depends on their kind. */
  number(place: Place): number;
}

/** The attribute `key`; further `keys` go down into its maps and lists. */
export function attributeField(list: AttributesOf, key: string, keys: readonly (string | number)[]): Field {
  const keyBytes = Buffer.from(key);
  const isPlain = keys.length === 0 && list.level === 'item';
  return keptWhileSame(list.level, {
    read: (place) => (findAttribute(place, list, keyBytes) ? descend(readValue(found), keys) : undefined),
    ...(isPlain ? { isText: (place, text) => findAttribute(place, list, keyBytes) && isValueText(found, text) } : {}),
  });
}

/** All attributes as a map. */
export function attributesField(list: AttributesOf): Field {
  return keptWhileSame(list.level, { read: (place) => readAll(place, list) });
}

// Reads of what a cursor stands on.

export const readText: Read = (at) => at.string();
export const readHex: Read = (at) => Buffer.from(at.view()).toString('hex');
export const readInt32: Read = (at) => at.int32();
export const readUint: Read = (at) => at.uint();
export const readBool: Read = (at) => at.int64() !== 0n;
export const readDouble: Read = (at) => at.double();
export const readFixed32: Read = (at) => at.fixed32();
/** Nanoseconds and counts: a bigint always, so that times compare exactly. */
export const readFixed64: Read = (at) => at.fixed64();
export const readSigned64: Read = (at) => BigInt.asIntN(64, at.fixed64());

/** The AnyValue in the field that `at` stands on. */
function readValue(at: Cursor): FieldValue {
  let result: FieldValue;
  for (value.enter(at); value.next();) {
    switch (value.field) {
      case ANY_VALUE.string:
        result = value.string();
        break;
      case ANY_VALUE.bool:
        result = value.int64() !== 0n;
        break;
      case ANY_VALUE.int:
        result = readInteger(value);
        break;
      case ANY_VALUE.double:
        result = value.double();
        break;
      default:
        return readAnyValue(at) ?? undefined;
    }
  }
  return result;
}

function readInteger(at: Cursor): number | bigint {
  if (at.wireType === VARINT && at.end - at.start <= 7) return at.uint();
  const exact = at.int64();
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

function isValueText(at: Cursor, expected: Uint8Array): boolean {
  let is = false;
  for (value.enter(at); value.next();) is = value.field === ANY_VALUE.string && value.equals(expected);
  return is;
}

function descend(from: FieldValue, keys: readonly (string | number)[]): FieldValue {
  let at: AttributeValue | undefined = from;
  for (const key of keys) {
    if (typeof key === 'number') at = Array.isArray(at) ? (at as readonly AttributeValue[])[key] : undefined;
    else at = at instanceof Map ? (at as ReadonlyMap<string, AttributeValue>).get(key) : undefined;
  }
  return at ?? undefined;
}

// Finding

function startOf(place: Place, level: Level): number {
  switch (level) {
    case 'resource':
      return place.resourceStart;
    case 'scope':
      return place.scopeStart;
    case 'metric':
      return place.metricStart;
    case 'item':
      return place.itemStart;
  }
}

function endOf(place: Place, level: Level): number {
  switch (level) {
    case 'resource':
      return place.resourceEnd;
    case 'scope':
      return place.scopeEnd;
    case 'metric':
      return place.metricEnd;
    case 'item':
      return place.itemEnd;
  }
}

/** Puts `found` on the last field at the end of `way`: where a field comes twice, protobuf takes the last. */
function findAt(place: Place, level: Level, way: readonly number[]): boolean {
  return findIn(place.bytes, startOf(place, level), endOf(place, level), way, 0);
}

function findIn(bytes: Uint8Array, start: number, end: number, way: readonly number[], depth: number): boolean {
  const cursor = cursors[depth];
  const wanted = way[depth];
  let seen = false;
  if (cursor === undefined || wanted === undefined) return false;
  const isLast = depth === way.length - 1;
  for (cursor.reset(bytes, start, end); cursor.next();) {
    if (cursor.field !== wanted && !(wanted === METRIC_DATA_FIELD && isMetricData(cursor.field))) continue;
    if (isLast) {
      copyPosition(cursor, found);
      seen = true;
    } else if (cursor.wireType === LEN && findIn(bytes, cursor.start, cursor.end, way, depth + 1)) {
      seen = true;
    }
  }
  return seen;
}

function copyPosition(from: Cursor, to: Cursor): void {
  to.reset(from.bytes, from.pos, from.limit);
  to.field = from.field;
  to.wireType = from.wireType;
  to.tagStart = from.tagStart;
  to.start = from.start;
  to.end = from.end;
}

function isTextAt(place: Place, way: readonly number[], expected: Uint8Array): boolean {
  return findAt(place, 'item', way) ? found.equals(expected) : expected.length === 0;
}

/** Puts `found` on the value of the first attribute with this key. */
function findAttribute(place: Place, list: AttributesOf, key: Uint8Array): boolean {
  const attributes = list.number(place);
  outer.reset(place.bytes, startOf(place, list.level), endOf(place, list.level));
  if (list.down === undefined) return findEntry(outer, attributes, key);
  while (outer.next()) {
    if (outer.field !== list.down || outer.wireType !== LEN) continue;
    if (findEntry(inner.enter(outer), attributes, key)) return true;
  }
  return false;
}

function findEntry(message: Cursor, attributes: number, key: Uint8Array): boolean {
  while (message.next()) {
    if (message.field === attributes && message.wireType === LEN && isEntry(message, key)) return true;
  }
  return false;
}

/** True when `at` is a KeyValue with this key and a value, which `found` then stands on. */
function isEntry(at: Cursor, key: Uint8Array): boolean {
  let hasKey = key.length === 0;
  let hasValue = false;
  for (entry.enter(at); entry.next();) {
    if (entry.field === KEY_VALUE.key) {
      hasKey = entry.equals(key);
      if (!hasKey) return false;
    } else if (entry.field === KEY_VALUE.value && entry.wireType === LEN) {
      copyPosition(entry, found);
      hasValue = true;
    }
  }
  return hasKey && hasValue;
}

function readAll(place: Place, list: AttributesOf): Map<string, AttributeValue> {
  const all = new Map<string, AttributeValue>();
  const attributes = list.number(place);
  outer.reset(place.bytes, startOf(place, list.level), endOf(place, list.level));
  if (list.down === undefined) addEntries(outer, attributes, all);
  else while (outer.next()) if (outer.field === list.down) addEntries(inner.enter(outer), attributes, all);
  return all;
}

function addEntries(message: Cursor, attributes: number, all: Map<string, AttributeValue>): void {
  while (message.next()) {
    if (message.field !== attributes || message.wireType !== LEN) continue;
    let key = '';
    let held: AttributeValue = null;
    for (entry.enter(message); entry.next();) {
      if (entry.field === KEY_VALUE.key) key = entry.string();
      else if (entry.field === KEY_VALUE.value) held = readAnyValue(entry);
    }
    if (!all.has(key)) all.set(key, held);
  }
}

/** What belongs to the resource, scope or metric is read once for each of them, not once for each item. */
function keptWhileSame(level: Level, field: Field): Field {
  if (level === 'item') return field;
  let serial = -1;
  let kept: FieldValue;
  return {
    read(place) {
      const now = serialOf(place, level);
      if (serial !== now) {
        kept = field.read(place);
        serial = now;
      }
      return kept;
    },
  };
}

function serialOf(place: Place, level: Exclude<Level, 'item'>): number {
  switch (level) {
    case 'resource':
      return place.resourceSerial;
    case 'scope':
      return place.scopeSerial;
    case 'metric':
      return place.metricSerial;
  }
}
