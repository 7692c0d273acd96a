import { KEY_VALUE, NUMBER_POINT, RESOURCE, SCOPE } from '../../src/otlp/fields.ts';
import { writeKeyValue, type AttributeValue } from '../../src/otlp/value.ts';
import { Writer } from '../../src/otlp/writer.ts';
import type { LimitedMetric, SeenPlace } from '../../src/processors/cardinality-limit/explain/explanation.ts';

export interface Attributes {
  readonly [key: string]: AttributeValue;
}

export interface SeenFrom {
  readonly point?: Attributes;
  readonly resource?: Attributes;
  readonly scope?: Attributes;
  readonly scopeName?: string;
  /** Written as they are: contents of KeyValues of the point. */
  readonly raw?: readonly Uint8Array[];
}

export interface SeenPoint {
  readonly place: SeenPlace;
  /** Of the content of the data point. */
  readonly start: number;
  readonly end: number;
}

/** A data point with what is around it, as the limiter would show it. */
export function seenPoint({ point = {}, resource = {}, scope = {}, scopeName = '', raw = [] }: SeenFrom): SeenPoint {
  const writer = new Writer();
  for (const [key, value] of Object.entries(point)) writeKeyValue(writer, NUMBER_POINT.attributes, key, value);
  for (const bytes of raw) writer.bytes(NUMBER_POINT.attributes, bytes);
  const pointEnd = writer.pos;
  for (const [key, value] of Object.entries(resource)) writeKeyValue(writer, RESOURCE.attributes, key, value);
  const resourceEnd = writer.pos;
  if (scopeName !== '') writer.string(SCOPE.name, scopeName);
  for (const [key, value] of Object.entries(scope)) writeKeyValue(writer, SCOPE.attributes, key, value);
  const place = {
    bytes: Uint8Array.from(writer.buffer.subarray(0, writer.pos)),
    attributesField: NUMBER_POINT.attributes,
    resourceStart: pointEnd,
    resourceEnd,
    scopeStart: resourceEnd,
    scopeEnd: writer.pos,
  };
  return { place, start: 0, end: pointEnd };
}

/** The content of a KeyValue whose value comes before its key, as the wire allows. */
export function reversedPair(key: string, value: AttributeValue): Uint8Array {
  const writer = new Writer();
  writeKeyValue(writer, 1, key, value);
  const pair = writer.buffer.subarray(2, writer.pos);
  const valueAt = 2 + Buffer.byteLength(key);
  const turned = Buffer.concat([pair.subarray(valueAt), pair.subarray(0, valueAt)]);
  if (turned[0] !== ((KEY_VALUE.value << 3) | 2)) throw new Error('This pair is longer than this function can turn.');
  return turned;
}

/** A metric whose numbers a test may change. */
export interface ChangingMetric extends LimitedMetric {
  limit: number;
  series: number;
}

export function changingMetric(name: string, more: Partial<ChangingMetric> = {}): ChangingMetric {
  return { name, service: 'shop', tenant: '', limit: 2000, series: 0, ...more };
}
