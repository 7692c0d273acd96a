import type { ItemCounts } from '../edit.ts';
import type { RangeCopier } from '../range-copier.ts';
import { NewTraceState } from './new-trace-state.ts';
import { hashBytes, hashHigh, hashLow, isTraceId, traceIdHigh, traceIdLow } from './randomness.ts';
import type { Threshold } from './threshold.ts';

/** Decides by nothing but the trace id. */
export interface PlainRule {
  /** Of what is kept. */
  readonly threshold: Threshold;
  /** What hashes of the id go on from; what comes of it is written. Undefined: the id itself is the randomness. */
  readonly seedHash: number | undefined;
  /** What was decided about so many spans. */
  book(kept: number, dropped: number): void;
}

/**
 * Samples spans of which nothing but the trace id has to be known, which most are: without a tracestate, and without any of
 * some attributes. What it does is done for all spans, so it is in plain variables, with a call or two for each. Whatever
 * is uncommon is left to others.
 *
 *   message Span { bytes trace_id = 1; string trace_state = 3; repeated KeyValue attributes = 9; fixed32 flags = 16; ... }
 */
export class PlainSampler {
  readonly #rule: PlainRule;
  readonly #newState: NewTraceState;
  readonly #keys: readonly Uint8Array[];
  /** Bit n: one of the keys has n bytes; longer ones share the last bit. */
  readonly #keyLengths: number;

  /** `keys` of the attributes. */
  constructor(keys: readonly string[], rule: PlainRule) {
    this.#rule = rule;
    this.#newState = new NewTraceState(rule.threshold, rule.seedHash !== undefined);
    this.#keys = keys.map((key) => Buffer.from(key));
    this.#keyLengths = this.#keys.reduce((bits, { length }) => bits | (1 << Math.min(length, 31)), 0);
  }

  /**
   * Goes through the fields of a ScopeX from `pos` to `end`, up to the first that is no plain span of less than 16 KiB;
   * returns where that begins.
   */
  run(bytes: Uint8Array, pos: number, end: number, copier: RangeCopier, counts: ItemCounts): number {
    const newState = this.#newState;
    const { threshold, seedHash } = this.#rule;
    const { high: leastHigh, low: leastLow } = threshold;
    let kept = 0;
    let dropped = 0;
    let at = pos;
    while (at < end) {
      let length = bytes[at + 1] ?? 0;
      let start = at + 2;
      if (length >= 0x80) length = (length & 0x7f) | ((bytes[start++] ?? 0) << 7);
      const next = start + length;
      // A length of three bytes has a bit of more than two.
      if (bytes[at] !== 0x12 || length >= 0x4000 || next > end) break;
      const id = this.#traceIdAt(bytes, start, next);
      if (id < 0) break;
      const hash = seedHash === undefined ? 0 : hashBytes(seedHash, bytes, id, id + 16);
      const high = seedHash === undefined ? traceIdHigh(bytes, id) : hashHigh(hash);
      const low = seedHash === undefined ? traceIdLow(bytes, id) : hashLow(hash);
      if (high > leastHigh || (high === leastHigh && low >>> 0 >= leastLow)) {
        kept += 1;
        newState.write(copier.cut(at, start), length, high, low);
      } else {
        dropped += 1;
        copier.cut(at, next);
      }
      at = next;
    }
    counts.kept += kept;
    counts.dropped += dropped;
    this.#rule.book(kept, dropped);
    return at;
  }

  /** Lets go of what was written. */
  release(): void {
    this.#newState.release();
  }

  /**
   * Where the trace id of the span bytes[start, end) stands, 16 bytes and not all zero; -1 when there is none, and when the
   * span may not be plain, or is malformed. Tags stand here as they are on the wire: constants of other modules would be
   * read from memory for each field, which is a fifth of the time.
   */
  #traceIdAt(bytes: Uint8Array, start: number, end: number): number {
    const keyLengths = this.#keyLengths;
    let traceIdAt = -1;
    let pos = start;
    while (pos < end) {
      const tag = bytes[pos] ?? 0;
      // Of a field that has one.
      let length = bytes[pos + 1] ?? 0;
      if (tag < 0x08) return -1;
      if ((tag & 7) === 2 && tag < 0x80) {
        let value = pos + 2;
        if (length >= 0x80) {
          const high = bytes[value++] ?? 0;
          if (high >= 0x80) return -1;
          length = (length & 0x7f) | (high << 7);
        }
        pos = value + length;
        if (tag === 0x4a) {
          // Mostly the key comes first, and is another one by its length.
          const keyLength = bytes[value + 1] ?? 0;
          if (bytes[value] !== 0x0a) return -1;
          const isOther = ((keyLengths >>> Math.min(keyLength, 31)) & 1) === 0;
          if (!isOther && (keyLength >= 31 || this.#isKey(bytes, value + 2, keyLength))) return -1;
        } else if (tag === 0x0a) traceIdAt = length === 16 ? value : -1;
        else if (tag === 0x1a) return -1;
      } else if ((tag & 7) === 1 && tag < 0x80) pos += 9;
      else if ((tag & 7) === 0 && tag < 0x80 && length < 0x80) pos += 2;
      else if (tag === 0x85 && length === 1) pos += 6;
      else return -1;
    }
    return pos === end && traceIdAt >= 0 && isTraceId(bytes, traceIdAt) ? traceIdAt : -1;
  }

  #isKey(bytes: Uint8Array, start: number, length: number): boolean {
    for (const key of this.#keys) {
      let same = key.length === length ? 0 : -1;
      while (same >= 0 && same < length && key[same] === bytes[start + same]) same += 1;
      if (same === length) return true;
    }
    return false;
  }
}
