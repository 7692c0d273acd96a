import { gotimeParts, strptimeParts, type NumberUnit, type TimePart } from './time-layout.ts';
import { abbreviations, TimeZone } from './time-zone.ts';

export interface TimeOptions {
  readonly layoutType: 'strptime' | 'gotime' | 'epoch';
  readonly layout: string;
  /** For times without a zone: UTC, Local or an IANA name. */
  readonly location: string;
  /** IANA names by zone abbreviation. */
  readonly zones?: Readonly<Record<string, string>> | undefined;
}

export const EPOCH_LAYOUTS = ['s', 'ms', 'us', 'ns', 's.ms', 's.us', 's.ns'] as const;
const EPOCH_DIGITS: Readonly<Record<string, number>> = { s: 0, ms: 3, us: 6, ns: 9, 's.ms': 0, 's.us': 0, 's.ns': 0 };
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY = /(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*/iy;
const ZONE = /Z|([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?/y;
const ZONE_NAME = /[A-Za-z]{1,5}/y;
const DAY_MS = 86_400_000;
/** A date without a year that would be further ahead than this is one of last year, as in the Collector. */
const MAX_AHEAD_MS = 7 * DAY_MS;

/**
 * Reads times by a layout that was compiled once. After `parse` returned true, `seconds` and `nanos` hold the result, so
 * that a line costs no object.
 */
export class TimeParser {
  seconds = 0;
  nanos = 0;
  readonly #parts: readonly TimePart[];
  readonly #epochDigits: number | undefined;
  readonly #hasDate: boolean;
  readonly #location: TimeZone;
  readonly #names: ReturnType<typeof abbreviations>;
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
  /** Seconds east of UTC, or a zone; undefined when the text has none. */
  #zone: number | TimeZone | undefined;

  /** Throws SyntaxError for a layout that is not known. */
  constructor({ layoutType, layout, location, zones = {} }: TimeOptions) {
    this.#location = new TimeZone(location);
    this.#names = abbreviations(location, zones);
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
    this.#hasDate = this.#parts.some(isDatePart);
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
    this.#zone = undefined;
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
        return this.#zoneOffset();
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

  #zoneOffset(): boolean {
    ZONE.lastIndex = this.#pos;
    const match = ZONE.exec(this.#text);
    if (match === null) return false;
    this.#pos = ZONE.lastIndex;
    const seconds = Number(match[2] ?? 0) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
    this.#zone = match[1] === '-' ? -seconds : seconds;
    return true;
  }

  #zoneName(): boolean {
    const mark = this.#text[this.#pos];
    if (mark === '+' || mark === '-') return this.#zoneOffset();
    const name = this.#match(ZONE_NAME);
    if (name === undefined) return false;
    const known = this.#names.table.get(name) ?? this.#names.table.get(name.toUpperCase());
    this.#zone = typeof known === 'number' ? known * 60 : (known ?? this.#names.fallback);
    return this.#zone !== undefined;
  }

  #match(regex: RegExp): string | undefined {
    regex.lastIndex = this.#pos;
    const found = regex.exec(this.#text)?.[0];
    if (found !== undefined) this.#pos += found.length;
    return found;
  }

  #finish(nowMs: number): boolean {
    const { month, day, hour, minute, second } = this.#units;
    if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return false;
    const hours = this.#isAfternoon === undefined ? hour : (hour % 12) + (this.#isAfternoon ? 12 : 0);
    const timeMs = ((hours * 60 + minute) * 60 + second) * 1000;
    const year = this.#hasYear ? this.#units.year : undefined;
    let ms = this.#utcMs(this.#dateMs(year, nowMs) + timeMs);
    if (year === undefined && this.#hasDate && ms > nowMs + MAX_AHEAD_MS) {
      ms = this.#utcMs(this.#dateMs(this.#yearOf(nowMs) - 1, nowMs) + timeMs);
    }
    this.seconds = ms / 1000;
    return ms >= 0;
  }

  #utcMs(wallMs: number): number {
    if (this.#zone === undefined) return this.#location.utcOf(wallMs);
    return typeof this.#zone === 'number' ? wallMs - this.#zone * 1000 : this.#zone.utcOf(wallMs);
  }

  #yearOf(nowMs: number): number {
    return new Date(nowMs + this.#location.offsetAt(nowMs)).getUTCFullYear();
  }

  /** Midnight of the day, as if it were UTC; NaN for a day that the month does not have. */
  #dateMs(givenYear: number | undefined, nowMs: number): number {
    const { month, day, dayOfYear } = this.#units;
    if (!this.#hasDate) return Math.floor((nowMs + this.#location.offsetAt(nowMs)) / DAY_MS) * DAY_MS;
    const year = givenYear ?? this.#yearOf(nowMs);
    // Years below 100 would be taken for those of the last century.
    if (year < 100) return Number.NaN;
    if (dayOfYear > 0) return Date.UTC(year, 0, dayOfYear);
    return day <= daysIn(year, month) ? Date.UTC(year, month - 1, day) : Number.NaN;
  }
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
}

function isDatePart(part: TimePart): boolean {
  if (part.kind === 'month' || part.kind === 'weekday') return true;
  return part.kind === 'number' && ['year', 'shortYear', 'month', 'day', 'dayOfYear'].includes(part.unit);
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
