import type { Signal } from '../../core/signal.ts';
import { fieldNames, selectField } from '../../otlp/select-fields.ts';
import { parsePath, unescapeText, type FieldPath } from '../../otlp/select-path.ts';
import type { Field } from '../../otlp/select.ts';
import { asError } from '../../core/errors.ts';
import { goPattern } from '../../core/go-pattern.ts';
import { all, any, compare, matches, not, type Comparison, type Condition, type Operand } from './condition.ts';
import { ENUM_NUMBERS } from './enums.ts';

/** What bare names refer to: `attributes` in the context `resource` are those of the resource. */
export type OttlContext = 'resource' | 'scope' | 'span' | 'log' | 'metric' | 'datapoint';

/** A condition outside of what is understood; `at` counts characters from 0. */
export class OttlError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'OttlError';
    this.at = at;
  }
}

/**
 * The conditions of the OpenTelemetry Transformation Language that look at one item:
 *
 *   or      = and { "or" and }              and     = unary { "and" unary }
 *   unary   = "not" unary | primary         primary = "(" or ")" | function | value [ comparison value ]
 *   value   = field | "text" | number | true | false | nil | ENUM_NAME
 *   function = IsMatch(field, "pattern") | HasPrefix(field, "text") | HasSuffix(field, "text") | IsString(field)
 *            | IsBool(field) | IsMap(field) | IsList(field) | IsRootSpan()
 *
 * Throws OttlError. Source: pkg/ottl/LANGUAGE.md of the Collector.
 */
export function parseOttl(text: string, signal: Signal, context: OttlContext): Condition {
  return parseOttlOver(text, {
    select: ({ name, keys }) => selectField(signal, { name: withContext(name, context), keys }),
    unknown: (name) => `${name} is not a field of ${signal}; there are ${fieldNames(signal).join(', ')}`,
  });
}

/** What the names in a condition stand for. */
export interface OttlFields {
  readonly select: (path: FieldPath) => Field | undefined;
  /** What to say of a name that stands for nothing. */
  readonly unknown: (name: string) => string;
}

/** The same of other things than the items of a signal. Throws OttlError. */
export function parseOttlOver(text: string, fields: OttlFields): Condition {
  return new Parser(text, fields).parse();
}

const SPACE = /\s*/y;
const WORD = /(?:and|or|not|true|false|nil)(?![\w.[])/y;
const ENUM = /[A-Z][A-Z0-9_]*\b(?!\()/y;
const FUNCTION = /([A-Z]\w*)\s*\(/y;
const TEXT = /"((?:[^"\\]|\\.)*)"/y;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const COMPARISON = /==|!=|<=|>=|<|>/y;
const MAX_DEPTH = 50;

class Parser {
  readonly #text: string;
  readonly #fields: OttlFields;
  #at = 0;
  #depth = 0;

  constructor(text: string, fields: OttlFields) {
    this.#text = text;
    this.#fields = fields;
  }

  parse(): Condition {
    const condition = this.#or();
    if (this.#at < this.#text.length) this.#fail('expected "and", "or" or the end of the condition');
    return condition;
  }

  #or(): Condition {
    const parts = [this.#and()];
    while (this.#tryWord('or')) parts.push(this.#and());
    return any(parts);
  }

  #and(): Condition {
    const parts = [this.#unary()];
    while (this.#tryWord('and')) parts.push(this.#unary());
    return all(parts);
  }

  #unary(): Condition {
    if ((this.#depth += 1) > MAX_DEPTH) this.#fail('nested too deep');
    const condition = this.#tryWord('not') ? not(this.#unary()) : this.#primary();
    this.#depth -= 1;
    return condition;
  }

  #primary(): Condition {
    if (this.#tryMark('(')) {
      const inner = this.#or();
      this.#mark(')');
      return inner;
    }
    const name = this.#try(FUNCTION);
    if (name !== undefined) return this.#function(name[1] ?? '', name.index);
    return this.#comparison();
  }

  #comparison(): Condition {
    const from = this.#at;
    const left = this.#value();
    const comparison = this.#try(COMPARISON)?.[0];
    if (isComparison(comparison)) return compare(left, comparison, this.#value());
    if (left.kind === 'literal' && typeof left.value === 'boolean') return left.value ? all([]) : any([]);
    return this.#fail('expected a comparison (==, !=, <, <=, >, >=)', left.kind === 'literal' ? from : this.#at);
  }

  #value(): Operand {
    const word = this.#try(WORD)?.[0];
    if (word === 'nil') return literal(undefined);
    if (word === 'true' || word === 'false') return literal(word === 'true');
    if (word !== undefined) this.#fail('expected a value', this.#at - word.length);
    const text = this.#try(TEXT);
    if (text !== undefined) return literal(unescapeText(text[1] ?? ''));
    const number = this.#try(NUMBER)?.[0];
    if (number !== undefined) return literal(numberOf(number));
    const name = this.#try(ENUM);
    if (name !== undefined) return literal(this.#enum(name[0], name.index));
    return { kind: 'field', field: this.#field() };
  }

  #enum(name: string, at: number): number {
    return ENUM_NUMBERS.get(name) ?? this.#fail(`"${name}" is not an enum name that is known here`, at);
  }

  #field(): Field {
    this.#space();
    const at = this.#at;
    const parsed = parsePath(this.#text, at);
    if (!parsed.ok) return this.#fail(parsed.message, parsed.at);
    this.#at = parsed.end;
    if (this.#text[this.#at] === '(') this.#fail('functions like this one are not supported in conditions', at);
    const field = this.#fields.select(parsed.path);
    return field ?? this.#fail(this.#fields.unknown(this.#text.slice(at, parsed.end)), at);
  }

  #function(name: string, at: number): Condition {
    const make = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (make === undefined) {
      return this.#fail(`function ${name} is not supported; there are ${Object.keys(FUNCTIONS).join(', ')}`, at);
    }
    if (name === 'IsRootSpan') {
      const field = this.#fields.select({ name: 'span.parent_span_id', keys: [] });
      this.#mark(')');
      return field === undefined ? this.#fail('IsRootSpan is about spans', at) : make(field, '');
    }
    const field = this.#field();
    const textAt = this.#at;
    const text = TAKES_TEXT.has(name) ? this.#textArgument() : '';
    this.#mark(')');
    try {
      return make(field, text);
    } catch (error) {
      return this.#fail(asError(error).message, textAt);
    }
  }

  #textArgument(): string {
    this.#mark(',');
    const text = this.#try(TEXT);
    return text === undefined ? this.#fail('expected a text in double quotes') : unescapeText(text[1] ?? '');
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
  }

  /** Takes what `pattern` (sticky) finds here, and the space after it. */
  #try(pattern: RegExp): RegExpExecArray | undefined {
    this.#space();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  #tryWord(word: 'and' | 'or' | 'not'): boolean {
    const from = this.#at;
    if (this.#try(WORD)?.[0] === word) return true;
    this.#at = from;
    this.#space();
    return false;
  }

  #tryMark(mark: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    this.#space();
    return true;
  }

  #mark(mark: string): void {
    if (!this.#tryMark(mark)) this.#fail(`expected "${mark}"`);
  }

  #fail(message: string, at = this.#at): never {
    throw new OttlError(message, at);
  }
}

const TAKES_TEXT = new Set(['IsMatch', 'HasPrefix', 'HasSuffix']);

const FUNCTIONS: Readonly<Record<string, (field: Field, text: string) => Condition>> = {
  IsMatch: (field, text) => matches(field, goPattern(text)),
  HasPrefix: (field, text) => onText(field, (value) => value.startsWith(text)),
  HasSuffix: (field, text) => onText(field, (value) => value.endsWith(text)),
  IsString: (field) => onText(field, () => true),
  IsBool: (field) => (place) => typeof field.read(place) === 'boolean',
  IsMap: (field) => (place) => field.read(place) instanceof Map,
  IsList: (field) => (place) => Array.isArray(field.read(place)),
  IsRootSpan: (field) => (place) => field.read(place) === '',
};

function onText(field: Field, test: (value: string) => boolean): Condition {
  return (place) => {
    const value = field.read(place);
    return typeof value === 'string' && test(value);
  };
}

const PREFIXED = /^(resource|scope|instrumentation_scope|span|log|metric|datapoint)\./;

function withContext(name: string, context: OttlContext): string {
  if (PREFIXED.test(name)) return name;
  return context === 'resource' || context === 'scope' || context === 'metric' ? `${context}.${name}` : name;
}

function literal(value: string | number | bigint | boolean | undefined): Operand {
  return { kind: 'literal', value };
}

function numberOf(text: string): number | bigint {
  const number = Number(text);
  return /^[+-]?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text.replace('+', '')) : number;
}

function isComparison(text: string | undefined): text is Comparison {
  return text !== undefined && ['==', '!=', '<', '<=', '>', '>='].includes(text);
}
