/**
 * Reads RFC 3339 times in place, with any number of decimals. After `parse` the fields hold the result, so that a line
 * costs no object.
 *
 *   2016-10-06T00:17:09.669794202Z   2016-10-06T00:17:09+02:00
 */
export class Rfc3339 {
  seconds = 0;
  nanos = 0;
  readonly #date = Buffer.alloc(10);
  #dateSeconds = 0;

  /** Returns where the time ends, or -1 when there is none at `start`. */
  parse(source: Buffer, start: number, end: number): number {
    if (end - start < 20 || source[start + 10] !== LETTER_T || !this.#isDate(source, start)) return -1;
    const hour = twoDigits(source, start + 11);
    const minute = twoDigits(source, start + 14);
    const second = twoDigits(source, start + 17);
    if (!(hour <= 23 && minute <= 59 && second <= 60)) return -1;
    if (source[start + 13] !== COLON || source[start + 16] !== COLON) return -1;
    this.seconds = this.#dateSeconds + hour * 3600 + minute * 60 + second;
    return this.#zone(source, this.#decimals(source, start + 19, end), end);
  }

  #decimals(source: Buffer, point: number, end: number): number {
    this.nanos = 0;
    if (source[point] !== DOT) return point;
    let scale = 100_000_000;
    let at = point + 1;
    for (let digit = digitAt(source, at); at < end && digit <= 9; digit = digitAt(source, ++at)) {
      this.nanos += digit * scale;
      scale = scale > 1 ? scale / 10 : 0;
    }
    return at;
  }

  #zone(source: Buffer, at: number, end: number): number {
    const sign = at < end ? source[at] : undefined;
    if (sign === LETTER_Z) return at + 1;
    if ((sign !== PLUS && sign !== MINUS) || at + 6 > end || source[at + 3] !== COLON) return -1;
    const minutes = twoDigits(source, at + 1) * 60 + twoDigits(source, at + 4);
    if (!(minutes < 24 * 60)) return -1;
    this.seconds += (sign === MINUS ? 60 : -60) * minutes;
    return this.seconds >= 0 ? at + 6 : -1;
  }

  /** Lines follow one another within a day: the date of the line before is nearly always the date of this one. */
  #isDate(source: Buffer, start: number): boolean {
    const date = this.#date;
    let same = 0;
    while (same < 10 && source[start + same] === date[same]) same++;
    if (same === 10) return true;
    if (source[start + 4] !== MINUS || source[start + 7] !== MINUS) return false;
    const ms = Date.parse(`${source.toString('latin1', start, start + 10)}T00:00:00Z`);
    if (!(ms >= 0)) return false;
    source.copy(date, 0, start, start + 10);
    this.#dateSeconds = ms / 1000;
    return true;
  }
}

const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;

/** Above 9 when there is no digit. */
function digitAt(source: Buffer, at: number): number {
  return ((source[at] ?? 0) - 0x30) & 0xff;
}

/** NaN when there are no two digits. */
function twoDigits(source: Buffer, at: number): number {
  const tens = digitAt(source, at);
  const ones = digitAt(source, at + 1);
  return tens <= 9 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
