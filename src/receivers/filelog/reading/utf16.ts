import { isBlank } from './bytes.ts';

/** Looking at runs of bytes of a text in UTF-16 whose units have the low byte first. Runs are whole units. */

function unitAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

export function trimStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(unitAt(bytes, at))) at += 2;
  return at;
}

export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && isBlank(unitAt(bytes, at - 2))) at -= 2;
  return at;
}

export function skipNuls(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && unitAt(bytes, at) === 0) at += 2;
  return at;
}

/** The last place at or before `end` that is not between the halves of a surrogate pair; after `start`. */
export function characterStart(bytes: Uint8Array, start: number, end: number): number {
  const at = end - ((end - start) % 2);
  const isLow = (unitAt(bytes, at) & 0xfc00) === 0xdc00;
  const isHigh = (unitAt(bytes, at - 2) & 0xfc00) === 0xd800;
  return isLow && isHigh && at - 2 > start ? at - 2 : at;
}

/** Where the next unit `code` (below 0x80) stands at or after `from`, in units counted from `from`; -1 when there is none. */
export function indexOfUnit(bytes: Buffer, code: number, from: number, end: number): number {
  for (let at = bytes.indexOf(code, from); at !== -1 && at < end - 1; at = bytes.indexOf(code, at + 1)) {
    if ((at - from) % 2 === 0 && bytes[at + 1] === 0) return at;
  }
  return -1;
}

/** A copy whose units from `start` on are the other way round. */
export function swapped(bytes: Buffer, start: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.subarray(start, copy.length - ((copy.length - start) % 2)).swap16();
  return copy;
}
