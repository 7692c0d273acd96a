/** The parts that a time layout is made of. `literal` is text that must stand there. */
export type TimePart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'blank' }
  | { readonly kind: 'number'; readonly unit: NumberUnit; readonly min: number; readonly max: number }
  | { readonly kind: 'month' | 'weekday' | 'ampm' | 'zone' | 'zoneName' | 'fraction' };

export type NumberUnit = 'year' | 'shortYear' | 'month' | 'day' | 'hour' | 'hour12' | 'minute' | 'second' | 'dayOfYear';

function digits(unit: NumberUnit, min: number, max: number): TimePart {
  return { kind: 'number', unit, min, max };
}

/** Directives of the Collector's strptime (ctimefmt). */
const STRPTIME: Readonly<Record<string, readonly TimePart[] | string>> = {
  Y: [digits('year', 4, 4)],
  y: [digits('shortYear', 2, 2)],
  m: [digits('month', 1, 2)],
  o: [{ kind: 'blank' }, digits('month', 1, 2)],
  q: [digits('month', 1, 2)],
  b: [{ kind: 'month' }],
  h: [{ kind: 'month' }],
  B: [{ kind: 'month' }],
  d: [digits('day', 1, 2)],
  e: [{ kind: 'blank' }, digits('day', 1, 2)],
  g: [digits('day', 1, 2)],
  a: [{ kind: 'weekday' }],
  A: [{ kind: 'weekday' }],
  H: [digits('hour', 1, 2)],
  I: [digits('hour12', 1, 2)],
  l: [{ kind: 'blank' }, digits('hour12', 1, 2)],
  p: [{ kind: 'ampm' }],
  P: [{ kind: 'ampm' }],
  M: [digits('minute', 1, 2)],
  S: [digits('second', 1, 2)],
  L: [{ kind: 'fraction' }],
  f: [{ kind: 'fraction' }],
  s: [{ kind: 'fraction' }],
  Z: [{ kind: 'zoneName' }],
  z: [{ kind: 'zone' }],
  w: [{ kind: 'zone' }],
  i: [{ kind: 'zone' }],
  j: [{ kind: 'zone' }],
  k: [{ kind: 'zone' }],
  n: [{ kind: 'literal', text: '\n' }],
  t: [{ kind: 'literal', text: '\t' }],
  '%': [{ kind: 'literal', text: '%' }],
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  F: '%Y-%m-%d',
  T: '%H:%M:%S',
  X: '%H:%M:%S',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  c: '%a %b %e %H:%M:%S %Y',
  v: '%e-%b-%Y',
};

/** Throws SyntaxError for a directive that is not known. */
export function strptimeParts(layout: string): TimePart[] {
  const parts: TimePart[] = [];
  for (let i = 0; i < layout.length; i++) {
    const char = layout.charAt(i);
    if (char !== '%') {
      parts.push({ kind: 'literal', text: char });
      continue;
    }
    const name = layout.charAt(++i);
    const directive = Object.hasOwn(STRPTIME, name) ? STRPTIME[name] : undefined;
    if (directive === undefined) throw new SyntaxError(`the strptime directive "%${name}" is not known`);
    parts.push(...(typeof directive === 'string' ? strptimeParts(directive) : directive));
  }
  return parts;
}

/** Go's reference time, longest texts first. Source: Go, package time, constants of format.go. */
const GO_TOKENS: readonly (readonly [RegExp, TimePart])[] = [
  [/^January|^Jan/, { kind: 'month' }],
  [/^Monday|^Mon/, { kind: 'weekday' }],
  [/^MST/, { kind: 'zoneName' }],
  [/^Z07:00(?::00)?|^Z0700(?:00)?|^Z07|^[-+]07:00(?::00)?|^[-+]0700(?:00)?|^[-+]07/, { kind: 'zone' }],
  [/^2006/, digits('year', 4, 4)],
  [/^002|^__2/, digits('dayOfYear', 3, 3)],
  [/^06/, digits('shortYear', 2, 2)],
  [/^01/, digits('month', 2, 2)],
  [/^02/, digits('day', 2, 2)],
  [/^03/, digits('hour12', 2, 2)],
  [/^04/, digits('minute', 2, 2)],
  [/^05/, digits('second', 2, 2)],
  [/^15/, digits('hour', 1, 2)],
  [/^PM|^pm/, { kind: 'ampm' }],
  [/^1/, digits('month', 1, 2)],
  [/^2/, digits('day', 1, 2)],
  [/^3/, digits('hour12', 1, 2)],
  [/^4/, digits('minute', 1, 2)],
  [/^5/, digits('second', 1, 2)],
];

export function gotimeParts(layout: string): TimePart[] {
  const parts: TimePart[] = [];
  for (let rest = layout; rest !== '';) {
    // ".000" and ".999": the parser takes a fraction after seconds wherever there is one.
    const fraction = /^[.,](?:0+|9+)(?!\d)/.exec(rest);
    const day = /^_2(?!006)/.exec(rest);
    const token = GO_TOKENS.find(([regex]) => regex.test(rest));
    if (fraction !== null) rest = rest.slice(fraction[0].length);
    else if (day !== null) {
      parts.push({ kind: 'blank' }, digits('day', 1, 2));
      rest = rest.slice(2);
    } else if (token === undefined) {
      parts.push({ kind: 'literal', text: rest.charAt(0) });
      rest = rest.slice(1);
    } else {
      parts.push(token[1]);
      rest = rest.slice(token[0].exec(rest)?.[0].length ?? 1);
    }
  }
  return parts;
}
