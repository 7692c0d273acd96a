/** Looking at runs of bytes of a text whose characters below 0x80 are one byte each, as in UTF-8 and Latin-1. */

/** The whitespace that the Collector trims: space, tab, carriage return, newline. */
export function isBlank(unit: number | undefined): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0d || unit === 0x0a;
}

export function trimStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(bytes[at])) at++;
  return at;
}

export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && isBlank(bytes[at - 1])) at--;
  return at;
}

export function skipNuls(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === 0) at++;
  return at;
}

/** The last place at or before `end` where a character of UTF-8 may begin, so that a cut splits none; after `start`. */
export function characterStart(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end; at > start && at > end - 4; at--) if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return at;
  return end;
}
