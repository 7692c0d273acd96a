import type { Batch } from '../../core/batch.ts';
import { REQUEST, RESOURCE_X, SCOPE_X, SPAN } from '../../otlp/fields.ts';
import { Cursor, LEN, malformed } from '../../otlp/wire.ts';
import { RESOURCE_BYTES, SCOPE_BYTES } from './headers.ts';
import { grown } from './trace-ids.ts';

export interface SpansAround {
  readonly textBytes: number;
  readonly objectBytes: number;
}

/** One ScopeSpans of a request. */
export interface ScannedScope {
  readonly bytes: Buffer;
  readonly resource: ScannedResource;
  readonly start: number;
  readonly end: number;
  /** Its fields without the spans, as latin1 text. */
  fields: string;
}

interface ScannedResource {
  readonly start: number;
  readonly end: number;
  /** Its fields without the scopes, as latin1 text. */
  fields: string;
}

/** No valid trace id: absent, all zero, or not of 16 bytes. */
export const NO_ID = 0xffffffff;
const ID_BYTES = 16;

/**
 * Where each span of a request stands, and what is needed of it before its trace is known. Reads the whole request before
 * anything of it is kept, because a malformed one is refused as a whole. One scan is reused: what it says is valid until
 * the next `run` or `release`.
 */
export class SpanScan {
  /** Spans found. */
  count = 0;
  readonly scopes: ScannedScope[] = [];
  /** By span: the index of its scope, its content [start, end), and where its trace id stands. */
  scopeOf = new Uint32Array(0);
  start = new Uint32Array(0);
  end = new Uint32Array(0);
  idAt = new Uint32Array(0);
  /** [from, to) of the trace state; empty when there is none. */
  stateStart = new Uint32Array(0);
  stateEnd = new Uint32Array(0);
  /** 1 without a parent. */
  isRoot = new Uint8Array(0);
  startNs = new Float64Array(0);
  endNs = new Float64Array(0);
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #items = new Cursor();
  readonly #fields = new Cursor();

  /** Throws payload_malformed. */
  run(batch: Batch): void {
    this.count = 0;
    this.scopes.length = 0;
    if (this.start.length < batch.items) this.#grow(batch.items);
    for (const chunk of batch.chunks) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (this.#resources.reset(bytes, 0, bytes.length); this.#resources.next();) {
        if (this.#resources.field === REQUEST.resources && this.#resources.wireType === LEN) this.#resource(bytes);
      }
    }
  }

  /** What surrounds the spans: its text, and at most what the buffer takes for it besides. */
  around(): SpansAround {
    let textBytes = 0;
    let objectBytes = 0;
    let before: ScannedResource | undefined;
    for (const { resource, fields } of this.scopes) {
      textBytes += fields.length + (resource === before ? 0 : resource.fields.length);
      objectBytes += SCOPE_BYTES + (resource === before ? 0 : RESOURCE_BYTES);
      before = resource;
    }
    return { textBytes, objectBytes };
  }

  /** Lets go of the request. */
  release(): void {
    this.count = 0;
    this.scopes.length = 0;
    for (const cursor of [this.#resources, this.#scopes, this.#items, this.#fields]) cursor.reset(EMPTY, 0, 0);
  }

  #resource(bytes: Buffer): void {
    const resource: ScannedResource = { start: this.#resources.start, end: this.#resources.end, fields: '' };
    const own = new FieldText(bytes);
    for (this.#scopes.enter(this.#resources); this.#scopes.next();) {
      if (this.#scopes.field === RESOURCE_X.scopes && this.#scopes.wireType === LEN) this.#scope(bytes, resource);
      else own.add(this.#scopes.tagStart, this.#scopes.end);
    }
    resource.fields = own.end();
  }

  #scope(bytes: Buffer, resource: ScannedResource): void {
    const scope: ScannedScope = { bytes, resource, start: this.#scopes.start, end: this.#scopes.end, fields: '' };
    const index = this.scopes.push(scope) - 1;
    const own = new FieldText(bytes);
    for (this.#items.enter(this.#scopes); this.#items.next();) {
      if (this.#items.field === SCOPE_X.items && this.#items.wireType === LEN) this.#span(index);
      else own.add(this.#items.tagStart, this.#items.end);
    }
    scope.fields = own.end();
  }

  #span(scope: number): void {
    const at = this.#items;
    const span = this.count;
    if (span >= this.start.length) this.#grow(span * 2);
    this.count = span + 1;
    this.scopeOf[span] = scope;
    this.start[span] = at.start;
    this.end[span] = at.end;
    this.idAt[span] = NO_ID;
    this.stateStart[span] = 0;
    this.stateEnd[span] = 0;
    this.isRoot[span] = 1;
    this.startNs[span] = 0;
    this.endNs[span] = 0;
    const fields = this.#fields;
    for (fields.enter(at); fields.next();) if (fields.field <= SPAN.endTimeUnixNano) this.#field(span);
  }

  #field(span: number): void {
    const fields = this.#fields;
    switch (fields.field) {
      case SPAN.traceId:
        this.idAt[span] = isId(fields, ID_BYTES) ? fields.start : NO_ID;
        return;
      case SPAN.parentSpanId:
        this.isRoot[span] = isAllZero(fields) ? 1 : 0;
        return;
      case SPAN.traceState:
        if (fields.wireType !== LEN) throw malformed('trace_state is not a text', fields.tagStart);
        this.stateStart[span] = fields.start;
        this.stateEnd[span] = fields.end;
        return;
      case SPAN.startTimeUnixNano:
        this.startNs[span] = fields.fixed64High() * 2 ** 32 + fields.fixed64Low();
        return;
      case SPAN.endTimeUnixNano:
        this.endNs[span] = fields.fixed64High() * 2 ** 32 + fields.fixed64Low();
        return;
    }
  }

  #grow(spans: number): void {
    const length = Math.max(512, spans);
    this.scopeOf = grown(this.scopeOf, length);
    this.start = grown(this.start, length);
    this.end = grown(this.end, length);
    this.idAt = grown(this.idAt, length);
    this.stateStart = grown(this.stateStart, length);
    this.stateEnd = grown(this.stateEnd, length);
    this.isRoot = grown(this.isRoot, length);
    this.startNs = grown(this.startNs, length);
    this.endNs = grown(this.endNs, length);
  }
}

const EMPTY = new Uint8Array(0);

/** The ranges of a message that are its own, as one text; most often there is one range. */
class FieldText {
  readonly #bytes: Buffer;
  #text = '';
  #from = 0;
  #to = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  add(from: number, to: number): void {
    if (from !== this.#to) {
      this.#text = this.end();
      this.#from = from;
    }
    this.#to = to;
  }

  end(): string {
    return this.#text + this.#bytes.toString('latin1', this.#from, this.#to);
  }
}

function isId(at: Cursor, length: number): boolean {
  return at.wireType === LEN && at.end - at.start === length && !isAllZero(at);
}

function isAllZero({ bytes, start, end }: Cursor): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
