import { blankBytes, copyBytes, equalBytes } from './columns.ts';
import { BACKSLASH, CLOSE, COMMA, EQUALS, NEWLINE, OPEN, QUOTE, type PageScanner } from './page-scanner.ts';
import type { SeriesPlan } from './series-plan.ts';

/** Lines with more labels have no shape. */
const MAX_LABELS = 64;
const MAX_SHAPES = 8;
const FAILED = -1;

/** Where the values of the labels of a line lie in its page. */
export interface ValueRanges {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * What sample lines that differ in nothing but label values have in common, everything that stands between these:
 *
 *     shop_requests_total{method=" | GET | ",route=" | /cart | "}
 *     `------- literal 0 -------´         `literal 1´         `2´
 *
 * A line with the same literals, and values without escapes, is read as the one before was. Values are plain ASCII and
 * not empty; other lines have no shape.
 */
export class LineShape {
  /** How series of this shape are registered; undefined until it is worked out, or when each must be looked at. */
  plan: SeriesPlan | undefined;
  isPlanned = false;
  /** What OpenMetrics sees in its samples; 0 in text. */
  role = 0;
  labels = 0;
  #literals = blankBytes(256);
  readonly #ends = new Int32Array(MAX_LABELS + 1);

  /** Takes the shape of the key `[start, end)`, which was parsed; false when it has none. */
  tryLearn(page: PageScanner, start: number, end: number): boolean {
    this.plan = undefined;
    this.isPlanned = false;
    this.role = 0;
    this.labels = 0;
    if (page.bytes[end - 1] !== CLOSE) return false;
    if (this.#literals.byteLength < end - start) this.#literals = blankBytes((end - start) * 2);
    let from = start;
    let at = page.bytes.indexOf(OPEN, start) + 1;
    while (at > start && at < end) {
      const value = valueStart(page.bytes, at);
      if (value === FAILED) break;
      const close = valueEnd(page.bytes, value);
      if (close === FAILED || this.labels === MAX_LABELS) return false;
      this.#addLiteral(page, from, value);
      this.labels += 1;
      from = close;
      at = close + 1;
      if (page.bytes[at] === COMMA) at += 1;
    }
    this.#ends[this.labels] = (this.#ends[this.labels - 1] ?? 0) + end - from;
    copyBytes(page.words, from, end, this.#literals, this.#ends[this.labels - 1] ?? 0);
    return this.labels > 0 && page.bytes[at] === CLOSE && at + 1 === end;
  }

  /** Where the key at `page.pos` ends, with the ranges of its values; -1 when it is of another shape. */
  match(page: PageScanner, values: ValueRanges): number {
    const { bytes, words } = page;
    let { pos } = page;
    let from = 0;
    for (let label = 0; ; label++) {
      const to = this.#ends[label] ?? 0;
      if (pos + to - from > page.end || !equalBytes(words, pos, this.#literals, from, to - from)) return FAILED;
      pos += to - from;
      if (label === this.labels) return pos;
      from = to;
      values.starts[label] = pos;
      pos = valueEnd(bytes, pos);
      if (pos === FAILED) return FAILED;
      values.ends[label] = pos;
    }
  }

  #addLiteral(page: PageScanner, from: number, to: number): void {
    const start = this.labels === 0 ? 0 : (this.#ends[this.labels - 1] ?? 0);
    copyBytes(page.words, from, to, this.#literals, start);
    this.#ends[this.labels] = start + to - from;
  }
}

/** Behind the opening quote of the label that begins at `at`, a quoted metric name left out; -1 when there is none. */
function valueStart(bytes: Uint8Array, at: number): number {
  let pos = at;
  for (;;) {
    if (bytes[pos] === QUOTE) {
      pos = valueEnd(bytes, pos + 1) + 1;
      if (pos === 0) return FAILED;
    } else {
      for (let c = bytes[pos]; c !== EQUALS; c = bytes[++pos]) if (c === undefined || isOther(c)) return FAILED;
    }
    if (bytes[pos] === EQUALS) return bytes[pos + 1] === QUOTE ? pos + 2 : FAILED;
    if (bytes[pos] !== COMMA || pos === at) return FAILED;
    pos += 1;
  }
}

/** What ends a label name, or cannot be in one that is not quoted. */
function isOther(c: number): boolean {
  return c === NEWLINE || c === QUOTE || c === COMMA || c === CLOSE || c <= 0x20;
}

/** The closing quote of the value at `start`; -1 for one that is empty or not plain ASCII without escapes. */
function valueEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let c = bytes[at] ?? NEWLINE; c !== QUOTE; c = bytes[++at] ?? NEWLINE) {
    if (c === BACKSLASH || c === NEWLINE || c >= 0x80) return FAILED;
  }
  return at === start ? FAILED : at;
}

/** The shapes of the last lines, the last one first. Bounded, and allocates nothing once it is full. */
export class LineShapes {
  readonly values: ValueRanges = { starts: new Int32Array(MAX_LABELS), ends: new Int32Array(MAX_LABELS) };
  /** Where the key that was matched ends. */
  end = 0;
  readonly #shapes: LineShape[] = [];
  #used = 0;

  /** What lines mean may have changed. */
  forget(): void {
    this.#used = 0;
  }

  /** The shape of the key at `page.pos`, with `values` and `end` set; undefined when it is not known. */
  match(page: PageScanner): LineShape | undefined {
    for (let at = 0; at < this.#used; at++) {
      const shape = this.#shapes[at];
      const end = shape?.match(page, this.values) ?? FAILED;
      if (shape === undefined || end === FAILED) continue;
      this.end = end;
      this.#toFront(at, shape);
      return shape;
    }
    return undefined;
  }

  /** Remembers the shape of the key `[start, end)` in the place of the one used longest ago. */
  learn(page: PageScanner, start: number, end: number): void {
    const at = Math.min(this.#used, MAX_SHAPES - 1);
    const shape = this.#shapes[at] ?? new LineShape();
    this.#shapes[at] = shape;
    this.#used = at;
    if (!shape.tryLearn(page, start, end)) return;
    this.#used = at + 1;
    this.#toFront(at, shape);
  }

  #toFront(at: number, shape: LineShape): void {
    for (let to = at; to > 0; to--) this.#shapes[to] = this.#shapes[to - 1] ?? shape;
    this.#shapes[0] = shape;
  }
}
