/**
 * Which bytes a W3C tracestate, and its entry `ot`, are made of. The Collector's pkg/sampling says the same.
 *
 *   list  = member *( OWS "," OWS member )     member = key "=" value, or nothing
 *   key   = lcalpha *keychar  /  ( lcalpha / DIGIT ) *keychar "@" lcalpha *keychar
 *   value = *255( %x20 / visible ) visible     visible = %x21-7E without "," and "="
 *
 *   ot    = field *( ";" field )               field = lcalpha *( lcalpha / DIGIT ) ":" *( ALPHA / DIGIT / "." / "_" / "-" )
 *
 * Sources: W3C Trace Context, "tracestate header"; specification, trace/tracestate-handling.md.
 */
export const COMMA = 0x2c;
export const EQUALS = 0x3d;
export const SEMICOLON = 0x3b;
export const COLON = 0x3a;
const AT_SIGN = 0x40;

/**
 * The Collector's limits. It counts empty members, and says 32 where it takes 31: where 31 others came without `ot`, what is
 * written has 32, which W3C allows, and the next sampler takes it for malformed and leaves it alone, here as there.
 */
export const MAX_BYTES = 1024;
export const MAX_MEMBERS = 31;
export const MAX_OT_BYTES = 256;
const MAX_KEY_BYTES = 256;
const MAX_TENANT_BYTES = 241;
const MAX_SYSTEM_BYTES = 14;
const MAX_VALUE_BYTES = 256;

export function isKey(bytes: Uint8Array, start: number, end: number): boolean {
  const at = indexOf(bytes, AT_SIGN, start, end);
  if (at < 0) return end - start <= MAX_KEY_BYTES && isLower(bytes[start] ?? 0) && areKeyBytes(bytes, start, end);
  if (at - start > MAX_TENANT_BYTES || end - at - 1 > MAX_SYSTEM_BYTES || end - start > MAX_KEY_BYTES) return false;
  const first = bytes[start] ?? 0;
  if (at === start || !(isLower(first) || isDigit(first)) || !areKeyBytes(bytes, start, at)) return false;
  return at + 1 < end && isLower(bytes[at + 1] ?? 0) && areKeyBytes(bytes, at + 1, end);
}

/** The caller has taken the blanks off its ends. */
export function isValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end || end - start > MAX_VALUE_BYTES) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === COMMA || byte === EQUALS) return false;
  }
  return true;
}

export function isOtKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end || !isLower(bytes[start] ?? 0)) return false;
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (!isLower(byte) && !isDigit(byte)) return false;
  }
  return true;
}

export function isOtValue(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const isLetter = isLower(byte | 0x20) && byte >= 0x41;
    if (!isLetter && !isDigit(byte) && byte !== 0x2e && byte !== 0x5f && byte !== 0x2d) return false;
  }
  return true;
}

/** True for a blank between members. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** Where `wanted` stands in [start, end), or -1. */
export function indexOf(bytes: Uint8Array, wanted: number, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === wanted) return at;
  return -1;
}

function areKeyBytes(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    // _ - * /
    const isSign = byte === 0x5f || byte === 0x2d || byte === 0x2a || byte === 0x2f;
    if (!isLower(byte) && !isDigit(byte) && !isSign) return false;
  }
  return true;
}

function isLower(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
