import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redaction } from '../../src/replay/record/redaction.ts';

const redaction = new Redaction(['user.email']);

test('settings of the command line keep no credential', () => {
  assert.equal(
    redaction.setting('exporters.otlp.headers.authorization=canary'),
    'exporters.otlp.headers.authorization=[REDACTED]',
  );
  assert.equal(
    redaction.setting('exporters.otlp.headers.x=Bearer canary-canary'),
    'exporters.otlp.headers.x=Bearer [REDACTED]',
  );
  assert.equal(redaction.setting('exporters.otlp.endpoint=host:4317'), 'exporters.otlp.endpoint=host:4317');
});

test('addresses keep neither user, password nor a token in their query', () => {
  const url = redaction.url(new URL('http://user:canary@app:9090/metrics?token=canary&match=up'));
  assert.equal(url, 'http://app:9090/metrics?token=%5BREDACTED%5D&match=up');
  const plain = 'http://app:9090/metrics?match[]=up';
  assert.equal(redaction.url(new URL(plain)), plain);
});

test('values of headers lose credentials whatever their names are', () => {
  assert.equal(redaction.value('x-forwarded', 'Basic Y2FuYXJ5Y2FuYXJ5'), 'Basic [REDACTED]');
  assert.equal(redaction.value('user.email', 'a@b'), '[REDACTED]');
});

test('assigned credentials go whole, in quotes and out of them, and the text stays what it was', () => {
  const cases: readonly (readonly [text: string, plain: string])[] = [
    ['password="two words" user=ann', 'password="[REDACTED]" user=ann'],
    ['secret: "a\\"b c", next', 'secret: "[REDACTED]", next'],
    ["token='a b' x", "token='[REDACTED]' x"],
    ['?api_key=abc&page=2', '?api_key=[REDACTED]&page=2'],
    ['msg="{\\"password\\":\\"two words\\",\\"a\\":1}"', 'msg="{\\"password\\":\\"[REDACTED]\\",\\"a\\":1}"'],
    ['user.email=ann@example.com ok', 'user.email=[REDACTED] ok'],
    ['userXemail=kept', 'userXemail=kept'],
    ['Cookie: session=abc; theme=dark', 'Cookie: [REDACTED]'],
    ['authorization: ApiKey abc def', 'authorization: [REDACTED]'],
    ['max_tokens=4096 tokens: many', 'max_tokens=4096 tokens: many'],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest', '[REDACTED]\nrest'],
  ];
  for (const [text, plain] of cases) {
    assert.equal(redaction.text(text), plain);
    assert.equal(redaction.text(plain), plain, 'once is enough');
  }
});

test('members of JSON in a text go whole, whatever they hold, and the rest of it stays as it was written', () => {
  const cases: readonly (readonly [text: string, plain: string])[] = [
    ['{"a": 1, "password": "two words", "b":2}', '{"a": 1, "password": "[REDACTED]", "b":2}'],
    ['{"token":12345,"big":12345678901234567890}', '{"token":"[REDACTED]","big":12345678901234567890}'],
    ['{"token":null}', '{"token":"[REDACTED]"}'],
    ['{"credentials":{"user":"ann","list":["}",1]},"x":true}', '{"credentials":"[REDACTED]","x":true}'],
    ['{"deep":{"list":[{"user.email":"a@b"}]}}', '{"deep":{"list":[{"user.email":"[REDACTED]"}]}}'],
    ['{"secret":["a","b"]}\n{"kept":1}\n', '{"secret":"[REDACTED]"}\n{"kept":1}\n'],
    ['GET / {"session_id":"abc', 'GET / {"session_id":"[REDACTED]"'],
    ['{"input_tokens":12}', '{"input_tokens":12}'],
  ];
  for (const [text, plain] of cases) assert.equal(redaction.text(text), plain);
});

test('labels of a page lose their values by name, and series that differ in them stay apart', () => {
  const page = redaction.page(
    [
      '# HELP hits Hits.',
      'hits{password="two \\"words\\", three",path="/a"} 1',
      'hits{password="another",path="/a"} 2',
      'hits{password="another",path="/b"} 3',
      '{"hits","api.key"="abc"} 4',
      'hits{user_email="kept",session_id="s"} 5',
    ].join('\n'),
  );
  assert.doesNotMatch(page, /words|three|another|abc|"s"/);
  assert.match(page, /user_email="kept"/);
  const values = Array.from(page.matchAll(/password="(\[REDACTED [0-9a-f]{8}\])"/g), ([, value]) => value);
  assert.equal(values.length, 3);
  assert.notEqual(values[0], values[1]);
  assert.equal(values[1], values[2]);
  const other = new Redaction([]).page('hits{password="another"} 1');
  assert.ok(!other.includes(values[1] ?? ''), 'another recording says something else of the same value');
});

test('attributes lose their values wherever they are: of resources, scopes, points, and within values', () => {
  const attribute = (key: string, value: unknown): object => ({ key, value });
  const hidden = [attribute('user.email', { stringValue: 'canary' }), attribute('auth_token', { intValue: '4711' })];
  const nested = attribute('request', {
    kvlistValue: { values: [attribute('list', { arrayValue: { values: [{ kvlistValue: { values: hidden } }] } })] },
  });
  const request = {
    resourceLogs: [
      {
        resource: { attributes: hidden },
        scopeLogs: [
          {
            scope: { name: 'x', attributes: [nested] },
            logRecords: [
              { body: { stringValue: '{"user.email":"canary","n":1}' }, attributes: [nested] },
              { body: { kvlistValue: { values: hidden } } },
            ],
          },
        ],
      },
    ],
  };
  const text = JSON.stringify(redaction.json(request));
  assert.doesNotMatch(text, /canary|4711/);
  assert.match(text, /\\"n\\":1/);
});

test('long texts take their time by their length alone', () => {
  const fromMs = performance.now();
  for (const text of [
    '"'.repeat(300_000),
    '{"a":'.repeat(100_000),
    `password="${'x\\'.repeat(300_000)}`,
    'token='.repeat(100_000),
    '\\'.repeat(300_000),
  ])
    redaction.text(text);
  assert.ok(performance.now() - fromMs < 3000, `${performance.now() - fromMs} ms`);
});
