/** Text forms of bytes that JSON carries: escapes, hex and base64. */

const BACKSLASH = 0x5c;
const BAD = 0xff;

const HEX_VALUE = table('0123456789abcdef', '0123456789ABCDEF');
const BASE64_VALUE = table(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
);

function table(...alphabets: string[]): Uint8Array {
  const values = new Uint8Array(256).fill(BAD);
  for (const alphabet of alphabets) for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

/** Bytes of `[start, end)` as hex digits in either case, into `to`; false when they are none. */
export function decodeHex(source: Uint8Array, start: number, end: number, to: Uint8Array): boolean {
  let all = 0;
  for (let at = start, i = 0; at + 1 < end; at += 2, i++) {
    const high = HEX_VALUE[source[at] ?? 0] ?? BAD;
    const low = HEX_VALUE[source[at + 1] ?? 0] ?? BAD;
    all |= high | low;
    to[i] = (high << 4) | low;
  }
  return all < 16;
}

/** The bytes that base64 text of the standard or the URL alphabet stands for, padded or not; undefined if it is none. */
export function decodeBase64(source: Uint8Array, start: number, end: number): Uint8Array | undefined {
  let last = end;
  while (last > start && end - last < 2 && source[last - 1] === 0x3d) last -= 1;
  if ((last - start) % 4 === 1 || (last < end && (end - start) % 4 !== 0)) return undefined;
  for (let at = start; at < last; at++) if (BASE64_VALUE[source[at] ?? 0] === BAD) return undefined;
  return Buffer.from(Buffer.from(source.subarray(start, last)).toString('latin1'), 'base64');
}

const SIMPLE_ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }).map(
    ([escape, meaning]) => [escape.charCodeAt(0), meaning.charCodeAt(0)],
  ),
);

/**
 * Writes what the JSON string means as UTF-8 to `to` from `pos` on, and returns where it ends; it is never longer than
 * the text, whose escapes were checked. Half a surrogate pair becomes U+FFFD.
 */
export function unescape(
  text: { source: Uint8Array; start: number; end: number },
  to: Uint8Array,
  pos: number,
): number {
  const { source, end } = text;
  let out = pos;
  for (let at = text.start; at < end;) {
    const byte = source[at] ?? 0;
    if (byte !== BACKSLASH) {
      to[out++] = byte;
      at += 1;
      continue;
    }
    const escape = source[at + 1] ?? 0;
    const simple = SIMPLE_ESCAPES.get(escape);
    if (simple !== undefined) {
      to[out++] = simple;
      at += 2;
      continue;
    }
    let code = hexCode(source, at + 2);
    at += 6;
    if (code >= 0xd800 && code < 0xe000) {
      const low = code < 0xdc00 && source[at] === BACKSLASH && source[at + 1] === 0x75 ? hexCode(source, at + 2) : 0;
      const isPair = low >= 0xdc00 && low < 0xe000;
      code = isPair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
      if (isPair) at += 6;
    }
    out = putUtf8(to, out, code);
  }
  return out;
}

/** The value of the four hex digits at `at`, or -1. */
export function hexCode(source: Uint8Array, at: number): number {
  let code = 0;
  for (let i = at; i < at + 4; i++) {
    const digit = HEX_VALUE[source[i] ?? 0] ?? BAD;
    if (digit === BAD) return -1;
    code = code * 16 + digit;
  }
  return code;
}

function putUtf8(to: Uint8Array, pos: number, code: number): number {
  let out = pos;
  if (code < 0x80) {
    to[out++] = code;
    return out;
  }
  if (code < 0x800) {
    to[out++] = 0xc0 | (code >> 6);
  } else {
    if (code < 0x10000) {
      to[out++] = 0xe0 | (code >> 12);
    } else {
      to[out++] = 0xf0 | (code >> 18);
      to[out++] = 0x80 | ((code >> 12) & 0x3f);
    }
    to[out++] = 0x80 | ((code >> 6) & 0x3f);
  }
  to[out++] = 0x80 | (code & 0x3f);
  return out;
}
