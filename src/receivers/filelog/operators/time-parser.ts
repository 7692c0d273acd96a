import { gotimeParts, strptimeParts, type NumberUnit, type TimePart } from './time-layout.ts';

export interface TimeOptions {
  readonly layoutType: 'strptime' | 'gotime' | 'epoch';
  readonly layout: string;
  /** For times without a zone. */
  readonly location: 'UTC' | 'Local';
}

export const EPOCH_LAYOUTS = ['s', 'ms', 'us', 'ns', 's.ms', 's.us', 's.ns'] as const;
const EPOCH_DIGITS: Readonly<Record<string, number>> = { s: 0, ms: 3, us: 6, ns: 9, 's.ms': 0, 's.us': 0, 's.ns': 0 };
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY = /(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*/iy;
const ZONE = /Z|([+-])(\d\d)(?::?(\d\d))?/y;
const ZONE_NAME = /[A-Za-z]{1,5}/y;

/**
 * Reads times by a layout that was compiled once. After `parse` returned true, `seconds` and `nanos` hold the result, so
 * that a line costs no object.
 */
export class TimeParser {
  seconds = 0;
  nanos = 0;
  readonly #parts: readonly TimePart[];
  readonly #epochDigits: number | undefined;
  readonly #isLocal: boolean;
  #text = '';
  #pos = 0;
  readonly #units: Record<NumberUnit, number> = {
    year: 0,
    shortYear: 0,
    month: 1,
    day: 1,
    hour: 0,
    hour12: 0,
    minute: 0,
    second: 0,
    dayOfYear: 0,
  };
  #hasYear = false;
  #isAfternoon: boolean | undefined;
  /** Minutes east of UTC; undefined when the text has no zone. */
  #zoneMinutes: number | undefined;

  /** Throws SyntaxError for a layout that is not known. */
  constructor({ layoutType, layout, location }: TimeOptions) {
    this.#isLocal = location === 'Local';
    this.#epochDigits = layoutType === 'epoch' ? EPOCH_DIGITS[layout] : undefined;
    if (layoutType === 'epoch' && this.#epochDigits === undefined) {
      throw new SyntaxError(`"${layout}" is not an epoch layout; use one of ${EPOCH_LAYOUTS.join(', ')}`);
    }
    this.#parts =
      layoutType === 'epoch'
        ? []
        : layoutType === 'gotime'
          ? gotimeParts(layout)
          : withoutFraction(strptimeParts(layout));
  }

  /** `nowMs` gives the year where the layout has none. */
  parse(text: string, nowMs: number): boolean {
    if (this.#epochDigits !== undefined) return this.#epoch(text, this.#epochDigits);
    this.#reset(text);
    for (const part of this.#parts) if (!this.#take(part)) return false;
    return this.#pos === text.length && this.#finish(nowMs);
  }

  #reset(text: string): void {
    this.#text = text;
    this.#pos = 0;
    this.nanos = 0;
    this.#hasYear = false;
    this.#isAfternoon = undefined;
    this.#zoneMinutes = undefined;
    const units = this.#units;
    units.month = units.day = 1;
    units.hour = units.minute = units.second = units.dayOfYear = 0;
  }

  #epoch(text: string, digits: number): boolean {
    const match = /^(-?\d+)(?:\.(\d+))?$/.exec(text.trim());
    if (match === null) return false;
    const whole = (match[1] ?? '').padStart(digits + 1, '0');
    const split = whole.length - digits;
    this.seconds = Number(whole.slice(0, split));
    this.nanos = Number((whole.slice(split) + (match[2] ?? '')).padEnd(9, '0').slice(0, 9));
    return this.seconds >= 0 && this.seconds < 2 ** 34;
  }

  #take(part: TimePart): boolean {
    switch (part.kind) {
      case 'literal':
        if (this.#text[this.#pos] !== part.text) return false;
        this.#pos += 1;
        return true;
      case 'blank':
        while (this.#text[this.#pos] === ' ') this.#pos += 1;
        return true;
      case 'number':
        return this.#number(part.unit, part.min, part.max);
      case 'fraction':
        return this.#fraction();
      case 'month':
        return this.#month();
      case 'weekday':
        return this.#match(DAY) !== undefined;
      case 'ampm':
        return this.#ampm();
      case 'zone':
        return this.#zone();
      case 'zoneName':
        return this.#zoneName();
    }
  }

  #number(unit: NumberUnit, min: number, max: number): boolean {
    let value = 0;
    let count = 0;
    for (; count < max; count++) {
      const digit = this.#text.charCodeAt(this.#pos) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      this.#pos += 1;
    }
    if (count < min) return false;
    this.#units[unit] = value;
    if (unit === 'year' || unit === 'shortYear') this.#hasYear = true;
    if (unit === 'shortYear') this.#units.year = value + (value < 69 ? 2000 : 1900);
    if (unit === 'hour12') this.#units.hour = value % 12;
    // As in Go, a fraction may follow the seconds whether the layout says so or not.
    if (unit === 'second') this.#optionalFraction();
    return true;
  }

  #optionalFraction(): void {
    const mark = this.#text[this.#pos];
    if (mark !== '.' && mark !== ',') return;
    this.#pos += 1;
    if (!this.#fraction()) this.#pos -= 1;
  }

  #fraction(): boolean {
    let value = 0;
    let count = 0;
    for (; ; count++) {
      const digit = this.#text.charCodeAt(this.#pos) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      if (count < 9) value = value * 10 + digit;
      this.#pos += 1;
    }
    if (count === 0) return false;
    this.nanos = value * 10 ** Math.max(0, 9 - count);
    return true;
  }

  #month(): boolean {
    const name = this.#match(/[A-Za-z]{3,9}/y);
    const index = name === undefined ? -1 : MONTHS.indexOf(name.slice(0, 3).toLowerCase());
    this.#units.month = index + 1;
    return index !== -1;
  }

  #ampm(): boolean {
    const mark = this.#match(/[AaPp][Mm]/y);
    if (mark === undefined) return false;
    this.#isAfternoon = mark.toLowerCase() === 'pm';
    return true;
  }

  #zone(): boolean {
    ZONE.lastIndex = this.#pos;
    const match = ZONE.exec(this.#text);
    if (match === null) return false;
    this.#pos = ZONE.lastIndex;
    const minutes = Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0);
    this.#zoneMinutes = match[1] === '-' ? -minutes : minutes;
    return true;
  }

  /** Only names that mean UTC have one meaning everywhere; others leave the zone to the location, as in Go. */
  #zoneName(): boolean {
    const name = this.#match(ZONE_NAME);
    if (name === undefined) return false;
    if (/^(UTC|GMT|Z|UT)$/i.test(name)) this.#zoneMinutes = 0;
    return true;
  }

  #match(regex: RegExp): string | undefined {
    regex.lastIndex = this.#pos;
    const found = regex.exec(this.#text)?.[0];
    if (found !== undefined) this.#pos += found.length;
    return found;
  }

  #finish(nowMs: number): boolean {
    const { month, day, hour, minute, second, dayOfYear } = this.#units;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return false;
    const hours = this.#isAfternoon === undefined ? hour : (hour % 12) + (this.#isAfternoon ? 12 : 0);
    const year = this.#hasYear ? this.#units.year : new Date(nowMs).getUTCFullYear();
    const monthIndex = dayOfYear > 0 ? 0 : month - 1;
    const monthDay = dayOfYear > 0 ? dayOfYear : day;
    const useLocal = this.#zoneMinutes === undefined && this.#isLocal;
    const ms = useLocal
      ? new Date(year, monthIndex, monthDay, hours, minute, second).getTime()
      : Date.UTC(year, monthIndex, monthDay, hours, minute, second) - (this.#zoneMinutes ?? 0) * 60_000;
    this.seconds = ms / 1000;
    return ms >= 0;
  }
}

/** A fraction right after the seconds is taken with them, so the layout need not name it. */
function withoutFraction(parts: readonly TimePart[]): TimePart[] {
  const isSecond = (part: TimePart | undefined): boolean => part?.kind === 'number' && part.unit === 'second';
  const isMark = (part: TimePart | undefined): boolean => part?.kind === 'literal' && /[.,]/.test(part.text);
  return parts.filter((part, i) => {
    if (isMark(part)) return !(isSecond(parts[i - 1]) && parts[i + 1]?.kind === 'fraction');
    return !(part.kind === 'fraction' && isMark(parts[i - 1]) && isSecond(parts[i - 2]));
  });
}
