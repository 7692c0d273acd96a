import { COMMA, EQUALS, indexOf, isBlank, isKey, isValue } from '../../../otlp/sampling/tracestate-syntax.ts';
import { utf8 } from '../../../otlp/wire.ts';
import type { SpanCondition } from '../policy.ts';
import type { SpanReader } from './span-reader.ts';

/** W3C allows as many. */
const MAX_MEMBERS = 32;

/**
 * Whether the entry `key` of a span's tracestate has one of these values; false of one that is no list of W3C, as a whole.
 * What the entry `ot` says in itself is no matter here. Source: OpenTelemetry for Go, trace, ParseTraceState, by which the
 * Collector reads it.
 */
export function traceStateCondition({ key, values }: Entry, reader: SpanReader): SpanCondition {
  const wanted = new Set(values);
  const name = Buffer.from(key);
  const members = new Members();
  return (span) => {
    const { traceStateStart: start, traceStateEnd: end } = reader.read(span);
    const { bytes } = span;
    if (start === end || !members.read(bytes, start, end)) return false;
    const index = members.find(bytes, name, 0, name.length);
    return index >= 0 && wanted.has(utf8(bytes, members.valueStart(index), members.end(index)));
  };
}

interface Entry {
  readonly key: string;
  readonly values: readonly string[];
}

/** The members of a list: of each where its key begins, its equals sign stands, and its value ends. Reused. */
class Members {
  readonly #starts = new Uint32Array(MAX_MEMBERS);
  readonly #equals = new Uint32Array(MAX_MEMBERS);
  readonly #ends = new Uint32Array(MAX_MEMBERS);
  #count = 0;

  valueStart(index: number): number {
    return (this.#equals[index] ?? 0) + 1;
  }

  end(index: number): number {
    return this.#ends[index] ?? 0;
  }

  /** False when it is malformed anywhere. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.#count = 0;
    for (let from = start; from < end;) {
      const comma = indexOf(bytes, COMMA, from, end);
      const until = comma < 0 ? end : comma;
      if (from < until && !this.#add(bytes, from, until)) return false;
      from = until + 1;
    }
    return true;
  }

  /** The member whose key is source[start, end); negative when there is none. */
  find(bytes: Uint8Array, source: Uint8Array, start: number, end: number): number {
    for (let index = 0; index < this.#count; index++) {
      const keyStart = this.#starts[index] ?? 0;
      let same = (this.#equals[index] ?? 0) - keyStart === end - start ? start : -1;
      while (same >= 0 && same < end && source[same] === bytes[keyStart + same - start]) same += 1;
      if (same === end) return index;
    }
    return -1;
  }

  #add(bytes: Uint8Array, from: number, until: number): boolean {
    let [start, end] = [from, until];
    while (start < end && isBlank(bytes[start])) start += 1;
    while (end > start && isBlank(bytes[end - 1])) end -= 1;
    const equals = indexOf(bytes, EQUALS, start, end);
    if (equals < 0 || !isKey(bytes, start, equals) || !isValue(bytes, equals + 1, end)) return false;
    if (this.#count === MAX_MEMBERS || this.find(bytes, bytes, start, equals) >= 0) return false;
    this.#starts[this.#count] = start;
    this.#equals[this.#count] = equals;
    this.#ends[this.#count] = end;
    this.#count += 1;
    return true;
  }
}
