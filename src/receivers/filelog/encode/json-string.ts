/** Strings of JSON, found and decoded. Source: RFC 8259, section 7. */

export const INVALID = -1;

/**
 * Where the string that begins after the quote at `start - 1` ends: the place of its closing quote. For a string with
 * escapes, -2 minus that place; INVALID when it does not end or has control characters.
 */
export function scanString(source: Buffer, start: number, end: number): number {
  let isEscaped = false;
  for (let pos = start; pos < end; pos++) {
    const byte = source[pos] ?? 0;
    if (byte > 0x5c || (byte > 0x22 && byte < 0x5c)) continue;
    if (byte === 0x22) return isEscaped ? -2 - pos : pos;
    if (byte === 0x5c) {
      isEscaped = true;
      pos++;
    } else if (byte < 0x20) return INVALID;
  }
  return INVALID;
}

/** Decoded by the runtime: escapes are rare, and its rules (surrogates) are the ones to have. Undefined: not valid. */
export function decodeString(source: Buffer, start: number, end: number): string | undefined {
  try {
    return String(JSON.parse(source.toString('utf8', start - 1, end + 1)));
  } catch {
    return undefined;
  }
}
