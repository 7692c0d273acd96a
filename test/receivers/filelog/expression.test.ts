import fc from 'fast-check';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Double, type Value } from '../../../src/receivers/filelog/operators/entry.ts';
import {
  compileCondition,
  compileExpression,
  parseTemplateValue,
  type ExpressionScope,
} from '../../../src/receivers/filelog/operators/expression/compile.ts';
import { costOf } from '../../support/cost.ts';

const SCOPE: ExpressionScope = {
  body: 'a timeout x',
  attributes: new Map<string, Value>([
    ['level', 'error'],
    ['n', 5],
    ['f', new Double(2.5)],
    ['one', new Double(1)],
    ['list', [1, 'a', null]],
    ['nested', new Map([['k', 'v']])],
  ]),
  resource: new Map<string, Value>([['host', 'h']]),
  severityNumber: 17,
  severityText: 'ERROR',
  time: { seconds: 1_700_000_000, nanos: 5 },
};

/** As the reference writes results. */
function shown(value: Value): string {
  if (value === null) return 'nil';
  if (value instanceof Double) {
    const text = Object.is(value.value, -0) ? '-0' : String(value.value);
    return `float(${text.replace(/^(-?)Infinity$/, (_, sign: string) => `${sign === '' ? '+' : '-'}Inf`)})`;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return `int(${Object.is(value, -0) ? '-0' : value})`;
  if (typeof value === 'string') {
    const escape = (char: string): string => `\\u00${char.charCodeAt(0).toString(16)}`;
    return JSON.stringify(value).replace(/[&<>]/g, escape);
  }
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map(shown).join(',')}]`;
  const keys = [...value.keys()].sort();
  return `map[${keys.map((key) => `${key}:${shown(value.get(key) ?? null)}`).join(' ')}]`;
}

function outcome(source: string, scope = SCOPE): string {
  try {
    return shown(compileExpression(source)(scope));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return 'error';
    throw error;
  }
}

// Recorded from github.com/expr-lang/expr 1.17.7, set up as the Collector does, with the scope above.
const REFERENCE = JSON.parse(readFileSync(new URL('./expression-reference.json', import.meta.url), 'utf8')) as [
  source: string,
  outcome: string,
][];

test('expressions give what expr-lang gives, and fail where it fails', () => {
  assert.ok(REFERENCE.length > 800);
  const different = REFERENCE.flatMap(([source, wanted]) => {
    const found = outcome(source);
    return found === wanted ? [] : [{ source, wanted, found }];
  });
  assert.deepEqual(different, []);
});

const OURS: readonly [source: string, outcome: string][] = [
  // A number is never one of some texts; expr-lang fails here.
  ['attributes.n in ["error", "warn"]', 'false'],
  ['timestamp == nil', 'false'],
  ['timestamp != nil', 'true'],
  ['timestamp.Unix() >= 1_700_000_000', 'true'],
  ['timestamp.UnixMilli()', 'int(1700000000000)'],
  ['timestamp.UnixNano()', 'int(1700000000000000005)'],
  ['{a: 1, "b": [2]}', 'map[a:int(1) b:[int(2)]]'],
  ['body contains "out" ? "slow" : "fast"', '"slow"'],
  ['"log.file.name" in attributes', 'false'],
  ['attributes["__proto__"]', 'nil'],
  ['attributes.constructor', 'nil'],
  ['attributes.nested.toString', 'nil'],
  ['"hasOwnProperty" in attributes.nested', 'false'],
  ['env("__proto__")', '""'],
  ['{__proto__: 1}["__proto__"]', 'int(1)'],
];

for (const [source, wanted] of OURS) {
  test(`${source} is ${wanted}`, () => {
    assert.equal(outcome(source), wanted);
  });
}

test('a record whose time no operator has set has the zero time of Go', () => {
  const scope = { ...SCOPE, time: undefined };
  assert.equal(outcome('timestamp == nil and timestamp.IsZero()', scope), 'true');
  assert.equal(outcome('timestamp.Unix()', scope), 'int(-62135596800)');
});

test('an environment variable is read when the configuration is', () => {
  process.env['EXPRESSION_TEST_STACK'] = 'blue';
  const expression = compileExpression('env("EXPRESSION_TEST_STACK") + "!"');
  delete process.env['EXPRESSION_TEST_STACK'];
  assert.equal(expression(SCOPE), 'blue!');
  assert.equal(outcome('env("EXPRESSION_TEST_STACK")'), '""');
});

const REFUSED: readonly [source: string, message: string | RegExp][] = [
  ['', 'column 1: the expression ends where a value is missing'],
  ['1 +', 'column 4: the expression ends where a value is missing'],
  ['(1', 'column 3: the expression ends where ) is missing'],
  ['1 1', 'column 3: 1 is not expected here'],
  ['body startswith "a"', 'column 6: startswith is not expected here; write startsWith'],
  ['body contain "a"', 'column 6: contain is not expected here; write contains'],
  ['true AND true', 'column 6: AND is not expected here; write and'],
  ['attributes.level = "error"', 'column 18: = is not expected here; write == to compare'],
  ['body & body', /^column 6: .*write and/],
  ['body | lower()', /^column 6: .*lower\(x\)/],
  ['level == "error"', /^column 1: there is no level; write attributes\.level/],
  ['attributes.level == error', /^column 21: there is no error;.* quote a text$/],
  ['attributes.http-status', /^column 17: there is no status/],
  ['attributes."k"', /^column 12: a name follows the dot; for other keys write \["key"\]/],
  ['body matches "^\\d+"', /^column 16: \\d is not an escape; write \\\\d .* backticks$/],
  ['body matches "("', /^column 14: "\(" is not a usable pattern/],
  ['body matches attributes.level', 'column 14: the pattern of matches must be a text that stands here'],
  ['body matches 5', 'column 14: matches takes string, not int'],
  ['not attributes.level == "error"', /^column 1: not takes the value next to it alone; write not \(a == b\)/],
  ['!attributes.level in ["a"]', /^column 1: not takes the value next to it alone/],
  ['attributes.level not == "x"', /^column 18: not is followed by in/],
  ['attributes.n ?? 1 > 0', /^column 19: put the \?\? and what it takes between parentheses before >/],
  ['any(body.list, # > 1)', /^column 1: the function any is not available; closures/],
  ['now() > timestamp', /^column 1: the function now is not available; .*timestamp\.Unix\(\)/],
  ['fromJSON(body).level', /^column 1: .*json_parser/],
  ['nosuch(body)', /^column 1: there is no function nosuch here; there are len, /],
  ['body.trim()', /^column 6: there is no method trim\(\)/],
  ['timestamp', /^column 1: timestamp has no value/],
  ['timestamp > 5', /^column 1: timestamp has no value/],
  ['timestamp == 5', /^column 11: timestamp is compared with nil alone/],
  ['let x = 1; x', /^column 1: variables \(let\)/],
  ['if true { 1 } else { 2 }', /^column 1: if and else/],
  ['1..3', /^column 2: a range stands to the right of in/],
  ['lower(1)', 'column 7: lower takes string, not int'],
  ['lower()', 'column 1: lower takes 1 operand, not 0'],
  ['trim("a", "b", "c")', 'column 1: trim takes 1 to 2 operands, not 3'],
  ['env(body)', /^column 1: env takes the name of one variable/],
  ['"a" + 1', 'column 5: + does not take string and int together'],
  ['"a" - "b"', 'column 1: - takes int or float, not string'],
  ['severity_text == 3', 'column 15: string and int are never equal'],
  ['severity_text > 3', 'column 15: > does not take string and int together'],
  ['body in "text"', 'column 9: in takes an array or a map; write text contains part'],
  ['5 % 0', 'column 3: % cannot divide by zero'],
  ['[1][3]', /^column 1: the array has 1 elements, and no \[3\]/],
  ['9223372036854775808', 'column 1: 9223372036854775808 does not fit into 64 bits'],
  ['1e400', 'column 1: 1e400 is too large for a float'],
  ['12abc', 'column 1: 12abc is not a number'],
  ['"abc', 'column 1: the text is not closed; a " is missing'],
  ['`abc', 'column 1: the text is not closed; a ` is missing'],
  ['"\\ud800"', 'column 2: \\ud800 is not a character'],
  ['body @ 1', 'column 6: the character "@" has no meaning here'],
  ['body == “x”', 'column 9: the character "“" has no meaning here'],
];

for (const [source, wanted] of REFUSED) {
  test(`${source || 'an empty text'} is refused where it stands`, () => {
    assert.throws(() => compileExpression(source), { name: 'SyntaxError', message: wanted });
  });
}

test('a condition is true or false; nil is false, and other results fail', () => {
  assert.equal(compileCondition('attributes.level == "error" and body matches "time(out|r)"')(SCOPE), true);
  assert.equal(compileCondition('true')(SCOPE), true);
  assert.equal(compileCondition('attributes.missing')(SCOPE), false);
  assert.throws(() => compileCondition('attributes.level')(SCOPE), { name: 'TypeError', message: /gave string/ });
  for (const source of ['"x"', '1 + 1', 'nil', 'len(body)', '[true]', 'attributes', 'severity_text']) {
    assert.throws(
      () => compileCondition(source),
      { name: 'SyntaxError', message: /^column 1: a condition gives/ },
      source,
    );
  }
});

const FAILING: readonly [source: string, message: RegExp][] = [
  ['attributes.missing.x', /^nil has no "x" \(column 20\); write \?\. .* key with dots$/],
  ['body.level', /^string has no "level" \(column 6\)/],
  ['attributes.list[9]', /^the array has 3 elements, and no \[9\] \(column 16\)/],
  ['attributes.level > 3', /^> takes two numbers or two texts, not string and int$/],
  ['attributes.missing and true', /^and takes true or false, not nil$/],
  ['lower(attributes.n)', /^lower: a text is needed, not int$/],
  ['attributes.n matches "5"', /^matches takes a text, not int$/],
  ['"a" in body', /^in takes an array or a map, not string$/],
];

for (const [source, message] of FAILING) {
  test(`${source} fails for the record, and says why`, () => {
    const expression = compileExpression(source);
    assert.throws(() => expression(SCOPE), { name: 'TypeError', message });
  });
}

test('EXPR() within a text is replaced, and alone it gives its value as it is', () => {
  assert.equal(parseTemplateValue('plain (text)'), 'plain (text)');
  assert.deepEqual(template('EXPR(attributes.n)'), 5);
  assert.equal(template('a-EXPR(attributes.level)-b'), 'a-error-b');
  assert.equal(template('EXPR(lower(severity_text)) (EXPR(")" + resource.host))'), 'error ()h)');
  assert.equal(template('x EXPR(string(attributes.n))'), 'x 5');
  assert.throws(() => template('x EXPR(attributes.n)'), { name: 'TypeError', message: /gave int; write string/ });
  assert.throws(() => template('x EXPR(1)'), { name: 'SyntaxError', message: /^column 8: .* gives int; write string/ });
  assert.throws(() => template('x EXPR(1'), {
    name: 'SyntaxError',
    message: 'column 9: EXPR( is not closed; a ) is missing',
  });
  assert.throws(() => template('EXPR(nope)'), { name: 'SyntaxError', message: /^column 6: there is no nope/ });
});

function template(text: string): Value {
  const made = parseTemplateValue(text);
  return typeof made === 'string' ? made : made(SCOPE);
}

test('a result belongs to who asked for it: to change it changes neither the record nor the next result', () => {
  for (const source of ['attributes', 'attributes.nested', '{"k": "v"}', 'attributes.missing ?? attributes.nested']) {
    const expression = compileExpression(source);
    const first = expression(SCOPE);
    assert.ok(first instanceof Map);
    first.set('k', 'changed');
    assert.equal(SCOPE.attributes.get('k'), undefined);
    assert.equal(outcome('attributes.nested.k'), '"v"');
    assert.notEqual(shown(expression(SCOPE)), shown(first));
  }
});

test('hostile sources are refused quickly, and none overflows the stack', () => {
  const many = 300_000;
  const sources = [
    '('.repeat(many),
    '['.repeat(many),
    '-'.repeat(many) + '1',
    'not '.repeat(many) + 'true',
    '1 + '.repeat(many) + '1',
    '{a: '.repeat(many),
    '"' + 'x'.repeat(1_000_000) + '"',
    'x'.repeat(1_000_000),
    '/*'.repeat(many),
    ...[150, 5000].flatMap((count) => [
      '('.repeat(count) + '1' + ')'.repeat(count),
      'true ? 1 : '.repeat(count).slice(0, 32_000) + '2',
      '2 ** '.repeat(count).slice(0, 32_000) + '2',
      '1 + '.repeat(count).slice(0, 32_000) + '2',
      '!'.repeat(count) + 'true',
      'body' + '.a'.repeat(count),
      'body' + '[0'.repeat(count) + ']'.repeat(count),
      'lower('.repeat(count) + 'body' + ')'.repeat(count),
      '1 < '.repeat(count).slice(0, 32_000) + '2 + "a"',
    ]),
  ];
  for (const source of sources) {
    const refuse = (): void => assert.throws(() => compileExpression(source), SyntaxError, source.slice(0, 20));
    // The dearest costs a tenth of that.
    assert.ok(costOf(refuse, 3) < 400, source.slice(0, 20));
  }
});

test('a long list of alternatives is compiled and runs', () => {
  const alternatives = Array.from({ length: 1000 }, (_, i) => `attributes.level == "l${i}"`);
  assert.equal(compileCondition(alternatives.join(' or '))(SCOPE), false);
  assert.equal(compileCondition([...alternatives, 'attributes.n == 5'].join(' or '))(SCOPE), true);
});

type Sample = readonly [source: string, value: number | boolean];

const NUMBERS = fc.integer({ min: -1000, max: 1000 }).map((value): Sample => [`(${value})`, value]);

/** Expressions on whole numbers and booleans, with their values by JavaScript. */
const { number: NUMBER, boolean: BOOLEAN } = fc.letrec<{ number: Sample; boolean: Sample }>((tie) => ({
  number: fc.oneof(
    { maxDepth: 4 },
    NUMBERS,
    fc.tuple(fc.constantFrom('+', '-', '*'), tie('number'), tie('number')).map(([operator, [a, x], [b, y]]): Sample => {
      const [left, right] = [BigInt(Number(x)), BigInt(Number(y))];
      const value = operator === '+' ? left + right : operator === '-' ? left - right : left * right;
      return [`(${a} ${operator} ${b})`, Number(value)];
    }),
    fc
      .tuple(tie('boolean'), tie('number'), tie('number'))
      .map(([[a, x], [b, y], [c, z]]): Sample => [`(${a} ? ${b} : ${c})`, x === true ? y : z]),
  ),
  boolean: fc.oneof(
    { maxDepth: 4 },
    fc.boolean().map((value): Sample => [String(value), value]),
    fc
      .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('number'), tie('number'))
      .map(([operator, [a, x], [b, y]]): Sample => [`(${a} ${operator} ${b})`, compared(operator, x, y)]),
    fc.tuple(fc.constantFrom('and', '||'), tie('boolean'), tie('boolean')).map(([operator, [a, x], [b, y]]): Sample => {
      return [`(${a} ${operator} ${b})`, operator === 'and' ? x === true && y === true : x === true || y === true];
    }),
    tie('boolean').map(([a, x]): Sample => [`not (${a})`, x !== true]),
    fc
      .tuple(tie('number'), fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }))
      .map(([[a, x], low, high]): Sample => [`(${a} in ${low}..${high})`, Number(x) >= low && Number(x) <= high]),
  ),
}));

function compared(operator: string, left: number | boolean, right: number | boolean): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  return operator === '>' ? left > right : left >= right;
}

test('arithmetic and logic agree with JavaScript, as constants and as attributes', () => {
  const check = ([source, value]: Sample): void => {
    assert.equal(compileExpression(source)(SCOPE), value, source);
    // The same numbers as attributes, which nothing folds.
    const attributes = new Map<string, Value>();
    const read = source.replace(/\((-?\d+)\)/g, (_, digits: string) => {
      attributes.set(`v${digits}`, Number(digits));
      return `attributes["v${digits}"]`;
    });
    assert.equal(compileExpression(read)({ ...SCOPE, attributes }), value, read);
  };
  fc.assert(
    fc.property(
      fc.oneof(NUMBER, BOOLEAN).filter(([, value]) => Number.isSafeInteger(Number(value))),
      check,
    ),
    {
      numRuns: 500,
    },
  );
});

test('any text is either compiled or refused with its column', () => {
  const pieces = fc.constantFrom(
    ...'body attributes . ?. [ ] ( ) { } 0 1.5 "a" and or not in + - ** ?? ? : , == matches .. nil'.split(' '),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((parts) => parts.join(' ')),
      ),
      (source) => {
        try {
          compileExpression(source);
        } catch (error) {
          assert.ok(error instanceof SyntaxError);
          assert.match(error.message, /^column \d+: ./);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
