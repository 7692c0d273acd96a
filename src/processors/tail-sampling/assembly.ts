import { makeBatch, type Batch } from '../../core/batch.ts';
import { offerBytes } from '../../core/reuse.ts';
import { REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import { varintSize, Writer } from '../../otlp/writer.ts';
import type { ResourceHeader, ScopeHeader } from './headers.ts';
import type { SpanBuffer } from './span-buffer.ts';
import { ThresholdWriter } from './threshold-writer.ts';
import { grown } from './trace-ids.ts';

/** Buffers of this size go round; longer requests have one of their own. */
const OUTPUT_BYTES = 640 * 1024;
const MAX_SPARE = 4;
const NONE = 0xffffffff;

/** The spans of one request under one scope: a list by index, and their bytes on the wire. */
interface ScopeGroup {
  readonly scope: ScopeHeader;
  first: number;
  last: number;
  bytes: number;
}

interface ResourceGroup {
  readonly resource: ResourceHeader;
  readonly scopes: ScopeGroup[];
}

/**
 * Puts spans of the buffer together again as one request: first they are listed by what they stand under, then every
 * length is known, and each span is copied once.
 */
export class Assembler {
  readonly #buffer: SpanBuffer;
  #count = 0;
  #bytes = 0;
  #positions = new Float64Array(0);
  #lengths = new Uint32Array(0);
  /** The next under the same scope, NONE behind the last. */
  #following = new Uint32Array(0);
  readonly #resources = new Map<ResourceHeader, ResourceGroup>();
  readonly #scopes = new Map<ScopeHeader, ScopeGroup>();
  #group: ScopeGroup | undefined;
  readonly #spare: Buffer[] = [];
  readonly #writer = new Writer(0);
  /** Present where thresholds are written. */
  readonly #thresholdWriter: ThresholdWriter | undefined;
  readonly #thresholds: (Bits56 | undefined)[] = [];
  #scratch = Buffer.alloc(0);

  constructor(buffer: SpanBuffer, recordThreshold: boolean) {
    this.#buffer = buffer;
    this.#thresholdWriter = recordThreshold ? new ThresholdWriter() : undefined;
  }

  /** Of the spans that are listed, and of what will be around them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lists the span that the reader of the buffer stands on; `threshold` is of its trace. */
  add(threshold: Bits56 | undefined): void {
    const buffer = this.#buffer;
    if (!buffer.isUnder(this.#group?.scope)) this.#group = this.#groupOf(buffer.scope());
    const group = this.#group;
    if (group === undefined) return;
    const index = this.#count;
    if (index >= this.#lengths.length) this.#grow();
    this.#count = index + 1;
    const { length } = buffer;
    this.#positions[index] = buffer.position();
    this.#lengths[index] = length;
    this.#following[index] = NONE;
    if (this.#thresholdWriter !== undefined) this.#thresholds[index] = threshold;
    if (group.first === NONE) group.first = index;
    else this.#following[group.last] = index;
    group.last = index;
    const bytes = fieldBytes(length);
    group.bytes += bytes;
    this.#bytes += bytes;
  }

  /** The request, and nothing is listed any more; undefined when nothing was. */
  finish(): Batch | undefined {
    const items = this.#count;
    if (items === 0) return undefined;
    const writer = this.#writer;
    writer.swap(this.#bufferOf(this.#totalBytes()));
    for (const group of this.#resources.values()) this.#writeResource(group);
    const { buffer } = writer;
    const batch = makeBatch('traces', [writer.swap(EMPTY)], items);
    // The writer made another buffer where thresholds took more room.
    if (buffer.length === OUTPUT_BYTES) offerBytes(batch, () => this.#giveBack(buffer));
    this.#count = 0;
    this.#bytes = 0;
    this.#thresholds.length = 0;
    this.#group = undefined;
    this.#resources.clear();
    this.#scopes.clear();
    return batch;
  }

  #groupOf(scope: ScopeHeader): ScopeGroup {
    const known = this.#scopes.get(scope);
    if (known !== undefined) return known;
    const group = { scope, first: NONE, last: NONE, bytes: scope.fields.length };
    this.#scopes.set(scope, group);
    this.#bytes += scope.fields.length;
    const around = this.#resources.get(scope.resource);
    if (around !== undefined) {
      around.scopes.push(group);
      return group;
    }
    this.#resources.set(scope.resource, { resource: scope.resource, scopes: [group] });
    this.#bytes += scope.resource.fields.length;
    return group;
  }

  #grow(): void {
    const length = Math.max(1024, this.#lengths.length * 2);
    this.#positions = grown(this.#positions, length);
    this.#lengths = grown(this.#lengths, length);
    this.#following = grown(this.#following, length);
  }

  #totalBytes(): number {
    let bytes = 0;
    for (const group of this.#resources.values()) bytes += fieldBytes(resourceBytes(group));
    return bytes;
  }

  #bufferOf(bytes: number): Buffer {
    // One that is mostly empty would pin its rest.
    if (bytes > OUTPUT_BYTES || bytes * 2 < OUTPUT_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  }

  #giveBack(buffer: Buffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
  }

  #writeResource(group: ResourceGroup): void {
    const writer = this.#writer;
    const mark = writer.begin(REQUEST.resources, resourceBytes(group));
    writeText(writer, group.resource.fields);
    for (const scope of group.scopes) this.#writeScope(scope);
    writer.end(mark);
  }

  #writeScope({ scope, first, bytes }: ScopeGroup): void {
    const writer = this.#writer;
    const mark = writer.begin(RESOURCE_X.scopes, bytes);
    writeText(writer, scope.fields);
    for (let index = first; index !== NONE; index = this.#following[index] ?? NONE) this.#writeSpan(index);
    writer.end(mark);
  }

  #writeSpan(index: number): void {
    const writer = this.#writer;
    const length = this.#lengths[index] ?? 0;
    if (this.#thresholdWriter !== undefined) {
      if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length * 2);
      this.#buffer.copyOut(this.#positions[index] ?? 0, length, this.#scratch, 0);
      this.#thresholdWriter.write(writer, SCOPE_X.items, this.#scratch, length, this.#thresholds[index]);
      return;
    }
    const mark = writer.begin(SCOPE_X.items, length);
    writer.ensure(length);
    this.#buffer.copyOut(this.#positions[index] ?? 0, length, writer.buffer, writer.pos);
    writer.pos += length;
    writer.end(mark);
  }
}

const EMPTY = Buffer.alloc(0);

function resourceBytes({ resource, scopes }: ResourceGroup): number {
  let bytes = resource.fields.length;
  for (const scope of scopes) bytes += fieldBytes(scope.bytes);
  return bytes;
}

/** Of a field with a length, whose tag is one byte. */
function fieldBytes(contentBytes: number): number {
  return 1 + varintSize(contentBytes) + contentBytes;
}

function writeText(writer: Writer, latin1: string): void {
  writer.ensure(latin1.length);
  writer.pos += writer.buffer.write(latin1, writer.pos, 'latin1');
}
