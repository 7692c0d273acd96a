import { makeBatch, type Batch } from '../../../core/batch.ts';
import { offerBytes } from '../../../core/reuse.ts';
import { LOG, REQUEST, RESOURCE, RESOURCE_X, SCOPE, SCOPE_X } from '../../../otlp/fields.ts';
import { writeKeyValue } from '../../../otlp/value.ts';
import { LEN, I64 } from '../../../otlp/wire.ts';
import { putVarint, varintSize, Writer } from '../../../otlp/writer.ts';
import type { Piece } from '../joining/piece.ts';
import type { Value } from '../operators/entry.ts';
import type { TrackedFile } from '../tracked-file.ts';
import { BufferPool } from './buffer-pool.ts';
import { CUT_KEY, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY } from './constants.ts';
import { writeEntryPair } from './entry-value.ts';
import type { LineInfo } from './line-info.ts';
import { writeNanos } from './nanos.ts';

/** What is the same for every record of one batch. */
export interface BatchHead {
  readonly file: TrackedFile;
  /** Attributes of the Resource, unless operators change them. Valid for as long as an entry lives: never changed. */
  readonly resource: ReadonlyMap<string, Value>;
  /** Encoded fields of LogRecord that every record of the file has: its constant attributes. */
  readonly constant: Uint8Array;
  /** The same attributes by key. */
  readonly constants: ReadonlyMap<string, string>;
  /** Wall time. */
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** Writes one line as one LogRecord, or none when operators drop it. */
export interface LineEncoder {
  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void;
}

/** Larger batches are ended early, whatever the chunk still holds. */
export const BATCH_LIMIT_BYTES = 440 * 1024;
/** A nested length that nearly always needs three bytes. */
const REQUEST_GUESS_BYTES = 256 * 1024;
/** Bytes of the observed time at the start of the prefix. */
export const OBSERVED_BYTES = 9;
/** A time of a record. */
const NANOS_BYTES = 9;
/** A full batch and the record that made it full, below the size at which the allocator maps memory anew. */
const BUFFER_BYTES = BATCH_LIMIT_BYTES + 64 * 1024;
const SPARE_BYTES = 8 * 1024;
const RECORD_TAG = (SCOPE_X.items << 3) | LEN;
const BODY_TAG = (LOG.body << 3) | LEN;
const STRING_TAG = (1 << 3) | LEN;
const NO_PIECES: readonly Piece[] = [];

/**
 * Builds one request, record by record. Records stand below the resource of the batch and a scope without a name, unless
 * `place` says otherwise.
 *
 *   ExportLogsServiceRequest { ResourceLogs { Resource  ScopeLogs { LogRecord* } } }
 *   message LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3;
 *     AnyValue body = 5; repeated KeyValue attributes = 6; ... fixed64 observed_time_unix_nano = 11; }
 */
export class RecordWriter {
  readonly writer = new Writer(64 * 1024);
  /** Observed time and constant attributes, the start of every record. */
  prefix: Buffer = Buffer.alloc(OBSERVED_BYTES);
  items = 0;
  nowMs = 0;
  monotonicMs = 0;
  constants: ReadonlyMap<string, string> = new Map();
  resource: ReadonlyMap<string, Value> = new Map();
  readonly #pool = new BufferPool(BUFFER_BYTES, { working: 24, resting: 4 });
  readonly #numbers: boolean;
  readonly #offsets: boolean;
  #file: TrackedFile | undefined;
  #settled: Piece[] = [];
  /** Encoded attributes of `resource`. */
  #encodedBase: Uint8Array = new Uint8Array();
  // What is open: the resource with its encoded attributes, and the scope.
  #resource: ReadonlyMap<string, Value> = new Map();
  #encoded: Uint8Array = new Uint8Array();
  #resourceStart = 0;
  #resourceMark = 0;
  #itemsBeforeResource = 0;
  #scopeName = '';
  #scopeStart = 0;
  #scopeMark = 0;
  #itemsBeforeScope = 0;

  constructor(options: { recordNumbers?: boolean; recordOffsets?: boolean } = {}) {
    this.#numbers = options.recordNumbers === true;
    this.#offsets = options.recordOffsets === true;
  }

  begin(head: BatchHead): void {
    const { writer } = this;
    writer.pos = 0;
    this.items = 0;
    this.#file = head.file;
    this.nowMs = head.nowMs;
    this.monotonicMs = head.monotonicMs;
    this.constants = head.constants;
    const encoded = head.resource === this.resource ? this.#encodedBase : encodeResource(head.resource);
    this.resource = head.resource;
    this.#encodedBase = encoded;
    this.#openResource(head.resource, encoded, '');
    this.#setPrefix(head);
  }

  /** The next record stands below this resource and scope. The map must never change. */
  place(resource: ReadonlyMap<string, Value>, scopeName: string): void {
    if (resource !== this.#resource && !hasSamePairs(resource, this.#resource)) {
      const encoded = encodeResource(resource);
      if (Buffer.compare(encoded, this.#encoded) === 0) this.#resource = resource;
      else {
        this.#closeResource();
        this.#openResource(resource, encoded, scopeName);
      }
    }
    if (scopeName === this.#scopeName) return;
    this.#closeScope();
    this.#openScope(scopeName);
  }

  #openResource(resource: ReadonlyMap<string, Value>, encoded: Uint8Array, scopeName: string): void {
    const { writer } = this;
    this.#resource = resource;
    this.#encoded = encoded;
    this.#resourceStart = writer.pos;
    this.#itemsBeforeResource = this.items;
    this.#resourceMark = writer.begin(REQUEST.resources, REQUEST_GUESS_BYTES);
    if (encoded.length > 0) writer.bytes(RESOURCE_X.resource, encoded);
    this.#openScope(scopeName);
  }

  #openScope(name: string): void {
    const { writer } = this;
    this.#scopeName = name;
    this.#scopeStart = writer.pos;
    this.#itemsBeforeScope = this.items;
    this.#scopeMark = writer.begin(RESOURCE_X.scopes, REQUEST_GUESS_BYTES);
    if (name === '') return;
    const scope = writer.begin(SCOPE_X.scope, name.length);
    writer.string(SCOPE.name, name);
    writer.end(scope);
  }

  /** A scope without a record is taken back. */
  #closeScope(): void {
    if (this.items === this.#itemsBeforeScope) this.writer.pos = this.#scopeStart;
    else this.writer.end(this.#scopeMark);
  }

  #closeResource(): void {
    this.#closeScope();
    if (this.items === this.#itemsBeforeResource) this.writer.pos = this.#resourceStart;
    else this.writer.end(this.#resourceMark);
  }

  get isEmpty(): boolean {
    return this.items === 0 && this.#settled.length === 0;
  }

  /** The file whose turn it is. */
  get file(): TrackedFile {
    if (this.#file === undefined) throw new Error('No turn has begun.');
    return this.#file;
  }

  /**
   * Takes the pieces that nobody took over: their record is written, or will never be, and they are settled with the
   * batch.
   */
  settle(holder: { pieces: readonly Piece[] | undefined }): void {
    for (const piece of holder.pieces ?? NO_PIECES) if (piece.isNoted) this.#settled.push(piece);
    holder.pieces = undefined;
  }

  /** What `settle` took since the last call. */
  takeSettled(): readonly Piece[] {
    if (this.#settled.length === 0) return NO_PIECES;
    const settled = this.#settled;
    this.#settled = [];
    return settled;
  }

  get full(): boolean {
    return this.writer.pos >= BATCH_LIMIT_BYTES;
  }

  /**
   * A record whose body is the line and which has nothing else, except for what a container runtime told. All sizes are
   * known up front: one pass, no patching.
   */
  plain(source: Buffer, start: number, end: number, info: LineInfo): void {
    const { writer, prefix } = this;
    const length = end - start;
    const value = 1 + varintSize(length) + length;
    const runtime = (info.seconds < 0 ? 0 : NANOS_BYTES) + (info.marks?.encoded.length ?? 0);
    const record = prefix.length + runtime + 1 + varintSize(value) + value;
    writer.ensure(record + 8);
    const { buffer } = writer;
    let pos = writer.pos;
    buffer[pos++] = RECORD_TAG;
    pos = putVarint(buffer, pos, record);
    pos += prefix.copy(buffer, pos);
    if (runtime > 0) {
      writer.pos = pos;
      this.runtimeFields(info);
      pos = writer.pos;
    }
    buffer[pos++] = BODY_TAG;
    pos = putVarint(buffer, pos, value);
    buffer[pos++] = STRING_TAG;
    pos = putVarint(buffer, pos, length);
    writer.pos = pos + source.copy(buffer, pos, start, end);
    this.items += 1;
  }

  /** Opens a record that starts with the prefix; close it with `endRecord`. */
  beginRecord(expectedBytes: number): number {
    const mark = this.writer.begin(SCOPE_X.items, expectedBytes);
    this.writer.raw(this.prefix);
    return mark;
  }

  endRecord(mark: number): void {
    this.writer.end(mark);
    this.items += 1;
  }

  /** `AnyValue body = 5` as a string. */
  stringBody(source: Buffer, start: number, end: number): void {
    const { writer } = this;
    const length = end - start;
    writer.ensure(length + 16);
    const { buffer } = writer;
    let pos = writer.pos;
    buffer[pos++] = BODY_TAG;
    pos = putVarint(buffer, pos, 1 + varintSize(length) + length);
    buffer[pos++] = STRING_TAG;
    pos = putVarint(buffer, pos, length);
    writer.pos = pos + source.copy(buffer, pos, start, end);
  }

  /** True when a record has attributes of its own line besides the constant ones. */
  hasExtras(info: LineInfo): boolean {
    return info.cut || this.#numbers || this.#offsets;
  }

  /** What a container runtime told of the line. */
  runtimeFields({ seconds, nanos, marks }: LineInfo): void {
    if (seconds >= 0) writeNanos(this.writer, LOG.timeUnixNano, seconds, nanos);
    if (marks !== undefined) this.writer.raw(marks.encoded);
  }

  /** The attributes that tell about the line. */
  extraAttributes(info: LineInfo, add: (key: string, value: number | boolean) => void): void {
    if (info.cut) add(CUT_KEY, true);
    if (this.#numbers) add(RECORD_NUMBER_KEY, info.number);
    if (this.#offsets) add(RECORD_OFFSET_KEY, info.offset);
  }

  extraFields(info: LineInfo): void {
    if (!this.hasExtras(info)) return;
    this.extraAttributes(info, (key, value) => writeKeyValue(this.writer, LOG.attributes, key, value));
  }

  /** The batch, or undefined when no record was written. */
  finish(): Batch | undefined {
    const { writer } = this;
    if (this.items === 0) return undefined;
    this.#closeResource();
    // A mostly full buffer changes hands, and comes back when the batch was delivered. A mostly empty one is copied and
    // used again. One that a long record made large does not come back: the next is as large while such records follow.
    const { buffer, pos } = writer;
    const isLarge = buffer.length > BUFFER_BYTES;
    if (pos * 2 < buffer.length) {
      const batch = makeBatch('logs', [writer.take()], this.items);
      if (isLarge) writer.swap(this.#pool.take());
      return batch;
    }
    if (isLarge) return makeBatch('logs', [writer.detach(pos + (pos >> 4) + SPARE_BYTES)], this.items);
    const batch = makeBatch('logs', [writer.swap(this.#pool.take())], this.items);
    offerBytes(batch, () => this.#pool.give(buffer));
    return batch;
  }

  /** Nothing is to be written for now: most of the memory that waits for it is given back. */
  rest(): void {
    this.#pool.rest();
  }

  #setPrefix({ constant, nowMs }: BatchHead): void {
    if (this.prefix.length !== OBSERVED_BYTES + constant.length) {
      this.prefix = Buffer.allocUnsafeSlow(OBSERVED_BYTES + constant.length);
    }
    this.prefix[0] = (LOG.observedTimeUnixNano << 3) | I64;
    this.prefix.writeBigUInt64LE(BigInt(Math.round(nowMs)) * 1_000_000n, 1);
    this.prefix.set(constant, OBSERVED_BYTES);
  }
}

/** True when every value is the same scalar, or the same object. */
function hasSamePairs(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

/** Encoded `repeated KeyValue attributes = 1` of the Resource. */
function encodeResource(resource: ReadonlyMap<string, Value>): Uint8Array {
  const writer = new Writer(256);
  for (const [key, value] of resource) writeEntryPair(writer, RESOURCE.attributes, key, value);
  return writer.take();
}
