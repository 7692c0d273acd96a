import { KNOWN_TOKENS } from './known-tokens.ts';
import type { Spans } from './spans.ts';

/** Credentials that are known by what they look like, or by a word before them, wherever they stand. */
export interface SecretShape {
  /** What a text must have to hold one. */
  readonly sign: string;
  /** The first group stays, the second is the credential. */
  readonly pattern: RegExp;
  /** What else has to hold of it. */
  readonly test?: (value: string) => boolean;
}

/** Not within a longer word; what is escaped, in JSON or in an address, is not of the word. */
const START = String.raw`(?:(?<![\w-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))`;

const TOKENS = KNOWN_TOKENS.map(([prefix, rest]) => prefix + rest).join('|');

export const SHAPES: readonly SecretShape[] = [
  { sign: KNOWN_TOKENS.map(([prefix]) => prefix).join('|'), pattern: new RegExp(`(${START})(${TOKENS})`, 'g') },
  {
    sign: 'basic|auth',
    pattern: /(\b(?:basic\s{1,8}|_?auth["'\\]{0,8}\s?[:=]\s?["'\\]{0,8}))([A-Za-z0-9+/]{4,}={0,2})/gi,
    test: isUserAndPassword,
  },
  {
    // A word of prose is none: "Basic authentication".
    sign: 'bearer|basic',
    pattern:
      /(\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC)\s{1,8})((?!(?:[A-Z]?[a-z]{0,22}|[A-Z]{0,22})(?![\w~+/=-]|\.\w))[\w.~+/-]{8,}={0,2})/g,
  },
  { sign: 'aws_?secret', pattern: /(aws_?secret_?access_?key\W{1,10})([A-Za-z0-9/+]{40})/gi },
  { sign: String.raw`hooks\.slack\.com`, pattern: /(hooks\.slack\.com\/services\/)([\w/]{10,})/g },
  { sign: '/api/webhooks/', pattern: /(\/api\/webhooks\/\d{10,25}\/)([\w-]{20,})/g },
  { sign: ':AA', pattern: /(?<!\d)()(\d{8,12}:AA[\w-]{33})(?![\w-])/g },
  // What identity providers, shared links and sessions have in addresses, forms and cookies.
  {
    sign: '[?&](?:sig|code|state)=|(?:csrf|session|sid|SAMLResponse|assertion)=',
    pattern:
      /((?<=[?&](?:sig|code|state)|csrf|session|\.sid|SAMLResponse|assertion)=)((?=[\w.~+/-]{0,80}[0-9%])[\w.~%+/-]{24,}={0,2})/gi,
  },
  // Hashes of passwords, as crypt, Argon2 and their kin write them.
  {
    sign: String.raw`\$(?:2[abxy]|argon2|[156y])`,
    pattern: /()(\$(?:2[abxy]|argon2(?:id|i|d)|[156y])\$[\w./,=+$-]{20,})/g,
  },
  {
    sign: String.raw`identified\s`,
    pattern: /(\bIDENTIFIED\s{1,4}BY\s{1,4})((?!(?:PASSWORD|VALUES)\b|['"\\[])[^\s;,'"\\]+)/g,
  },
  { sign: 'temporary password', pattern: /(temporary password is generated for \S{1,80}: )([^\s"\\]+)/g },
  {
    sign: 'requirepass|masterauth|bindpw|rootpw',
    pattern: /(\b(?:requirepass|masterauth|bindpw|rootpw) {1,8})([^\s"'\\]+)/g,
  },
  { sign: String.raw`\slogin\s`, pattern: /(\blogin\s{1,8}\S{1,80}\s{1,8}password\s{1,8})([^\s"'\\]+)/g },
  { sign: 'AUTH', pattern: /(\bAUTH (?:PLAIN|LOGIN) )([A-Za-z0-9+/]{8,}={0,2})/g },
  { sign: 'AUTH', pattern: /("AUTH\\?" (?:\\?"[^"\n]{0,80}" )?\\?")([^"\\\n]+)/g },
  {
    sign: 'oracle|sqlplus',
    pattern: /(\b(?:jdbc:oracle:\w{1,10}:|sqlplus\s{1,4}(?:-\w{1,20}\s{1,4}){0,4})[\w$#]{1,60}\/)([^\s@"'/\\]+)(?=@)/g,
  },
];

/** Finds what has this shape. */
export function findShape(text: string, { pattern, test }: SecretShape, spans: Spans): void {
  for (const { index, 0: found, 1: before = '', 2: value = '' } of text.matchAll(pattern)) {
    if (test?.(value) === false) continue;
    const start = index + before.length;
    spans.add(start, index + found.length);
  }
}

/** `user:password` in base64. */
function isUserAndPassword(value: string): boolean {
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(value, 'base64').toString('latin1'));
}

/** One for each thing that is looked for. */
const SIGNS = [...KNOWN_TOKENS.map(([prefix]) => prefix), ...SHAPES.slice(1).map(({ sign }) => sign)];
const ANY_SIGN = new RegExp(SIGNS.join('|'), 'i');

/** False when none of them is in it. */
export function mayHoldShape(text: string): boolean {
  return ANY_SIGN.test(text);
}

/** What a text must have to hold one of them, or what else is looked for without a name. */
export const SHAPE_SIGNS: readonly string[] = [
  ...SIGNS,
  'PRIVATE KEY',
  String.raw`:\/\/[\w.-]{20,}@`,
  String.raw`:\/\/[^\s"\/:@]*:(?:[^\s"\/@]*|[^\s"@]{0,64})@`,
];
