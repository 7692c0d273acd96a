const MINUTE_MS = 60_000;
/** Zones change their offset at whole quarters of an hour of UTC, and lines come in order: one quarter is remembered. */
const QUARTER_MS = 15 * MINUTE_MS;

/** A zone that turns times on the wall into UTC. Both are milliseconds; wall time counts as if it were UTC. */
export class TimeZone {
  readonly isUtc: boolean;
  readonly #offsetAt: (utcMs: number) => number;
  #quarter = Number.NaN;
  #offsetMs = 0;

  /** `UTC`, `Local`, or an IANA name such as Europe/Berlin. Throws SyntaxError for a name that is not known. */
  constructor(name: string) {
    this.#offsetAt = name === 'Local' ? localOffset : name === 'UTC' ? () => 0 : namedOffset(name);
    this.isUtc = name === 'UTC' || (name === 'Local' && isLocalUtc());
  }

  /** Milliseconds east of UTC. */
  offsetAt(utcMs: number): number {
    const quarter = Math.floor(utcMs / QUARTER_MS);
    if (quarter === this.#quarter) return this.#offsetMs;
    this.#quarter = quarter;
    this.#offsetMs = this.#offsetAt(utcMs);
    return this.#offsetMs;
  }

  /** Of a time that the clock shows twice, one of the two; of one that it skips, one that is near. */
  utcOf(wallMs: number): number {
    if (this.isUtc) return wallMs;
    const guess = wallMs - this.offsetAt(wallMs - this.#offsetMs);
    return wallMs - this.offsetAt(guess);
  }
}

function localOffset(utcMs: number): number {
  return -new Date(utcMs).getTimezoneOffset() * MINUTE_MS;
}

function isLocalUtc(): boolean {
  return /^(?:Etc\/)?(?:UTC|UCT|GMT|Zulu|Universal|Greenwich)$/.test(
    new Intl.DateTimeFormat().resolvedOptions().timeZone,
  );
}

const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

function namedOffset(name: string): (utcMs: number) => number {
  const format = formatFor(name);
  return (utcMs) => {
    const [, sign, hours, minutes, seconds] = OFFSET.exec(format.format(utcMs)) ?? [];
    const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * MINUTE_MS + Number(seconds ?? 0) * 1000;
    return sign === '-' ? -offset : offset;
  };
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  } catch (error) {
    const message = `"${timeZone}" is not a time zone; use UTC, Local or an IANA name such as America/New_York`;
    throw new SyntaxError(message, { cause: error });
  }
}

/** Abbreviations with one meaning. Source: RFC 5322, section 4.3, obs-zone; minutes east of UTC. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};

/**
 * What zone abbreviations mean in a location: minutes east of UTC, or a zone. Only names of UTC mean the same everywhere;
 * others are taken from `zones`, or where the location is UTC or Local, from RFC 5322. `fallback` is the zone of names
 * that are not in the table; undefined where they are errors.
 */
export function abbreviations(
  location: string,
  zones: Readonly<Record<string, string>>,
): { readonly table: ReadonlyMap<string, number | TimeZone>; readonly fallback: TimeZone | undefined } {
  const zone = new TimeZone(location);
  const isNamed = location !== 'UTC' && location !== 'Local';
  const table = new Map<string, number | TimeZone>(isNamed ? [] : Object.entries(ABBREVIATIONS));
  for (const name of ['UTC', 'GMT', 'UT', 'Z']) table.set(name, 0);
  for (const [name, target] of Object.entries(zones)) table.set(name, new TimeZone(target));
  return { table, fallback: zone.isUtc ? undefined : zone };
}
