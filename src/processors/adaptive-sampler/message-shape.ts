/** What a shape is made into: a hash, or a text. */
export interface ShapeSink {
  /** Bytes as they stand. */
  add(bytes: Uint8Array, start: number, end: number): void;
  /** One byte. */
  word(byte: number): void;
}

/** Of a message longer than this, the rest says nothing about its shape. */
const SHAPE_BYTES = 256;

/** A word of letters from a to f alone that is at least this long is a number in hexadecimal. */
const HEX_WORD = 8;

/** Stands for whatever changes from one message of a kind to the next. */
const MASK = 0x23;

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const COLON = 0x3a;
const DASH = 0x2d;
const BLANK = 0x20;

/**
 * Goes through a message without what changes in it, so that messages of one kind are one. One `#` stands for
 *
 * - a word with a digit in it: numbers, ids, `0x7ffe`, `node-12`, each part of a date or a UUID;
 * - a word of eight or more letters from a to f, and a shorter one that a dash ties to a word that is masked;
 * - a text in quotes, single or double, unless a colon follows, as after a key of JSON. A quote that follows a letter is
 *   an apostrophe.
 *
 * Several blanks count as one. Computed over the bytes: nothing is decoded, nothing allocated.
 */
export function walkShape(bytes: Uint8Array, start: number, end: number, sink: ShapeSink): void {
  const limit = Math.min(end, start + SHAPE_BYTES);
  let wasMasked = false;
  for (let at = start; at < limit;) {
    const byte = bytes[at] ?? 0;
    if (isWord(byte)) {
      const wordEnd = endOfWord(bytes, at, limit);
      const isTied = wasMasked && bytes[at - 1] === DASH;
      wasMasked = changes(bytes, at, wordEnd, isTied);
      if (wasMasked) sink.word(MASK);
      else sink.add(bytes, at, wordEnd);
      at = wordEnd;
      continue;
    }
    const after = byte === QUOTE || byte === APOSTROPHE ? endOfQuoted(bytes, start, at, limit) : at;
    if (after > at) {
      if (bytes[after] === COLON) sink.add(bytes, at, after);
      else sink.word(MASK);
      at = after;
      continue;
    }
    if (byte !== DASH) wasMasked = false;
    if (byte !== BLANK || bytes[at - 1] !== BLANK || at === start) sink.word(byte);
    at += 1;
  }
}

function endOfWord(bytes: Uint8Array, start: number, limit: number): number {
  let at = start + 1;
  while (at < limit && isWord(bytes[at] ?? 0)) at += 1;
  return at;
}

/** Where the text in quotes that begins at `at` ends, or `at` when it does not. */
function endOfQuoted(bytes: Uint8Array, start: number, at: number, limit: number): number {
  const quote = bytes[at];
  if (quote === APOSTROPHE && at > start && isWord(bytes[at - 1] ?? 0)) return at;
  for (let end = at + 1; end < limit; end++) if (bytes[end] === quote) return end + 1;
  return at;
}

/** Whether a word is masked. */
function changes(bytes: Uint8Array, start: number, end: number, isTied: boolean): boolean {
  let isHex = true;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte <= 0x39) return true;
    const lower = byte | 0x20;
    isHex &&= lower >= 0x61 && lower <= 0x66;
  }
  return isHex && (isTied || end - start >= HEX_WORD);
}

/** Letters, digits, the underscore, and everything beyond ASCII. */
function isWord(byte: number): boolean {
  if (byte >= 0x80 || byte === 0x5f) return true;
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
}
