import { isPlainObject } from '../output/json-value.ts';

export const REDACTED = '[REDACTED]';

/** Keys of attributes and headers whose values are credentials. */
const SECRET_KEY = /passw|secret|token|authorization|api[-_.]?key|private[-_.]?key|credential|cookie|session[-_.]?id/i;

/** Credentials in running text, each with what stays of it in the first group. */
const SECRETS_IN_TEXT: readonly RegExp[] = [
  /\b((?:Bearer|Basic)\s+)[\w.~+/-]{8,}=*/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*:)[^\s/@"]+(?=@)/gi,
  /((?:passw(?:or)?d|secret|token|api[-_]?key)["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
  /()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /()\bAKIA[0-9A-Z]{16}\b/g,
];

/** Takes secrets, and what the user names, out of what is recorded. */
export class Redaction {
  readonly #keys: ReadonlySet<string>;

  /** `keys`: attributes whose values are taken out, whatever they are. */
  constructor(keys: readonly string[]) {
    this.#keys = new Set(keys);
  }

  /** What it does, for the manifest. */
  get description(): string[] {
    return [
      'headers, attributes and text that look like credentials',
      ...Array.from(this.#keys, (key) => `values of ${key}`),
    ];
  }

  /** A text without what looks like a credential. */
  text(text: string): string {
    return SECRETS_IN_TEXT.reduce((rest, pattern) => rest.replaceAll(pattern, `$1${REDACTED}`), text);
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

  /** OTLP/JSON: attributes of such keys have another value, and so have texts with credentials in them. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((one) => this.json(one));
    if (!isPlainObject(value)) return value;
    if (typeof value['key'] === 'string' && 'value' in value && this.isSecret(value['key'])) {
      return { ...value, value: { stringValue: REDACTED } };
    }
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.json(member)]));
  }
}
