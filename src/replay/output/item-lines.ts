import type { Signal } from '../../core/signal.ts';
import { isMetricData } from '../../otlp/count.ts';
import { METRIC_DATA, REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { JsonOutput, MessageWriter, REQUEST_MESSAGE, type Message } from '../../otlp/json.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';

/** The member of an item's line. */
export const ITEM_KEY = { traces: 'span', logs: 'logRecord', metrics: 'metric' } as const;

interface Range {
  readonly start: number;
  readonly end: number;
}

const NONE: Range = { start: 0, end: 0 };

/**
 * Telemetry as lines of OTLP/JSON that a person can read and a diff can compare: one line an item, and before it one with
 * its surroundings when these are other than those of the item before.
 *
 *     {"resource":{"attributes":[...]},"scope":{"name":"..."}}
 *     {"span":{"traceId":"...","name":"GET /cart",...}}
 *     {"span":{...}}
 *
 * Of a metric, each data point is an item: a metric with this one point. Members are those of the .proto files, in their
 * order, with `schemaUrl` and `scopeSchemaUrl` beside resource and scope.
 */
export class ItemLines {
  readonly #signal: Signal;
  readonly #messages: { readonly resource: Message; readonly scope: Message; readonly item: Message };
  readonly #itemKey: Buffer;
  readonly #point = new Writer(4096);
  readonly #output = new JsonOutput(64 * 1024);
  readonly #line = new JsonOutput(1024);
  #surroundings: Buffer = Buffer.alloc(0);

  constructor(signal: Signal) {
    this.#signal = signal;
    this.#itemKey = Buffer.from(`{"${ITEM_KEY[signal]}":`);
    const resourceX = below(REQUEST_MESSAGE[signal], REQUEST.resources);
    const scopeX = below(resourceX, RESOURCE_X.scopes);
    this.#messages = {
      resource: below(resourceX, RESOURCE_X.resource),
      scope: below(scopeX, SCOPE_X.scope),
      item: below(scopeX, SCOPE_X.items),
    };
  }

  /** The lines of a request, each with its end; they hold until the next request. */
  of(request: Uint8Array): Uint8Array {
    const output = this.#output;
    output.clear();
    const json = new MessageWriter(output);
    for (const resource = new Cursor(request); resource.next();) {
      if (resource.field !== REQUEST.resources || resource.wireType !== LEN) continue;
      for (const scope = new Cursor().enter(resource); scope.next();) {
        if (scope.field !== RESOURCE_X.scopes || scope.wireType !== LEN) continue;
        let isFirst = true;
        for (const item = new Cursor().enter(scope); item.next();) {
          if (item.field !== SCOPE_X.items || item.wireType !== LEN) continue;
          if (isFirst) this.#writeSurroundings(output, resource, scope);
          isFirst = false;
          if (this.#signal === 'metrics') this.#writePoints(output, json, item);
          else this.#writeItem(output, json, request, item);
        }
      }
    }
    return output.written;
  }

  /** The next request begins with its surroundings, whatever those before were. */
  forget(): void {
    this.#surroundings = Buffer.alloc(0);
  }

  #writeSurroundings(output: JsonOutput, resource: Cursor, scope: Cursor): void {
    const line = this.#line;
    line.clear();
    const json = new MessageWriter(line);
    const { bytes } = resource;
    const [resourceAt, scopeAt] = [lastOf(resource, RESOURCE_X.resource), lastOf(scope, SCOPE_X.scope)];
    line.ascii('{"resource":');
    json.message(this.#messages.resource, bytes, resourceAt.start, resourceAt.end);
    writeText(line, ',"schemaUrl":', bytes, lastOf(resource, RESOURCE_X.schemaUrl));
    line.ascii(',"scope":');
    json.message(this.#messages.scope, bytes, scopeAt.start, scopeAt.end);
    writeText(line, ',"scopeSchemaUrl":', bytes, lastOf(scope, SCOPE_X.schemaUrl));
    line.ascii('}\n');
    const text = line.written;
    if (this.#surroundings.equals(text)) return;
    this.#surroundings = Buffer.from(text);
    output.bytes(text);
  }

  #writeItem(output: JsonOutput, json: MessageWriter, bytes: Uint8Array, { start, end }: Range): void {
    output.bytes(this.#itemKey);
    json.message(this.#messages.item, bytes, start, end);
    output.ascii('}\n');
  }

  /** The metric once for each point, with nothing of its data but the point and what describes all of them. */
  #writePoints(output: JsonOutput, json: MessageWriter, metric: Cursor): void {
    const data = new Cursor();
    for (const field = new Cursor().enter(metric); field.next();) {
      if (!isMetricData(field.field) || field.wireType !== LEN) continue;
      for (data.enter(field); data.next();) {
        if (data.field !== METRIC_DATA.dataPoints || data.wireType !== LEN) continue;
        const writer = this.#point;
        writer.pos = 0;
        copyFields(writer, metric.bytes, metric, (at) => !isMetricData(at.field));
        const mark = writer.begin(field.field);
        copyFields(writer, metric.bytes, field, (at) => at.field !== METRIC_DATA.dataPoints);
        writer.raw(metric.bytes, data.tagStart, data.end);
        writer.end(mark);
        this.#writeItem(output, json, writer.buffer, { start: 0, end: writer.pos });
      }
    }
  }
}

function below(message: Message, field: number): Message {
  const type = message.byNumber[field]?.type;
  if (typeof type !== 'object')
    throw new TypeError(`The OTLP table has no message in field ${field} of ${message.name}.`);
  return type;
}

function copyFields(writer: Writer, bytes: Uint8Array, { start, end }: Range, keeps: (at: Cursor) => boolean): void {
  for (const at = new Cursor(bytes, start, end); at.next();) if (keeps(at)) writer.raw(bytes, at.tagStart, at.end);
}

/** The content of the last field of this number in the message that `parent` stands on. */
function lastOf(parent: Cursor, field: number): Range {
  let range = NONE;
  for (const at = new Cursor().enter(parent); at.next();) {
    if (at.field === field && at.wireType === LEN) range = { start: at.start, end: at.end };
  }
  return range;
}

function writeText(output: JsonOutput, key: string, bytes: Uint8Array, { start, end }: Range): void {
  if (start === end) return;
  output.ascii(key);
  output.string(bytes, start, end);
}
