/**
 * Strings of JSON, copied with their escapes replaced.
 *
 *   string = quote *( unescaped / escape ( quote / "\" / "/" / b / f / n / r / t / u 4HEXDIG ) ) quote
 *
 * Source: RFC 8259, section 7.
 */
export class StringCopier {
  /** After the closing quote of the string that was copied last. */
  end = 0;
  escaped = false;

  /**
   * Copies the string whose content begins at `start` to `at`; returns where the copy ends, or -1 when it is no string.
   * Up to three bytes behind the copy are overwritten.
   */
  copy(source: DataView, start: number, end: number, out: DataView, at: number): number {
    const wordEnd = end - 4;
    let pos = start;
    let to = at;
    this.escaped = false;
    for (;;) {
      let found = 0;
      while (pos <= wordEnd) {
        const word = source.getInt32(pos, true);
        out.setInt32(to, word, true);
        found = special(word);
        if (found !== 0) break;
        pos += 4;
        to += 4;
      }
      if (found !== 0) {
        const plain = (31 - Math.clz32(found & -found)) >> 3;
        pos += plain;
        to += plain;
      } else {
        while (pos < end && (special(source.getUint8(pos)) & 0x80) === 0) out.setUint8(to++, source.getUint8(pos++));
        if (pos >= end) return -1;
      }
      const byte = source.getUint8(pos);
      if (byte === QUOTE) {
        this.end = pos + 1;
        return to;
      }
      if (byte !== BACKSLASH) return -1;
      to = this.#escape(source, pos, end, out, to);
      if (to === -1) return -1;
      pos = this.end;
    }
  }

  /** One escape, whose backslash is at `pos`; `end` is set behind it. */
  #escape(source: DataView, pos: number, end: number, out: DataView, at: number): number {
    this.escaped = true;
    const letter = pos + 1 < end ? source.getUint8(pos + 1) : 0;
    if (letter === 0x75) return this.#unicode(source, pos, end, out, at);
    const byte = ESCAPES[letter] ?? 0;
    if (byte === 0) return -1;
    out.setUint8(at, byte);
    this.end = pos + 2;
    return at + 1;
  }

  /** A code unit, or two that belong together. One that stands alone becomes U+FFFD, which UTF-8 has instead. */
  #unicode(source: DataView, pos: number, end: number, out: DataView, at: number): number {
    const unit = codeUnit(source, pos, end);
    if (unit === -1) return -1;
    this.end = pos + 6;
    if (unit < 0xd800 || unit > 0xdfff) return putCharacter(out, at, unit);
    const second = unit < 0xdc00 ? codeUnit(source, pos + 6, end) : -1;
    if (second < 0xdc00 || second > 0xdfff) return putCharacter(out, at, 0xfffd);
    this.end = pos + 12;
    return putCharacter(out, at, 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00));
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Of the four bytes, those that are a quote, a backslash or a control character have their top bit set in the result.
 * Only the lowest bit set is sure; the others may be wrong.
 */
function special(word: number): number {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  const none = (quote - 0x01010101) & ~quote;
  return (none | ((backslash - 0x01010101) & ~backslash) | ((word - 0x20202020) & ~word)) & 0x80808080;
}

/** What a letter after a backslash stands for; 0 for none. */
const ESCAPES = new Uint8Array(256);
for (const [letter, meaning] of Object.entries({
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
})) {
  ESCAPES[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** The value of `\uXXXX` at `pos`; -1 when it is something else. */
function codeUnit(source: DataView, pos: number, end: number): number {
  if (pos + 6 > end || source.getUint16(pos) !== 0x5c75) return -1;
  let unit = 0;
  for (let i = pos + 2; i < pos + 6; i++) {
    const digit = hexDigit(source.getUint8(i));
    if (digit === -1) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function putCharacter(out: DataView, at: number, code: number): number {
  if (code < 0x80) {
    out.setUint8(at, code);
    return at + 1;
  }
  let to = at;
  if (code < 0x800) out.setUint8(to++, 0xc0 | (code >> 6));
  else {
    if (code < 0x10000) out.setUint8(to++, 0xe0 | (code >> 12));
    else {
      out.setUint8(to++, 0xf0 | (code >> 18));
      out.setUint8(to++, 0x80 | ((code >> 12) & 0x3f));
    }
    out.setUint8(to++, 0x80 | ((code >> 6) & 0x3f));
  }
  out.setUint8(to, 0x80 | (code & 0x3f));
  return to + 1;
}
