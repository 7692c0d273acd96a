import { ABSENT_FUNCTIONS } from './absent-functions.ts';
import { Lexer, type Token } from './lexer.ts';
import { refusal, type BinaryOperator, type MapPair, type Node, type PathStep, type TimeUnit } from './syntax.ts';

const MAX_SOURCE_CHARS = 32_768;
const MAX_DEPTH = 100;

const COMPARISON = 20;
const NOT = 50;
const SIGN = 90;

/** How tightly operators bind, as the Collector's expression language has them. */
const BINDING: ReadonlyMap<string, number> = new Map([
  ['or', 10],
  ['and', 15],
  ['==', COMPARISON],
  ['!=', COMPARISON],
  ['<', COMPARISON],
  ['<=', COMPARISON],
  ['>', COMPARISON],
  ['>=', COMPARISON],
  ['in', COMPARISON],
  ['matches', COMPARISON],
  ['contains', COMPARISON],
  ['startsWith', COMPARISON],
  ['endsWith', COMPARISON],
  ['..', 25],
  ['+', 30],
  ['-', 30],
  ['*', 60],
  ['/', 60],
  ['%', 60],
  ['**', 100],
  ['??', 500],
]);
const SPELLED: ReadonlyMap<string, string> = new Map([
  ['||', 'or'],
  ['&&', 'and'],
  ['!', 'not'],
  ['^', '**'],
]);
const NEGATABLE = new Set(['in', 'matches', 'contains', 'startsWith', 'endsWith']);
const ORDERING = new Set(['<', '<=', '>', '>=']);
const TIME_UNITS: ReadonlySet<string> = new Set(['Unix', 'UnixMilli', 'UnixMicro', 'UnixNano', 'IsZero']);

const ADVICE: Readonly<Record<string, string>> = {
  '=': 'write == to compare',
  '&': 'write and, or &&',
  '|': 'pipes are not available; write lower(x) for x | lower()',
  '#': 'closures are not available; name the elements, such as body.list[0]',
  ';': 'variables (let) are not available; write the value where it is used',
  '::': 'write the name of the function alone',
};

/** Parses a whole text. Throws SyntaxError. */
export function parseExpression(source: string): Node {
  const { node, end } = new Parser(source, 0).parse();
  if (end.kind !== 'end') throw unexpected(end);
  return node;
}

/** Parses from `at` up to the closing parenthesis that belongs to no opening one. `end` is after it. */
export function parseEmbedded(source: string, at: number): { readonly node: Node; readonly end: number } {
  const { node, end } = new Parser(source, at).parse();
  if (end.text !== ')')
    throw end.kind === 'end' ? refusal(end.at, 'EXPR( is not closed; a ) is missing') : unexpected(end);
  return { node, end: end.at + 1 };
}

class Parser {
  readonly #lexer: Lexer;
  #token: Token;
  #depth = 0;

  constructor(source: string, at: number) {
    if (source.length > MAX_SOURCE_CHARS) {
      throw refusal(MAX_SOURCE_CHARS, `the expression is longer than ${MAX_SOURCE_CHARS} characters`);
    }
    this.#lexer = new Lexer(source, at);
    this.#token = this.#lexer.next();
  }

  parse(): { readonly node: Node; readonly end: Token } {
    return { node: this.#expression(), end: this.#token };
  }

  #expression(): Node {
    this.#enter();
    let node = this.#binary(0);
    while (this.#accepts('?')) {
      const yes = this.#token.text === ':' ? node : this.#expression();
      this.#must(':');
      const no = this.#expression();
      node = this.#bounded({ kind: 'choice', at: node.at, depth: deeper(node, yes, no), condition: node, yes, no });
    }
    this.#depth--;
    return node;
  }

  /** Operators that bind at least as tightly as `least`. */
  #binary(least: number): Node {
    this.#enter();
    let looseNotAt = operatorOf(this.#token) === 'not' ? this.#token.at : undefined;
    let left = this.#primary();
    let coalesced = false;
    for (;;) {
      const { at } = this.#token;
      const negated = this.#token.text === 'not';
      const binding = negated ? COMPARISON : (BINDING.get(operatorOf(this.#token)) ?? -1);
      if (binding < least) break;
      if (binding === COMPARISON && looseNotAt !== undefined) throw looseNot(looseNotAt);
      looseNotAt = undefined;
      if (negated) this.#advance();
      const operator = operatorOf(this.#token);
      if (negated && !NEGATABLE.has(operator))
        throw refusal(at, 'not is followed by in, matches, contains, startsWith or endsWith here');
      if (coalesced && operator !== '??')
        throw refusal(at, `put the ?? and what it takes between parentheses before ${operator}`);
      coalesced = operator === '??';
      this.#advance();
      const node = this.#applied(left, operator, at);
      left = negated
        ? this.#bounded({ kind: 'unary', at, depth: node.depth + 1, operator: 'not', operand: node })
        : node;
    }
    this.#depth--;
    return left;
  }

  #applied(left: Node, operator: string, at: number): Node {
    const binding = BINDING.get(operator) ?? 0;
    if (operator === 'and' || operator === 'or') return this.#logical(operator, left, this.#binary(binding + 1), at);
    if (ORDERING.has(operator)) return this.#ordering(left, operator, at);
    const right = this.#binary(operator === '**' ? binding : binding + 1);
    return this.#bounded({ kind: 'binary', at, depth: deeper(left, right), operator: must(operator), left, right });
  }

  /** `1 < a < 3` is `1 < a and a < 3`. */
  #ordering(left: Node, first: string, at: number): Node {
    let operator = first;
    let low = left;
    let all: Node | undefined;
    for (;;) {
      const high = this.#binary(COMPARISON + 1);
      const one: Node = this.#bounded({
        kind: 'binary',
        at,
        depth: deeper(low, high),
        operator: must(operator),
        left: low,
        right: high,
      });
      all = all === undefined ? one : this.#logical('and', all, one, at);
      if (!ORDERING.has(this.#token.text)) return all;
      operator = this.#token.text;
      low = high;
      this.#advance();
    }
  }

  #logical(operator: 'and' | 'or', left: Node, right: Node, at: number): Node {
    const isSame = left.kind === 'logical' && left.operator === operator;
    const operands = isSame ? [...left.operands, right] : [left, right];
    const depth = isSame ? Math.max(left.depth, right.depth + 1) : deeper(left, right);
    return this.#bounded({ kind: 'logical', at, depth, operator, operands });
  }

  #primary(): Node {
    const token = this.#token;
    const { at } = token;
    const prefix = operatorOf(token);
    if (prefix === 'not' || prefix === '-' || prefix === '+') {
      this.#advance();
      const operand = this.#binary(prefix === 'not' ? NOT : SIGN);
      return this.#bounded({ kind: 'unary', at, depth: operand.depth + 1, operator: prefix, operand });
    }
    return this.#path(this.#operand());
  }

  #operand(): Node {
    const token = this.#token;
    const { at } = token;
    this.#advance();
    if (token.kind === 'literal') return { kind: 'literal', at, depth: 1, value: token.value };
    if (token.kind === 'word') return this.#named(token);
    if (token.text === '(') {
      const inner = this.#expression();
      this.#must(')');
      return inner;
    }
    if (token.text === '[') {
      const items = this.#series(']', () => this.#expression());
      return this.#bounded({ kind: 'list', at, depth: deeper(...items), items });
    }
    if (token.text === '{') {
      const pairs = this.#series('}', () => this.#pair());
      return this.#bounded({
        kind: 'map',
        at,
        depth: deeper(...pairs.flatMap(({ key, value }) => [key, value])),
        pairs,
      });
    }
    throw unexpected(token);
  }

  #named({ at, text }: Token): Node {
    if (text === 'true' || text === 'false') return { kind: 'literal', at, depth: 1, value: text === 'true' };
    if (text === 'nil') return { kind: 'literal', at, depth: 1, value: null };
    if (text === 'let') throw refusal(at, 'variables (let) are not available; write the value where it is used');
    if (text === 'if' || text === 'else') throw refusal(at, 'if and else are not available; write condition ? a : b');
    if (BINDING.has(text)) throw refusal(at, `${text} stands between two values`);
    if (!this.#accepts('(')) return { kind: 'name', at, depth: 1, name: text };
    const advice = ABSENT_FUNCTIONS.get(text);
    if (advice !== undefined) throw refusal(at, `the function ${text} is not available; ${advice}`);
    const operands = this.#series(')', () => this.#expression());
    return this.#bounded({ kind: 'call', at, depth: deeper(...operands), name: text, operands });
  }

  /** A key is a name, a text or a number, all of which stand for their text, or an expression in parentheses. */
  #pair(): MapPair {
    const token = this.#token;
    const { at } = token;
    let key: Node;
    if (token.text === '(') key = this.#operand();
    else if (token.kind === 'word' || token.kind === 'literal') {
      this.#advance();
      const text = token.kind === 'literal' && typeof token.value === 'string' ? token.value : token.text;
      key = { kind: 'literal', at, depth: 1, value: text };
    } else throw refusal(at, 'a key is a name, a text, or an expression in parentheses');
    this.#must(':');
    return { key, value: this.#expression() };
  }

  #path(object: Node): Node {
    const steps: PathStep[] = [];
    for (let step = this.#step(object, steps); step !== undefined; step = this.#step(object, steps)) {
      if (step.kind === 'time') return step;
      steps.push(step);
      if (steps.length > MAX_DEPTH) throw tooDeep(step.at);
    }
    if (steps.length === 0) return object;
    const inner = steps.flatMap((step) => (step.kind === 'key' ? [step.key] : [step.from, step.to]));
    const depth = deeper(object, ...inner.filter((node) => node !== undefined));
    // As in the Collector, (a?.b).c goes on with the same path.
    if (object.kind === 'path') return this.#bounded({ ...object, depth, steps: [...object.steps, ...steps] });
    return this.#bounded({ kind: 'path', at: object.at, depth, object, steps });
  }

  #step(object: Node, before: readonly PathStep[]): PathStep | Extract<Node, { kind: 'time' }> | undefined {
    const { at } = this.#token;
    if (this.#accepts('[')) return this.#bracket(at, false);
    const optional = this.#token.text === '?.';
    if (!this.#accepts('.') && !this.#accepts('?.')) return undefined;
    if (optional && this.#accepts('[')) return this.#bracket(at, true);
    const name = this.#token;
    if (name.kind !== 'word') throw refusal(name.at, 'a name follows the dot; for other keys write ["key"]');
    this.#advance();
    if (this.#token.text === '(') return this.#method(object, before, name);
    return { kind: 'key', at: name.at, optional, key: { kind: 'literal', at: name.at, depth: 1, value: name.text } };
  }

  #method(object: Node, before: readonly PathStep[], { at, text }: Token): Extract<Node, { kind: 'time' }> {
    if (object.kind !== 'name' || object.name !== 'timestamp' || before.length > 0 || !isTimeUnit(text)) {
      throw refusal(at, `there is no method ${text}(); functions are written around the value, such as lower(body)`);
    }
    this.#must('(');
    this.#must(')');
    return { kind: 'time', at: object.at, depth: 1, unit: text };
  }

  #bracket(at: number, optional: boolean): PathStep {
    const from = this.#token.text === ':' ? undefined : this.#expression();
    if (!this.#accepts(':')) {
      this.#must(']');
      return { kind: 'key', at, optional, key: from ?? { kind: 'literal', at, depth: 1, value: null } };
    }
    const to = this.#token.text === ']' ? undefined : this.#expression();
    this.#must(']');
    return { kind: 'slice', at, optional, from, to };
  }

  /** Elements up to `close`, with a comma between them; one may follow the last. */
  #series<T>(close: string, element: () => T): T[] {
    const elements: T[] = [];
    while (!this.#accepts(close)) {
      if (elements.length > 0) {
        this.#must(',');
        if (this.#accepts(close)) break;
      }
      elements.push(element());
    }
    return elements;
  }

  /** Each level of nesting enters twice: as an expression, and as an operand of it. */
  #enter(): void {
    if (++this.#depth > 2 * MAX_DEPTH) throw tooDeep(this.#token.at);
  }

  #bounded(node: Node): Node {
    if (node.depth > MAX_DEPTH) throw tooDeep(node.at);
    return node;
  }

  #accepts(symbol: string): boolean {
    if (this.#token.text !== symbol) return false;
    this.#advance();
    return true;
  }

  #must(symbol: string): void {
    if (this.#accepts(symbol)) return;
    if (this.#token.kind === 'end') throw refusal(this.#token.at, `the expression ends where ${symbol} is missing`);
    throw unexpected(this.#token);
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }
}

/** The text of a literal has its quotes or digits with it, so that it is never that of an operator. */
function operatorOf({ text }: Token): string {
  return SPELLED.get(text) ?? text;
}

function isTimeUnit(text: string): text is TimeUnit {
  return TIME_UNITS.has(text);
}

function isBinaryOperator(text: string): text is BinaryOperator {
  return BINDING.has(text) && text !== 'and' && text !== 'or';
}

function must(text: string): BinaryOperator {
  if (!isBinaryOperator(text)) throw new Error(`BUG: ${text} is not an operator.`);
  return text;
}

function deeper(...nodes: readonly Node[]): number {
  return nodes.reduce((depth, node) => Math.max(depth, node.depth), 0) + 1;
}

function tooDeep(at: number): SyntaxError {
  return refusal(at, `the expression nests deeper than ${MAX_DEPTH} levels`);
}

function looseNot(at: number): SyntaxError {
  return refusal(at, 'not takes the value next to it alone; write not (a == b), a != b, or a not in b');
}

function unexpected({ kind, text, at }: Token): SyntaxError {
  if (kind === 'end') return refusal(at, 'the expression ends where a value is missing');
  const advice = Object.hasOwn(ADVICE, text) ? ADVICE[text] : wordMeant(kind, text);
  return refusal(at, `${text} is not expected here${advice === undefined ? '' : `; ${advice}`}`);
}

/** Advice for `startswith`, `contain`, `AND` and the like. */
function wordMeant(kind: Token['kind'], text: string): string | undefined {
  if (kind !== 'word') return undefined;
  const written = text.toLowerCase().replaceAll('_', '');
  const isMeant = (word: string): boolean =>
    word.toLowerCase() === written || (written.length > 3 && word.toLowerCase().startsWith(written));
  const meant = [...NEGATABLE, 'and', 'or', 'not'].find(isMeant);
  return meant === undefined || meant === text ? undefined : `write ${meant}`;
}
