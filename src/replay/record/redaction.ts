import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { replaceMembers } from './json-members.ts';

export const REDACTED = '[REDACTED]';

/** Keys of attributes and headers whose values are credentials; counts of tokens are none. */
const SECRET_KEY =
  /passw|secret|token(?!s)|authorization|api[-_.]?key|private[-_.]?key|credential|cookie|session[-_.]?id/i;

/** What is assigned: quoted, quoted within what is quoted itself, or a word. */
const VALUE = String.raw`"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|\\+"(?:(?!\\+")[^\n])*(?:\\+")?|'[^'\n]*'?|[^\s"',;&]+`;

/** Credentials in running text, each with what stays of it in the first group. */
const SECRETS_IN_TEXT: readonly RegExp[] = [
  /\b((?:Bearer|Basic)\s+)[\w.~+/-]{8,}=*/gi,
  /\b((?:proxy-)?authorization\\*["']?\s*[:=]\s*\\*["']?)(?!\s*(?:\[|Bearer |Basic ))[^"'\\\n,]+/gi,
  /\b((?:set-)?cookie\\*["']?\s*[:=]\s*\\*["']?)(?!\s*\[)[^"'\\\n]+/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*:)[^\s/@"]+(?=@)/gi,
  /()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /()\bAKIA[0-9A-Z]{16}\b/g,
  /()\b(?:gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,})/g,
  /()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
];

/** What every text has that any of this would change, and every key. */
const SIGNS = [
  'passw',
  'secret',
  'token(?!s)',
  'authorization',
  'api[-_.]?key',
  'private[-_. ]?key',
  'credential',
  'cookie',
  'session[-_.]?id',
  'bearer',
  'basic',
  String.raw`:\/\/[^\s/@"]*@`,
  'eyJ',
  'AKIA',
  'gh[pousr]_',
  'glpat-',
  'xox',
];

/** `name="value"` and `"name"="value"` of a page in the text format. */
const LABEL = /(?:([A-Za-z_:][\w:.]*)|"([^"\\\n]*(?:\\.[^"\\\n]*)*)")(\s*=\s*")([^"\\\n]*(?:\\.[^"\\\n]*)*)(?=")/g;

/** Takes secrets, and what the user names, out of what is recorded. */
export class Redaction {
  readonly #keys: ReadonlySet<string>;
  readonly #chosen: readonly string[];
  readonly #assigned: RegExp;
  readonly #signs: RegExp;
  /** What keys are: the same ones come again and again. */
  readonly #known = new LRUCache<string, boolean>({ max: 1000 });
  /** Of this process alone: what it makes of a value says nothing about that. */
  readonly #key = randomBytes(32);

  /** `keys`: attributes, labels and members of JSON whose values are taken out, whatever they are and however deep. */
  constructor(keys: readonly string[]) {
    // Names of headers come in small letters.
    this.#keys = new Set(keys.flatMap((key) => [key, key.toLowerCase()]));
    this.#chosen = keys;
    const chosen = keys.map((key) => key.replaceAll(/[^\w]/g, '\\$&'));
    this.#signs = new RegExp([...SIGNS, ...chosen].join('|'), 'i');
    const names = ['passw(?:or)?d', 'secret', 'token', 'api[-_]?key', ...chosen];
    const assignment = String.raw`\\*["']?\s*[=:]\s*`;
    this.#assigned = new RegExp(`((?:${names.join('|')})${assignment})(${VALUE})`, 'gi');
  }

  /** What it does, for the manifest. */
  get description(): string[] {
    return [
      'headers, attributes, labels and text that look like credentials',
      ...this.#chosen.map((key) => `values of ${key}`),
    ];
  }

  /** False when there is nothing to take out of a text, whatever it is: a page, JSON, a line. */
  concerns(text: string): boolean {
    return this.#signs.test(text);
  }

  /** A text without what looks like a credential. */
  text(text: string): string {
    if (!this.concerns(text)) return text;
    const members = replaceMembers(text, (key) => this.isSecret(key), REDACTED);
    const words = members.replaceAll(this.#assigned, assigned);
    return SECRETS_IN_TEXT.reduce((rest, pattern) => rest.replaceAll(pattern, `$1${REDACTED}`), words);
  }

  /**
   * A page of metrics in the text format. Label values that are taken out stay apart where they were: series that differ in them
   * alone do in a replay.
   */
  page(text: string): string {
    if (!this.concerns(text)) return text;
    const plain = text.replaceAll(
      LABEL,
      (found: string, name: string = '', quoted: string = '', _equals: string, value: string) => {
        if (!this.isSecret(name === '' ? quoted : name)) return found;
        return `${found.slice(0, found.length - value.length)}${this.#mark(value)}`;
      },
    );
    return this.text(plain);
  }

  isSecret(key: string): boolean {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const isSecret = this.#keys.has(key) || SECRET_KEY.test(key);
    this.#known.set(key, isSecret);
    return isSecret;
  }

  /** The value of a header, an attribute or a variable of this name. */
  value(key: string, value: string): string {
    return this.isSecret(key) ? REDACTED : this.text(value);
  }

  /** A `--set a.b=value`. */
  setting(set: string): string {
    const equals = set.indexOf('=');
    return equals < 0
      ? this.text(set)
      : `${set.slice(0, equals)}=${this.value(set.slice(0, equals), set.slice(equals + 1))}`;
  }

  /** An address without user, password, and what looks like a credential in its query. */
  url(url: URL): string {
    const plain = new URL(url);
    plain.username = '';
    plain.password = '';
    for (const [name, value] of url.searchParams) {
      const kept = this.value(name, value);
      if (kept !== value) plain.searchParams.set(name, kept);
    }
    return plain.href;
  }

  /**
   * OTLP/JSON that was parsed, and is changed: attributes of such keys get another value, and texts lose credentials.
   * `staysApart`: values that differ do afterwards, as on a page.
   */
  json(value: unknown, staysApart = false): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) {
      const list: unknown[] = value;
      for (const [at, member] of list.entries()) list[at] = this.json(member, staysApart);
    } else if (isRecord(value)) this.#object(value, staysApart);
    return value;
  }

  #object(object: Record<string, unknown>, staysApart: boolean): void {
    const { key } = object;
    if (typeof key === 'string' && 'value' in object && this.isSecret(key)) {
      object['value'] = { stringValue: staysApart ? this.#mark(JSON.stringify(object['value'])) : REDACTED };
      return;
    }
    for (const name of Object.keys(object)) {
      const member = object[name];
      if (typeof member === 'object' && member !== null) this.json(member, staysApart);
      else if (typeof member === 'string') object[name] = this.text(member);
    }
  }

  #mark(value: string): string {
    const hash = createHmac('sha256', this.#key).update(value).digest('hex');
    return `[REDACTED ${hash.slice(0, 8)}]`;
  }
}

/** The quotes stay. */
function assigned(found: string, before: string, value: string): string {
  if (value.includes('[REDACTED')) return found;
  const quote = /^\\*["']/.exec(value)?.[0] ?? '';
  const isClosed = quote !== '' && value.length > quote.length && value.endsWith(quote);
  return `${before}${quote}${REDACTED}${isClosed ? quote : ''}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
