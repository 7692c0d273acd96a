import { checksumOf, readRecordHead, RECORD_BYTES, RECORD_MARK, type RecordHead } from './format.ts';

/** What a walk over the records of a segment finds, in order. Offsets are in the segment. */
export interface Finds {
  /** Whether the bytes of this record matter; those of one that is done or held are passed over unread. */
  wants(index: number): boolean;
  /** `body` is a view of the chunk; `head` is valid until this returns. */
  record(head: RecordHead, offset: number, body: Buffer): void;
  /** The header is whole and the OTLP bytes are not. */
  damaged(head: RecordHead, offset: number): void;
  /** Here are no records although there should be: headers that make no sense, up to the next that does or the end. */
  gap(from: number, to: number, firstIndex: number, nextIndex: number | undefined): void;
}

export interface WalkStart {
  readonly salt: number;
  readonly offset: number;
  readonly index: number;
  /** Where the records end. */
  readonly end: number;
  /** Where an earlier walk lost sense, when it did not find it again. */
  readonly lostAt?: number | undefined;
}

/**
 * Walks the records of a segment as its bytes come. Feed it pieces that start at `offset`; `needs` says how long the
 * next must be at least for anything to be found.
 */
export class RecordWalk {
  offset: number;
  index: number;
  needs = RECORD_BYTES;
  readonly #end: number;
  readonly #salt: number;
  readonly #head: RecordHead = { length: 0, items: 0, index: 0, enqueuedMs: 0, checksum: 0 };
  /** Where sense was lost, until it is found again. */
  lostAt: number | undefined;

  constructor({ salt, offset, index, end, lostAt }: WalkStart) {
    this.#salt = salt;
    this.offset = offset;
    this.index = index;
    this.#end = end;
    this.lostAt = lostAt;
  }

  get finished(): boolean {
    return this.offset >= this.#end && this.lostAt === undefined;
  }

  /** `piece` starts at `offset` of the segment and is cut off at the end of its records at the latest. */
  feed(piece: Buffer, finds: Finds): void {
    const base = this.offset;
    this.needs = RECORD_BYTES;
    for (;;) {
      const at = this.offset - base;
      if (at >= piece.length) break;
      if (!this.#atHead(piece, at)) {
        if (!this.#seek(piece, at, base)) break;
        continue;
      }
      if (this.lostAt !== undefined) this.#foundAgain(finds);
      if (!this.#takeRecord(piece, at, finds)) break;
    }
    if (this.offset >= this.#end && this.lostAt !== undefined) {
      finds.gap(this.lostAt, this.#end, this.index, undefined);
      this.lostAt = undefined;
    }
  }

  /** Whether a record begins here that may be the next one and that the segment has room for. */
  #atHead(piece: Buffer, at: number): boolean {
    const head = this.#head;
    if (!readRecordHead(piece, at, this.#salt, head)) return false;
    return head.index >= this.index && this.offset + RECORD_BYTES + head.length <= this.#end;
  }

  /** Moves on to what may be a header; false when more bytes are needed. */
  #seek(piece: Buffer, at: number, base: number): boolean {
    const left = this.#end - this.offset;
    if (piece.length - at < Math.min(RECORD_BYTES, left)) return false;
    this.lostAt ??= this.offset;
    const next = piece.indexOf(RECORD_MARK, at + 1);
    if (next !== -1) {
      this.offset = base + next;
      return true;
    }
    // The last bytes may be the first of a mark, unless nothing comes after them.
    const last = base + piece.length >= this.#end;
    this.offset = last ? this.#end : Math.max(this.offset + 1, base + piece.length - RECORD_MARK.length + 1);
    return false;
  }

  #foundAgain(finds: Finds): void {
    finds.gap(this.lostAt ?? this.offset, this.offset, this.index, this.#head.index);
    this.lostAt = undefined;
    this.index = this.#head.index;
  }

  #takeRecord(piece: Buffer, at: number, finds: Finds): boolean {
    const head = this.#head;
    const total = RECORD_BYTES + head.length;
    if (head.index > this.index) finds.gap(this.offset, this.offset, this.index, head.index);
    this.index = head.index;
    if (finds.wants(head.index)) {
      if (at + total > piece.length) {
        this.needs = total;
        return false;
      }
      const body = piece.subarray(at + RECORD_BYTES, at + total);
      if (checksumOf([body], this.#salt) === head.checksum) finds.record(head, this.offset, body);
      else finds.damaged(head, this.offset);
    }
    this.offset += total;
    this.index += 1;
    return true;
  }
}
