import { BLOCK_BYTES, BlockStore, MIXED, STEP_BYTES, type Chain } from './block-store.ts';
import { Headers, type ScopeHeader } from './headers.ts';

/**
 * Spans of traces, each a record of its trace's chain that refers to the scope it stands under. Invariant: a scope's
 * `spans` is the number of records that refer to it, and of pins.
 */
export class SpanBuffer {
  readonly #blocks = new BlockStore();
  readonly #headers = new Headers();

  /** Of what is held. */
  get usedBytes(): number {
    return this.#blocks.usedBytes + this.#headers.bytes;
  }

  /** Of memory that was asked for, which is more where blocks are free. */
  get allocatedBytes(): number {
    return this.#blocks.allocatedBytes + this.#headers.bytes;
  }

  /**
   * How much has to be counted for what is held, with `spanBytes` more: blocks, or what blocks in use keep from being given
   * back. Up to one step of memory may be free besides.
   */
  bytesWith(spanBytes: number): number {
    const blocks = this.#blocks;
    return Math.max(blocks.usedBytes + spanBytes, blocks.pinnedBytes - STEP_BYTES) + this.#headers.bytes;
  }

  /** Gives back memory in which nothing is. */
  trim(): void {
    this.#blocks.trim();
  }

  /** A scope that stays until `unpin`, whatever becomes of the spans under it. */
  pin(resourceFields: string, scopeFields: string): ScopeHeader {
    const scope = this.#headers.intern(resourceFields, scopeFields);
    scope.spans += 1;
    return scope;
  }

  unpin(scope: ScopeHeader): void {
    this.#headers.release(scope, 1);
  }

  append(chain: Chain, scope: ScopeHeader, source: Buffer, start: number, end: number): void {
    scope.spans += 1;
    this.#blocks.append(chain, scope.reference, source, start, end);
  }

  /** Lets the spans of a chain go, of which there are `spans`; it must not be used again. */
  free(chain: Chain, spans: number): void {
    if (chain.reference === MIXED) this.#releaseEach(chain);
    else if (spans > 0) this.#headers.release(this.#headers.mustFind(chain.reference), spans);
    this.#blocks.free(chain);
  }

  #releaseEach(chain: Chain): void {
    this.#blocks.rewind(chain);
    while (this.#blocks.next(chain)) this.#headers.release(this.scope(), 1);
  }

  // One reader for all: what it stands on is valid until somebody else reads.

  /** Before the first record of a chain, or where `mark` said. */
  rewind(chain: Chain, mark: ReadMark | undefined): void {
    this.#blocks.rewind(chain);
    if (mark !== undefined) Object.assign(this.#blocks.reader, mark);
  }

  next(chain: Chain): boolean {
    return this.#blocks.next(chain);
  }

  /** The scope of the span that the reader stands on. */
  scope(): ScopeHeader {
    return this.#headers.mustFind(this.#blocks.reader.reference);
  }

  isUnder(scope: ScopeHeader | undefined): boolean {
    return scope?.reference === this.#blocks.reader.reference;
  }

  get length(): number {
    return this.#blocks.reader.length;
  }

  position(): number {
    return this.#blocks.position();
  }

  /** To go on behind the span that the reader stands on. */
  mark(): ReadMark {
    return { ...this.#blocks.reader };
  }

  copyOut(position: number, length: number, target: Buffer, to: number): void {
    this.#blocks.copyOut(position, length, target, to);
  }
}

export type ReadMark = Readonly<BlockStore['reader']>;

/** Header and padding of a record, and what it may leave of a block where it is the only one of its trace. */
const RECORD_OVERHEAD = 16 + BLOCK_BYTES;

/** At most what spans take whose contents are `contentBytes` together. */
export function spanBytesAtMost(spans: number, contentBytes: number): number {
  return contentBytes + spans * RECORD_OVERHEAD;
}
