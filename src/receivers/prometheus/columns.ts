/** Growing columns of numbers: each returns a longer copy, with `fill` or 0 behind what was there. */
export function longerInt32(column: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(length);
  longer.set(column);
  return longer;
}

export function longerFloat64(column: Float64Array, length: number, fill = 0): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(length);
  longer.set(column);
  if (fill !== 0) longer.fill(fill, column.length);
  return longer;
}

export function longerUint8(column: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length);
  longer.set(column);
  return longer;
}

/** Room for `needed` when there was `room`: half as much again, so that little is empty. */
export function grownRoom(room: number, needed: number): number {
  return Math.max(Math.ceil(room * 1.5), needed);
}

/** How much of a table of slots is used at most: chains stay short, and a slot is four bytes. */
const FULL = 0.6;

export function isFull(slots: Int32Array, count: number): boolean {
  return count > slots.length * FULL;
}

/** Slots of an open-addressing table for `count` entries: a power of two, at most six tenths full. */
export function slotsFor(count: number): number {
  let slots = 64;
  while (slots * FULL < count) slots *= 2;
  return slots;
}

/** Bytes of any content. */
export function blankBytes(length: number): DataView {
  const bytes = Buffer.allocUnsafeSlow(length);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

/** Copies bytes from one place to another of which neither lies in the other. */
export function copyBytes(from: DataView, start: number, end: number, to: DataView, at: number): void {
  let pos = at;
  let source = start;
  for (; source + 16 <= end; source += 16, pos += 16) {
    to.setInt32(pos, from.getInt32(source, true), true);
    to.setInt32(pos + 4, from.getInt32(source + 4, true), true);
    to.setInt32(pos + 8, from.getInt32(source + 8, true), true);
    to.setInt32(pos + 12, from.getInt32(source + 12, true), true);
  }
  for (; source + 4 <= end; source += 4, pos += 4) to.setInt32(pos, from.getInt32(source, true), true);
  for (; source < end; source++, pos++) to.setUint8(pos, from.getUint8(source));
}

/** Whether `length` bytes of `a` from `aStart` are those of `b` from `bStart`. Half the time of one word after the other. */
export function equalBytes(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  let at = 0;
  for (; at + 16 <= length; at += 16) {
    const first = a.getInt32(aStart + at, true) ^ b.getInt32(bStart + at, true);
    const second = a.getInt32(aStart + at + 4, true) ^ b.getInt32(bStart + at + 4, true);
    const third = a.getInt32(aStart + at + 8, true) ^ b.getInt32(bStart + at + 8, true);
    const fourth = a.getInt32(aStart + at + 12, true) ^ b.getInt32(bStart + at + 12, true);
    if ((first | second | third | fourth) !== 0) return false;
  }
  for (; at + 4 <= length; at += 4) {
    if (a.getInt32(aStart + at, true) !== b.getInt32(bStart + at, true)) return false;
  }
  for (; at < length; at++) if (a.getUint8(aStart + at) !== b.getUint8(bStart + at)) return false;
  return true;
}
