import { environment as environmentVariables } from '../../../../core/environment.ts';
import type { Value } from '../entry.ts';
import { mustBeNumeric, negate, wholeNumber } from './arithmetic.ts';
import { arithmetic, equality, matches, membership, ordering, textTest, within } from './binary.ts';
import { keyText } from './comparison.ts';
import { constantValue, folded, mustBe, type Compiled, type Expression } from './compiled.ts';
import { BUILTINS, type Builtin } from './functions.ts';
import { kindOf } from './kind.ts';
import { choice, coalesce, logical, not } from './logic.ts';
import { keyStep, path, sliceStep, type CompiledStep } from './path.ts';
import { goText } from './text.ts';
import { refusal, type Binary, type Call, type Node, type PathStep, type TimeUnit, type Unary } from './syntax.ts';

/** Closures for a parsed expression. Throws SyntaxError for what can never work. */
export function build(node: Node): Compiled {
  return folded(built(node));
}

function built(node: Node): Compiled {
  const { at } = node;
  switch (node.kind) {
    case 'literal': {
      const { value } = node;
      return { at, kind: kindOf(value), constant: true, evaluate: () => value };
    }
    case 'name':
      return variable(at, node.name);
    case 'list':
      return list(at, node.items.map(build));
    case 'map':
      return map(
        at,
        node.pairs.map(({ key, value }) => [build(key), build(value)] as const),
      );
    case 'unary':
      return unary(node, build(node.operand));
    case 'binary':
      return binary(node);
    case 'logical':
      return logical(at, node.operator, node.operands.map(build));
    case 'choice':
      return choice(build(node.condition), build(node.yes), build(node.no));
    case 'path':
      return path(build(node.object), node.steps.map(step));
    case 'time':
      return time(at, node.unit);
    case 'call':
      return call(node);
  }
}

const VARIABLES: ReadonlyMap<string, Omit<Compiled, 'at' | 'constant'>> = new Map<
  string,
  Omit<Compiled, 'at' | 'constant'>
>([
  ['body', { kind: 'any', evaluate: (scope) => scope.body }],
  ['$', { kind: 'any', evaluate: (scope) => scope.body }],
  ['attributes', { kind: 'map', evaluate: (scope) => new Map(scope.attributes), table: (scope) => scope.attributes }],
  ['resource', { kind: 'map', evaluate: (scope) => new Map(scope.resource), table: (scope) => scope.resource }],
  ['severity_text', { kind: 'string', evaluate: (scope) => scope.severityText }],
  ['severity_number', { kind: 'int', evaluate: (scope) => scope.severityNumber }],
]);

function variable(at: number, name: string): Compiled {
  const known = VARIABLES.get(name);
  if (known !== undefined) return { at, constant: false, ...known };
  if (name === 'timestamp') {
    throw refusal(at, 'timestamp has no value of its own here; write timestamp.Unix(), or compare it with nil');
  }
  throw refusal(at, `there is no ${name}; write attributes.${name}, body.${name} or resource.${name}, or quote a text`);
}

function list(at: number, items: readonly Compiled[]): Compiled {
  const constant = items.every((item) => item.constant);
  return { at, kind: 'array', constant, evaluate: (scope) => items.map((item) => item.evaluate(scope)) };
}

function map(at: number, pairs: readonly (readonly [key: Compiled, value: Compiled])[]): Compiled {
  for (const [key] of pairs) mustBe(key, ['string'], 'a key of a map');
  const evaluate: Expression = (scope) => {
    const made = new Map<string, Value>();
    for (const [key, value] of pairs) made.set(keyText(key.evaluate(scope)), value.evaluate(scope));
    return made;
  };
  return { at, kind: 'map', constant: pairs.every(([key, value]) => key.constant && value.constant), evaluate };
}

function unary({ at, operator }: Unary, operand: Compiled): Compiled {
  if (operator === 'not') return not(at, operand);
  mustBe(operand, ['int', 'float'], operator);
  const apply = operator === '-' ? negate : mustBeNumeric;
  const { kind, constant, evaluate } = operand;
  return { at, kind, constant, evaluate: (scope) => apply(evaluate(scope)) };
}

function binary({ at, operator, left, right }: Binary): Compiled {
  switch (operator) {
    case '==':
    case '!=':
      return isTimestamp(left) || isTimestamp(right)
        ? timePresence(at, operator, isTimestamp(left) ? right : left)
        : equality(at, operator, build(left), build(right));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return ordering(at, operator, build(left), build(right));
    case 'in':
      return right.kind === 'binary' && right.operator === '..'
        ? within(at, build(left), build(right.left), build(right.right))
        : membership(at, build(left), build(right));
    case 'matches':
      return matches(at, build(left), build(right));
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return textTest(at, operator, build(left), build(right));
    case '..':
      throw refusal(at, 'a range stands to the right of in alone, such as attributes.status in 500..599');
    case '??':
      return coalesce(at, build(left), build(right));
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '**':
      return arithmetic(at, operator, build(left), build(right));
  }
}

function step(part: PathStep): CompiledStep {
  const { at, optional } = part;
  if (part.kind === 'key') return keyStep(at, optional, build(part.key));
  return sliceStep(at, optional, part.from && build(part.from), part.to && build(part.to));
}

function isTimestamp(node: Node): boolean {
  return node.kind === 'name' && node.name === 'timestamp';
}

/** `timestamp == nil`: no operator has set the time. */
function timePresence(at: number, operator: '==' | '!=', other: Node): Compiled {
  if (other.kind !== 'literal' || other.value !== null) {
    throw refusal(at, 'timestamp is compared with nil alone; compare timestamp.Unix() with seconds since 1970');
  }
  const wanted = operator === '==';
  return { at, kind: 'bool', constant: false, evaluate: ({ time }) => (time === undefined) === wanted };
}

/** Go's time before any was set is the first second of the year 1. */
const UNSET = { seconds: -62_135_596_800, nanos: 0 };

function time(at: number, unit: TimeUnit): Compiled {
  if (unit === 'IsZero') return { at, kind: 'bool', constant: false, evaluate: (scope) => scope.time === undefined };
  const evaluate: Expression = ({ time: { seconds, nanos } = UNSET }) => {
    if (unit === 'Unix') return seconds;
    if (unit === 'UnixMilli') return seconds * 1e3 + Math.floor(nanos / 1e6);
    if (unit === 'UnixMicro') return wholeNumber(BigInt(seconds) * 1_000_000n + BigInt(Math.floor(nanos / 1e3)));
    return wholeNumber(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
  };
  return { at, kind: 'int', constant: false, evaluate };
}

function call(node: Call): Compiled {
  const { at, name } = node;
  const operands = node.operands.map(build);
  if (name === 'env' || name === 'os_env_func') return environment(at, name, operands);
  const builtin = BUILTINS.get(name);
  if (builtin === undefined) {
    throw refusal(at, `there is no function ${name} here; there are ${[...BUILTINS.keys(), 'env'].join(', ')}`);
  }
  mustTake(at, name, builtin, operands);
  const evaluates = operands.map(({ evaluate }) => evaluate);
  const evaluate: Expression = (scope) => {
    const values = evaluates.map((operand) => operand(scope));
    try {
      return builtin.call(values);
    } catch (error) {
      throw new TypeError(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
  return { at, kind: builtin.kind, constant: operands.every(({ constant }) => constant), evaluate };
}

function mustTake(
  at: number,
  name: string,
  { operands: [least, most], takes }: Builtin,
  operands: readonly Compiled[],
): void {
  if (operands.length < least || operands.length > most) {
    const wanted = least === most ? String(least) : most === Infinity ? `${least} or more` : `${least} to ${most}`;
    throw refusal(at, `${name} takes ${wanted} operand${wanted === '1' ? '' : 's'}, not ${operands.length}`);
  }
  for (const [i, operand] of operands.entries()) mustBe(operand, takes[i] ?? takes.at(-1) ?? [], name);
}

/** The environment is that of the start; a variable that is not set is an empty text, as in Go. */
function environment(at: number, name: string, operands: readonly Compiled[]): Compiled {
  const [operand] = operands;
  if (operands.length !== 1 || operand?.constant !== true || operand.kind !== 'string') {
    throw refusal(at, `${name} takes the name of one variable, such as env("HOSTNAME")`);
  }
  const key = goText(constantValue(operand));
  const variables = environmentVariables();
  const value = Object.hasOwn(variables, key) ? (variables[key] ?? '') : '';
  return { at, kind: 'string', constant: true, evaluate: () => value };
}
