import type { Level } from './levels.ts';
import { Cursor, LEN } from './wire.ts';
import { varintSize, Writer } from './writer.ts';

const EMPTY = new Uint8Array(0);

/** Encoded size of a LEN field with `bytes` of content and a field number below 16. */
export function framedBytes(bytes: number): number {
  return 1 + varintSize(bytes) + bytes;
}

/** What is being filled with ranges of other messages. */
export interface Frame {
  /** Bytes that are written again in front of each content. */
  readonly headerBytes: number;
  contentBytes: number;
  append(source: Uint8Array, start: number, end: number): void;
  /** Takes the message that `child` has become, unless it has no content, and leaves it with its header alone. */
  adopt(child: OpenMessage): void;
}

/** A request: whole resources are views, resources put together are chunks of their own. */
export class OpenRequest implements Frame {
  readonly headerBytes = 0;
  contentBytes = 0;
  #chunks: Uint8Array[] = [];

  append(source: Uint8Array, start: number, end: number): void {
    this.#chunks.push(source.subarray(start, end));
    this.contentBytes += end - start;
  }

  adopt(child: OpenMessage): void {
    if (child.contentBytes === 0) return;
    const bytes = child.framedBytes;
    const writer = new Writer(bytes);
    child.moveTo(writer);
    this.#chunks.push(writer.detach(0));
    this.contentBytes += bytes;
  }

  takeChunks(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.contentBytes = 0;
    return chunks;
  }
}

/** A message inside the request: a header that stays, and content that is moved away part by part. */
export class OpenMessage implements Frame {
  contentBytes = 0;
  #field = 0;
  #header: Uint8Array = EMPTY;
  readonly #content = new Writer(1024);

  get headerBytes(): number {
    return this.#header.length;
  }

  get framedBytes(): number {
    return framedBytes(this.headerBytes + this.contentBytes);
  }

  /** Begins with the header of the message that `at` stands on: every field that is no child of `level`. */
  open(level: Level, at: Cursor): void {
    this.#field = at.field;
    for (const fields = new Cursor().enter(at); fields.next();) {
      if (!level.isChild(fields)) this.#content.raw(fields.bytes, fields.tagStart, fields.end);
    }
    this.#header = this.#content.take();
    this.contentBytes = 0;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.#content.raw(source, start, end);
    this.contentBytes += end - start;
  }

  adopt(child: OpenMessage): void {
    if (child.contentBytes === 0) return;
    this.contentBytes += child.framedBytes;
    child.moveTo(this.#content);
  }

  /** Writes itself as a field and is left without content. */
  moveTo(writer: Writer): void {
    writer.varint((this.#field << 3) | LEN);
    writer.varint(this.headerBytes + this.contentBytes);
    writer.raw(this.#header);
    writer.raw(this.#content.takeView());
    this.contentBytes = 0;
  }
}
