import { createHmac, randomBytes } from 'node:crypto';
import { isPlainObject } from '../output/json-value.ts';
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

/** `name="value"` and `"name"="value"` of a page in the text format. */
const LABEL = /(?:([A-Za-z_:][\w:.]*)|"([^"\\\n]*(?:\\.[^"\\\n]*)*)")(\s*=\s*")([^"\\\n]*(?:\\.[^"\\\n]*)*)(?=")/g;

/** Takes secrets, and what the user names, out of what is recorded. */
export class Redaction {
  readonly #keys: ReadonlySet<string>;
  readonly #assigned: RegExp;
  /** Of this process alone: what it makes of a value says nothing about that. */
  readonly #key = randomBytes(32);

  /** `keys`: attributes, labels and members of JSON whose values are taken out, whatever they are and however deep. */
  constructor(keys: readonly string[]) {
    this.#keys = new Set(keys);
    const names = [
      'passw(?:or)?d',
      'secret',
      'token',
      'api[-_]?key',
      ...keys.map((key) => key.replaceAll(/[^\w]/g, '\\$&')),
    ];
    const assignment = String.raw`\\*["']?\s*[=:]\s*`;
    this.#assigned = new RegExp(`((?:${names.join('|')})${assignment})(${VALUE})`, 'gi');
  }

  /** What it does, for the manifest. */
  get description(): string[] {
    return [
      'headers, attributes, labels and text that look like credentials',
      ...Array.from(this.#keys, (key) => `values of ${key}`),
    ];
  }

  /** A text without what looks like a credential. */
  text(text: string): string {
    const members = replaceMembers(text, (key) => this.isSecret(key), REDACTED);
    const words = members.replaceAll(this.#assigned, assigned);
    return SECRETS_IN_TEXT.reduce((rest, pattern) => rest.replaceAll(pattern, `$1${REDACTED}`), words);
  }

  /**
   * A page of metrics in the text format. Label values that are taken out stay apart where they were: series that differ in them
   * alone do in a replay.
   */
  page(text: string): string {
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
    return this.#keys.has(key) || SECRET_KEY.test(key);
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
   * OTLP/JSON: attributes of such keys have another value, and so have texts with credentials in them. `staysApart`: values that
   * differ do afterwards, as on a page.
   */
  json(value: unknown, staysApart = false): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((one) => this.json(one, staysApart));
    if (!isPlainObject(value)) return value;
    if (typeof value['key'] === 'string' && 'value' in value && this.isSecret(value['key'])) {
      const stringValue = staysApart ? this.#mark(JSON.stringify(value['value'])) : REDACTED;
      return { ...value, value: { stringValue } };
    }
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.json(member, staysApart)]));
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
