import { hashBytes } from '../../otlp/sampling/randomness.ts';
import { putVarint } from '../../otlp/writer.ts';

/**
 * What tells the series of one resource apart, as bytes:
 *
 *   service.name | scope name | scope version | span.name | kind, 1 byte | status, 1 byte | value of each dimension ...
 *
 * Texts and values (the content of an AnyValue) have their length + 1 as a varint before them; 0 is one that is absent.
 * Kind and status are those of the span, or LEFT_OUT. A key is made in one buffer, hashed as it is written, and copied
 * only when its series is a new one.
 */
export class KeyBuilder {
  bytes = new Uint8Array(1024);
  length = 0;
  hash = 0;

  /** Begins with what was written before. */
  restart({ bytes, hash }: KeyPart): void {
    this.length = 0;
    this.#ensure(bytes.length);
    this.bytes.set(bytes);
    this.length = bytes.length;
    this.hash = hash;
  }

  /** Begins with the resource, of which only a number is part of the hash. */
  restartAt(resource: number): void {
    this.length = 0;
    this.hash = Math.imul(resource + 1, 0x9e3779b1) >>> 0;
  }

  /** Goes back to the first `length` bytes, whose hash was `hash`. */
  truncate(length: number, hash: number): void {
    this.length = length;
    this.hash = hash;
  }

  value(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.#ensure(size + 6);
    const { bytes } = this;
    const from = this.length;
    let at = from;
    if (size < 0x7f) bytes[at++] = size + 1;
    else at = putVarint(bytes, at, size + 1);
    for (let i = start; i < end; i++) bytes[at++] = source[i] ?? 0;
    this.length = at;
    this.hash = hashBytes(this.hash, bytes, from, at);
  }

  absent(): void {
    this.byte(0);
  }

  byte(value: number): void {
    this.#ensure(1);
    this.bytes[this.length++] = value;
    this.hash = Math.imul(this.hash ^ value, 0x01000193) >>> 0;
  }

  part(): KeyPart {
    return { bytes: this.bytes.slice(0, this.length), hash: this.hash };
  }

  equals(other: Uint8Array): boolean {
    const { bytes, length } = this;
    if (other.length !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[i] !== other[i]) return false;
    return true;
  }

  #ensure(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

export interface KeyPart {
  readonly bytes: Uint8Array;
  readonly hash: number;
}

/** In place of a kind or a status that is no dimension. */
export const LEFT_OUT = 0xff;

/** Reads the parts of a key in their order. */
export class KeyReader {
  readonly #bytes: Uint8Array;
  #pos = 0;
  /** Of the value that was read last. */
  start = 0;
  end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** False for one that is absent. */
  value(): boolean {
    let size = 0;
    let factor = 1;
    let byte: number;
    do {
      byte = this.byte();
      size += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte >= 0x80);
    if (size === 0) return false;
    this.start = this.#pos;
    this.end = this.#pos += size - 1;
    return true;
  }

  byte(): number {
    return this.#bytes[this.#pos++] ?? 0;
  }
}
