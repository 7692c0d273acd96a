import type { Signal } from '../../core/signal.ts';
import { isPlainObject, memberOf, textOf, type JsonObject } from './json-value.ts';
import { normalized } from './normal.ts';

/** One item of an output, as its line and the one before it say. */
export interface Item {
  readonly signal: Signal;
  readonly surroundings: JsonObject;
  /** Span, logRecord or metric. */
  readonly body: JsonObject;
}

const MEMBER = { span: 'traces', logRecord: 'logs', metric: 'metrics' } as const;

/** The items of lines as ItemLines writes them. Throws SyntaxError for what is none. */
export function* itemsOf(lines: Uint8Array): Generator<Item, undefined> {
  let surroundings: JsonObject = {};
  for (const line of Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString('utf8').split('\n')) {
    if (line === '') continue;
    const value: unknown = JSON.parse(line);
    if (!isPlainObject(value)) throw new SyntaxError('a line is no object');
    const item = itemOf(value, surroundings);
    if (item === undefined) surroundings = value;
    else yield item;
  }
  return undefined;
}

function itemOf(value: JsonObject, surroundings: JsonObject): Item | undefined {
  for (const [member, signal] of Object.entries(MEMBER)) {
    const body = value[member];
    if (isPlainObject(body)) return { signal, surroundings, body };
  }
  return undefined;
}

/** The point of a metric of one point. */
export function pointOf(metric: JsonObject): JsonObject {
  for (const data of Object.values(metric)) {
    const points = memberOf(data, 'dataPoints');
    const list: readonly unknown[] = Array.isArray(points) ? points : [];
    if (isPlainObject(list[0])) return list[0];
  }
  return {};
}

/** What makes it this item and no other, as far as it says: two items of different outputs with equal identity are compared. */
export function identityOf({ signal, surroundings, body }: Item): string {
  if (signal === 'traces') return `${textOf(body, 'traceId')} ${textOf(body, 'spanId')}`;
  if (signal === 'logs') {
    return `${JSON.stringify(normalized(body['body']))} ${textOf(body, 'timeUnixNano') || textOf(body, 'observedTimeUnixNano')}`;
  }
  const point = pointOf(body);
  const attributes = normalized(point['attributes']);
  return JSON.stringify([textOf(body, 'name'), attributes, point['timeUnixNano'], normalized(surroundings)]);
}

/** The same without its time: what a log says, the series of a point. */
export function timelessOf(item: Item): string {
  const { signal, surroundings, body } = item;
  if (signal === 'traces') return identityOf(item);
  if (signal === 'logs') return JSON.stringify(normalized(body['body']));
  return JSON.stringify([textOf(body, 'name'), normalized(pointOf(body)['attributes']), normalized(surroundings)]);
}

/** What a person calls it. */
export function titleOf({ signal, body }: Item): string {
  if (signal === 'traces')
    return `span ${textOf(body, 'spanId')} of trace ${textOf(body, 'traceId')} "${textOf(body, 'name')}"`;
  if (signal === 'logs') return `log "${shortText(body['body'])}"${momentText(body)}`;
  const point = pointOf(body);
  return `metric ${textOf(body, 'name')}${labelsText(point['attributes'])} at ${textOf(point, 'timeUnixNano')}`;
}

/** Where to look for a log: its trace, else its time. */
function momentText(body: JsonObject): string {
  const traceId = textOf(body, 'traceId');
  if (traceId !== '') return ` of trace ${traceId}`;
  const nanos = Number(textOf(body, 'timeUnixNano') || textOf(body, 'observedTimeUnixNano'));
  const time = new Date(nanos / 1e6);
  return nanos > 0 && !Number.isNaN(time.getTime()) ? ` at ${time.toISOString()}` : '';
}

/** A span with the status ERROR, or a log record of ERROR and worse. */
export function isError({ signal, body }: Item): boolean {
  if (signal === 'traces') return memberOf(body['status'], 'code') === STATUS_ERROR;
  return signal === 'logs' && Number(body['severityNumber'] ?? 0) >= SEVERITY_ERROR;
}

const STATUS_ERROR = 2;
const SEVERITY_ERROR = 17;

function shortText(body: unknown): string {
  const text = textOf(body, 'stringValue') || JSON.stringify(body ?? null);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

function labelsText(attributes: unknown): string {
  if (!Array.isArray(attributes) || attributes.length === 0) return '';
  const list: unknown[] = attributes;
  return `{${list.map((one) => `${textOf(one, 'key')}=${valueText(memberOf(one, 'value'))}`).join(', ')}}`;
}

/** An AnyValue as a person writes it. */
export function valueText(value: unknown): string {
  if (!isPlainObject(value)) return value === undefined ? 'nothing' : JSON.stringify(value);
  const [first] = Object.entries(value);
  if (first === undefined) return 'nothing';
  const [kind, content] = first;
  if (kind === 'intValue') return String(content);
  return JSON.stringify(content);
}
