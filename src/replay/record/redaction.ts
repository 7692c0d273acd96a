import type { SecretKind } from './assigned-values.ts';
import { OPTION_SIGNS } from './command-lines.ts';
import { hideArguments, hideValue } from './otlp-values.ts';
import { REDACTED, type Placeholder } from './placeholders.ts';
import { PrivateKeys } from './private-keys.ts';
import { NAME_SIGNS, namesCredential } from './secret-names.ts';
import { findShape, mayHoldShape, SHAPE_SIGNS, SHAPES } from './secret-shapes.ts';
import { Spans } from './spans.ts';
import { findEncoded, findSecrets, type Judge } from './text-secrets.ts';

type Finder = (text: string, spans: Spans) => void;

const SHAPE_FINDERS = SHAPES.map(
  (shape): Finder =>
    (text, spans) =>
      findShape(text, shape, spans),
);

const LONG_TEXT = 1000;

/** Longer names are not kept. */
const MAX_KNOWN_NAME = 100;
const MAX_KNOWN_NAMES = 1000;

/**
 * Takes secrets, and what the user names, out of what is recorded. Whatever the text is, the time goes by its length alone.
 *
 * A value whose name merely looks like that of a credential is taken out when it is a text: numbers and booleans are none.
 * What the user names goes whatever it is.
 */
export class Redaction {
  readonly #chosen: readonly string[];
  /** These in small letters. */
  readonly #keys: ReadonlySet<string>;
  readonly #placeholder: Placeholder;
  /** What a text must have one of to be looked at closely; all of them in one, and each by itself. */
  readonly #anySign: RegExp;
  readonly #signs: readonly RegExp[];
  /** What names say, since the same ones come again and again; begun anew when there are too many. */
  readonly #kinds = new Map<string, SecretKind | undefined>();

  /** `keys`: attributes, labels and members of JSON whose values are taken out, whatever they are and however deep. */
  constructor(keys: readonly string[], placeholder: Placeholder = () => REDACTED) {
    this.#chosen = keys;
    this.#keys = new Set(keys.map((key) => key.toLowerCase()));
    this.#placeholder = placeholder;
    const chosen = keys.map((key) => key.replaceAll(/[^\w]/g, '\\$&'));
    const signs = [...NAME_SIGNS, ...SHAPE_SIGNS, ...OPTION_SIGNS, ...chosen];
    this.#anySign = new RegExp(signs.join('|'), 'i');
    this.#signs = signs.map((sign) => new RegExp(sign, 'i'));
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
    // V8 looks for one word much faster than for several at once, but each search has to begin.
    return text.length < LONG_TEXT ? this.#anySign.test(text) : this.#signs.some((sign) => sign.test(text));
  }

  /**
   * A text without what looks like a credential. `keys`: those that began in what came before it. `before`: what came before on
   * the same line, as far as it is known; a credential that began there is taken out, too.
   */
  text(text: string, keys = new PrivateKeys(), before = ''): string {
    if (!keys.isOpen && !this.concerns(before === '' ? text : before + text)) return text;
    const judge: Judge = (name) => this.#kindInText(name);
    const finders: readonly Finder[] = [
      (whole, spans) => findEncoded(whole, judge, spans),
      (whole, spans) => findSecrets(whole, judge, spans),
      ...(mayHoldShape(before === '' ? text : before + text) ? SHAPE_FINDERS : []),
    ];
    return finders.reduce(
      (rest, find) => {
        const [whole, spans] = [before + rest, new Spans()];
        find(whole, spans);
        return spans.replace(whole, this.#placeholder, before.length);
      },
      keys.hide(text, this.#placeholder),
    );
  }

  isSecret(key: string): boolean {
    return this.#kindOf(key) !== undefined;
  }

  /** The value of a header, an attribute or a variable of this name. */
  value(key: string, value: string): string {
    return this.isSecret(key) && value !== '' ? this.#placeholder(value) : this.text(value);
  }

  /** A `--set a.b=value`. */
  setting(set: string): string {
    const equals = set.indexOf('=');
    return equals < 0
      ? this.text(set)
      : `${set.slice(0, equals)}=${this.value(set.slice(0, equals), set.slice(equals + 1))}`;
  }

  /**
   * An address without user, password, and what looks like a credential in its query. That is the same for all of them, so that
   * the page of an address is found by an address with another.
   */
  url(url: URL): string {
    const plain = new URL(url);
    plain.username = '';
    plain.password = '';
    for (const [name, value] of url.searchParams) {
      if (this.value(name, value) !== value) plain.searchParams.set(name, REDACTED);
    }
    return plain.href;
  }

  /** OTLP/JSON that was parsed, and is changed: attributes of such keys get another value, and texts lose credentials. */
  json(value: unknown): unknown {
    return this.#json(value, new PrivateKeys());
  }

  #json(value: unknown, keys: PrivateKeys): unknown {
    if (typeof value === 'string') return this.text(value, keys);
    if (Array.isArray(value)) {
      const list: unknown[] = value;
      hideArguments(list, (name) => this.#kindOf(name), this.#placeholder);
      for (const [at, member] of list.entries()) list[at] = this.#json(member, keys);
    } else if (isRecord(value)) this.#object(value, keys);
    return value;
  }

  #object(object: Record<string, unknown>, keys: PrivateKeys): void {
    const { key } = object;
    const kind = typeof key === 'string' && 'value' in object ? this.#kindOf(key) : undefined;
    if (kind !== undefined) {
      object['value'] = hideValue(object['value'], kind, this.#placeholder);
      return;
    }
    for (const name of Object.keys(object)) {
      const member = object[name];
      if (typeof member === 'object' && member !== null) this.#json(member, keys);
      else if (typeof member === 'string') object[name] = this.text(member, keys);
    }
  }

  #kindOf(name: string): SecretKind | undefined {
    const known = this.#kinds.get(name);
    if (known !== undefined || this.#kinds.has(name)) return known;
    const isChosen = this.#keys.size > 0 && this.#keys.has(name.toLowerCase());
    const kind = isChosen ? 'chosen' : namesCredential(name) ? 'likely' : undefined;
    if (this.#kinds.size >= MAX_KNOWN_NAMES) this.#kinds.clear();
    if (name.length <= MAX_KNOWN_NAME) this.#kinds.set(name, kind);
    return kind;
  }

  /** In a text, more may stand before a name that the user chose. */
  #kindInText(name: string): SecretKind | undefined {
    const kind = this.#kindOf(name);
    if (kind === 'chosen' || this.#keys.size === 0) return kind;
    const lower = name.toLowerCase();
    for (const key of this.#keys) if (lower.endsWith(`.${key}`) || lower.endsWith(`-${key}`)) return 'chosen';
    return kind;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
