import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AttributeValue } from '../../../src/otlp/value.ts';
import { graphOf, issuesOf, makeEntry, mapOf, plain, process, run } from './operating.ts';
import { text } from './support.ts';

type Case = readonly [text: string, settings: object, expected: object | RegExp];

/** Each text gives these attributes, or is left alone with this reason. */
function check(type: string, cases: readonly Case[]): void {
  for (const [text, settings, expected] of cases) {
    const name = `${type} ${JSON.stringify(settings)} of ${text}`;
    const { entries, logged, parseErrors } = run([{ type, ...settings }], text);
    assert.equal(entries[0]?.body, text, name);
    if (expected instanceof RegExp) {
      assert.match(logged.join(), expected, name);
      assert.equal(parseErrors, 1, name);
      assert.equal(entries[0].attributes.size, 0, name);
    } else {
      assert.deepEqual(plain(entries[0].attributes), expected, name);
      assert.deepEqual(logged, [], name);
    }
  }
}

test('key_value_parser splits pairs outside of quotes', () => {
  check('key_value_parser', [
    ['a=1 b=2', {}, { a: '1', b: '2' }],
    ['  a=1 \t b=2\n', {}, { a: '1', b: '2' }],
    ['a="x y" b=\'p "q" r\'', {}, { a: 'x y', b: 'p "q" r' }],
    ['a=b=c', {}, { a: 'b=c' }],
    ['a="k=v" b=', {}, { a: 'k=v', b: '' }],
    ['"k 1"=v', {}, { 'k 1': 'v' }],
    ['a=x"y z"w', {}, { a: 'xy zw' }],
    ['name=stanza ! org=otel      ! group=dev', { pair_delimiter: '!' }, { name: 'stanza', org: 'otel', group: 'dev' }],
    ['!a=1!!b=2!', { pair_delimiter: '!' }, { a: '1', b: '2' }],
    ['a:=1&&b:="x&&y"', { delimiter: ':=', pair_delimiter: '&&' }, { a: '1', b: 'x&&y' }],
    ['a=1 a=2', {}, { a: '2' }],
    ['__proto__=1 constructor=2', {}, JSON.parse('{"__proto__":"1","constructor":"2"}') as object],
    ['a=1 b', {}, /"b" has no "="/],
    ['a="x', {}, /not closed/],
    ['', {}, /no pairs/],
    ['   ', {}, /no pairs/],
    [Array.from({ length: 5000 }, (_, i) => `k${i}=1`).join(' '), {}, /more than 4096/],
  ]);
  assert.match(
    issuesOf([{ type: 'key_value_parser', delimiter: '=', pair_delimiter: '=' }]).join(),
    /must not be the same/,
  );
});

test('logfmt takes quoted values with escapes, keys alone, and refuses other text', () => {
  check('logfmt', [
    ['level=info msg="hello world" n=12 ok', {}, { level: 'info', msg: 'hello world', n: '12', ok: true }],
    ['a= b="" c', {}, { a: '', b: '', c: true }],
    ['m="say \\"hi\\"\\n\\tend\\\\" u="\\u00fc\\ud83d\\ude00"', {}, { m: 'say "hi"\n\tend\\', u: 'ü😀' }],
    ['path=/a/b?x=1&y="2" next=1', {}, { path: '/a/b?x=1&y="2"', next: '1' }],
    ['a=1 a=2', {}, { a: '2' }],
    ['grün=gelb', {}, { grün: 'gelb' }],
    ['bad="\\q \\ud800"', {}, { bad: '\\q \ufffd' }],
    ['plain text without pairs', {}, /no key=value/],
    ['', {}, /no key=value/],
    ['a="x', {}, /"a" is not closed/],
    ['a="x\\"', {}, /"a" is not closed/],
    ['a="x"y', {}, /goes on after its quote/],
    ['=x', {}, /key is missing/],
    ['a"b=1', {}, /quote stands in the key/],
  ]);
});

test('what is written as logfmt is read back', () => {
  const key = fc.stringMatching(/^[a-z_.-]{1,8}$/);
  const value = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('a b', '"', '\\', 'x=y', '\n'));
  fc.assert(
    fc.property(fc.dictionary(key, value, { minKeys: 1 }), (values) => {
      const text = Object.entries(values)
        .map(([name, text]) => `${name}=${/^[^\s"=\\]+$/.test(text) && text > '!' ? text : JSON.stringify(text)}`)
        .join(' ');
      assert.deepEqual(plain(run([{ type: 'logfmt' }], text).entries[0]?.attributes), { ...values });
    }),
    { numRuns: 1000 },
  );
});

test('csv_parser follows RFC 4180, lazy or without quotes when told', () => {
  const abc = { header: 'a,b,c' };
  check('csv_parser', [
    [
      '1,debug,Debug Message',
      { header: 'id,severity,message' },
      { id: '1', severity: 'debug', message: 'Debug Message' },
    ],
    ['1,,', abc, { a: '1', b: '', c: '' }],
    ['"x,y","say ""hi""",z', abc, { a: 'x,y', b: 'say "hi"', c: 'z' }],
    ['"line\nbreak",2,"3"', abc, { a: 'line\nbreak', b: '2', c: '3' }],
    ['1\t2\t3', { ...abc, delimiter: '\t', header_delimiter: ',' }, { a: '1', b: '2', c: '3' }],
    ['1;2', { header: 'a;b', delimiter: ';' }, { a: '1', b: '2' }],
    ['1→2', { header: 'a→b', delimiter: '→' }, { a: '1', b: '2' }],
    ['only', { header: 'one' }, { one: 'only' }],
    ['a"b,x "y" z,"q"r"', { ...abc, lazy_quotes: true }, { a: 'a"b', b: 'x "y" z', c: 'q"r' }],
    ['1,2,"open', { ...abc, lazy_quotes: true }, { a: '1', b: '2', c: 'open' }],
    ['"1,2",3', { ...abc, ignore_quotes: true }, { a: '"1', b: '2"', c: '3' }],
    ['1,2', abc, /2 values for 3 columns/],
    ['1,2,3,4', abc, /4 values for 3 columns/],
    ['a"b,2,3', abc, /quote stands in a value without quotes/],
    ['"a"b,2,3', abc, /goes on after its quote/],
    ['"a,2,3', abc, /does not end/],
  ]);
});

test('csv_parser takes the names of the columns from an attribute', () => {
  const operators = [{ type: 'csv_parser', header_attribute: 'columns', parse_to: 'body' }];
  const { entries } = run(operators, { body: '1,2', attributes: mapOf({ columns: 'x,y' }) });
  assert.deepEqual(plain(entries[0]?.body), { x: '1', y: '2' });
  assert.match(run(operators, '1,2').logged.join(), /no text in the attribute columns/);
});

test('csv_parser refuses settings that do not go together', () => {
  const issues = (settings: object): string => issuesOf([{ type: 'csv_parser', ...settings }]).join();
  assert.match(issues({}), /one of header and header_attribute/);
  assert.match(issues({ header: 'a', header_attribute: 'b' }), /one of header and header_attribute/);
  assert.match(issues({ header: 'a', lazy_quotes: true, ignore_quotes: true }), /one of lazy_quotes and ignore_quotes/);
  for (const delimiter of ['', ',,', '\n', '"']) assert.match(issues({ header: 'a', delimiter }), /not a delimiter/);
});

test('what is written as CSV is read back, and any row without quotes is what a split gives', () => {
  const row = fc.array(fc.string(), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(row, (values) => {
      const header = values.map((_, i) => `k${i}`).join();
      const text = values.map((value) => `"${value.replaceAll('"', '""')}"`).join();
      const read = (settings: object, line: string): unknown[] => [
        ...(run([{ type: 'csv_parser', header, ...settings }], line).entries[0]?.attributes.values() ?? []),
      ];
      assert.deepEqual(read({}, text), values);
      assert.deepEqual(read({ lazy_quotes: true }, text), values);
      const bare = values.map((value) => value.replaceAll(/[",]/g, ''));
      assert.deepEqual(read({}, bare.join()), bare);
    }),
    { numRuns: 500 },
  );
});

test('uri_parser names the parts of URIs, paths and queries', () => {
  check('uri_parser', [
    [
      'https://dev:pass@google.com/app?user_id=2&token=001',
      {},
      { scheme: 'https', user: 'dev', host: 'google.com', path: '/app', query: { user_id: ['2'], token: ['001'] } },
    ],
    ['HTTP://example.com:8443', {}, { scheme: 'http', host: 'example.com', port: '8443' }],
    ['http://[2001:db8::1]:80/x', {}, { scheme: 'http', host: '2001:db8::1', port: '80', path: '/x' }],
    ['/app?user=admin', {}, { path: '/app', query: { user: ['admin'] } }],
    ['//not/a/host', {}, { path: '//not/a/host' }],
    ['/a%20b/c d', {}, { path: '/a%20b/c%20d' }],
    ['?env=stage&env=dev&x=%41+b&bad=%zz', {}, { query: { env: ['stage', 'dev'], x: ['A b'], bad: ['%zz'] } }],
    ['?', {}, {}],
    ['/x?__proto__=1', {}, { path: '/x', query: JSON.parse('{"__proto__":["1"]}') as object }],
    ['mailto:a@b.c?subject=x', {}, { scheme: 'mailto', query: { subject: ['x'] } }],
    ['relative/path', {}, /no URI/],
    ['', {}, /no URI/],
    ['http://host:port/', {}, /host or port/],
    ['http://a b/', {}, /host or port/],
    ['/%zz', {}, /not followed by two hex digits/],
    ['/a\u0007', {}, /control character/],
  ]);
});

test('uri_parser agrees with the WHATWG URL parser where both follow RFC 3986', () => {
  // A name that begins with xn-- is Punycode to WHATWG, and refused where it is none.
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/).filter((text) => !text.startsWith('xn--'));
  const parts = fc.record({
    host: fc.array(word, { minLength: 2, maxLength: 3 }).map((words) => words.join('.')),
    port: fc.option(fc.integer({ min: 1024, max: 65_535 })),
    user: fc.option(word),
    path: fc.array(word, { maxLength: 4 }).map((words) => `/${words.join('/')}`),
    query: fc.dictionary(word, fc.string(), { maxKeys: 4 }),
  });
  fc.assert(
    fc.property(parts, ({ host, port, user, path, query }) => {
      const authority = `${user === null ? '' : `${user}:secret@`}${host}${port === null ? '' : `:${port}`}`;
      const search = new URLSearchParams(query).toString();
      const text = `https://${authority}${path}${search === '' ? '' : `?${search}`}`;
      const url = new URL(text);
      const expected: Record<string, unknown> = { scheme: 'https', host: url.hostname, path: url.pathname };
      if (url.username !== '') expected['user'] = url.username;
      if (url.port !== '') expected['port'] = url.port;
      const values = [...url.searchParams].map(([key, value]) => [key, [value]]);
      if (values.length > 0) expected['query'] = Object.fromEntries(values);
      assert.deepEqual(plain(run([{ type: 'uri_parser' }], text).entries[0]?.attributes), expected);
    }),
    { numRuns: 500 },
  );
});

test('regex_parser takes patterns of Go, numbers unnamed groups right, and remembers results when told', () => {
  const regex = '(?i)^(x+)\\[(?P<level>[(a-z]+)\\] (?:y)?(?P<msg>.*?)( \\((?P<code>\\d+)\\))?$';
  for (const cache of [{}, { cache: { size: 2 } }]) {
    check('regex_parser', [
      ['xx[WARN] yhello (12)', { regex, ...cache }, { level: 'WARN', msg: 'hello', code: '12' }],
      ['x[i] z', { regex, ...cache }, { level: 'i', msg: 'z', code: '' }],
      ['nothing', { regex, ...cache }, /does not match/],
    ]);
  }
  const operators = [
    { type: 'regex_parser', regex: '(?P<a>.*)', cache: { size: 1 } },
    { type: 'add', field: 'attributes.a', value: 'changed' },
  ];
  for (const text of ['1', '1', '2', '1']) {
    assert.deepEqual(plain(run(operators, text).entries[0]?.attributes), { a: 'changed' });
  }
  assert.match(issuesOf([{ type: 'regex_parser', regex: '([a-z' }]).join(), /not a usable pattern/);
});

test('a cached result is a copy that later operators may change', () => {
  const graph = graphOf([
    { type: 'regex_parser', regex: '(?P<a>.*)', cache: { size: 1 }, parse_to: 'body' },
    { type: 'add', field: 'body.b', value: 1 },
  ]);
  for (let i = 0; i < 2; i++) graph.first.accept(makeEntry('x'));
  assert.deepEqual(
    graph.entries.map(({ body }) => plain(body)),
    [
      { a: 'x', b: 1 },
      { a: 'x', b: 1 },
    ],
  );
  graph.first.accept(makeEntry('y'));
  assert.deepEqual(plain(graph.entries[2]?.body ?? null), { a: 'y', b: 1 });
});

test('json_parser nests, keeps integers exact, and refuses what is no object or too deep', () => {
  check('json_parser', [
    ['{"a":{"b":[1,2.5]}}', {}, { a: { b: [1, 2.5] } }],
    ['{"n":9223372036854775807}', {}, { n: 9223372036854775807n }],
    ['{"n":12}', { parse_ints: false }, { n: 12 }],
    ['{"__proto__":{"x":1}}', {}, JSON.parse('{"__proto__":{"x":1}}') as object],
    ['[1]', {}, /not an object/],
    ['{', {}, /JSON/],
    [`{"a":${'['.repeat(60)}${']'.repeat(60)}}`, {}, /nests deeper/],
  ]);
});

test('parse_from, parse_to and body say what is parsed and where it goes', () => {
  const operators = [
    { type: 'json_parser' },
    { type: 'logfmt', parse_from: 'attributes.log', parse_to: 'attributes.parsed', body: 'attributes.parsed.msg' },
  ];
  const { entries } = run(operators, '{"log":"msg=hi a=1"}');
  assert.equal(entries[0]?.body, 'hi');
  assert.deepEqual(plain(entries[0].attributes), { log: 'msg=hi a=1', parsed: { msg: 'hi', a: '1' } });
  assert.match(run(operators, '{"log":7}').logged.join(), /no text to parse/);
  assert.match(
    issuesOf([{ type: 'logfmt', parse_to: 'body', body: 'body.msg' }]).join(),
    /^0\.body: parse_to is the body/,
  );
  const whole = run([{ type: 'csv_parser', header: 'a,b', parse_to: 'resource' }], '1,2');
  assert.deepEqual(plain(whole.entries[0]?.resource), { a: '1', b: '2' });
});

test('what is embedded in a parser is tried whatever became of the rest, and only when parsing succeeded', () => {
  const operator = {
    type: 'key_value_parser',
    timestamp: { parse_from: 'attributes.t', layout: '%Y-%m-%d', location: 'UTC' },
    severity: { parse_from: 'attributes.level' },
    trace: { trace_id: { parse_from: 'attributes.trace' } },
    scope_name: { parse_from: 'attributes.logger' },
  };
  const id = '0af7651916cd43dd8448eb211c80319c';
  const good = run([operator], `t=2026-01-02 level=warn trace=${id} logger=app.db`);
  assert.deepEqual(good.entries[0]?.time, { seconds: Date.UTC(2026, 0, 2) / 1000, nanos: 0 });
  assert.equal(Buffer.from(good.entries[0].traceId ?? []).toString('hex'), id);
  const bad = run([operator], 't=x level=warn logger=app.db trace=12');
  assert.deepEqual(bad.logged, ['warn: "x" is not a time of the layout']);
  assert.equal(bad.parseErrors, 1);
  assert.equal(bad.entries[0]?.severityNumber, 13);
  assert.equal(bad.entries[0].scopeName, 'app.db');
  assert.equal(run([operator], 'level').entries[0]?.severityText, '');
});

test('no text makes an operator throw or lose a line', () => {
  const operators: readonly object[] = [
    { type: 'json_parser' },
    { type: 'regex_parser', regex: '(?P<a>[^=]*)=(?P<b>.*)' },
    { type: 'key_value_parser' },
    { type: 'key_value_parser', delimiter: ':', pair_delimiter: ',' },
    { type: 'logfmt' },
    { type: 'csv_parser', header: 'a,b' },
    { type: 'csv_parser', header: 'a,b', lazy_quotes: true },
    { type: 'uri_parser' },
    { type: 'time_parser', parse_from: 'body', layout: '%Y-%m-%d %Z' },
    { type: 'severity_parser', parse_from: 'body' },
    { type: 'unquote', field: 'body' },
    { type: 'regex_replace', field: 'body', regex: '=*', replace_with: '$1' },
  ];
  const graphs = operators.map((operator) => graphOf([operator]));
  const mark = fc.constantFrom(
    '"',
    "'",
    '\\',
    '=',
    ',',
    ':',
    ' ',
    '{',
    '}',
    '%',
    '/',
    '?',
    '`',
    '\u0000',
    '\ud800',
    'a',
    '1',
  );
  const anyText = fc.oneof(fc.string({ unit: mark }), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(anyText, (body) => {
      for (const { first, entries } of graphs) {
        first.accept(makeEntry(body));
        assert.equal(entries.splice(0).length, 1);
      }
    }),
    { numRuns: 1000 },
  );
});

test('what nests deeper than OTLP allows is sent as JSON text below that', async (t) => {
  const steps = Array.from({ length: 12 }, () => ({ type: 'copy', from: 'body', to: 'body.x.x.x.x.x' }));
  const { all } = await process(t, '{"n":9007199254740993,"d":1.0}\n', [
    { type: 'json_parser', parse_to: 'body' },
    ...steps,
  ]);
  let value = all[0]?.body;
  for (let depth = 0; depth < 50; depth++)
    value = value instanceof Map ? (value as ReadonlyMap<string, AttributeValue>).get('x') : undefined;
  assert.match(text(value), /^\{"n":9007199254740993,"d":1,"x":\{/);
});
