import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyedPlaceholders } from '../../src/replay/record/placeholders.ts';
import { PrivateKeys } from '../../src/replay/record/private-keys.ts';
import { RedactedChunks } from '../../src/replay/record/redacted-chunks.ts';
import { Redaction } from '../../src/replay/record/redaction.ts';
import { ORDINARY_LINES } from './ordinary-lines.ts';
import { SECRET_LINES } from './secret-lines.ts';

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

/** Each text, and what is left of it; nothing is, where there is no second. */
type Case = readonly [text: string, plain?: string];

function check(cases: readonly Case[]): void {
  for (const [text, plain = text] of cases) {
    assert.equal(redaction.text(text), plain);
    assert.equal(redaction.text(plain), plain, 'once is enough');
  }
}

test('assigned credentials go whole, in quotes and out of them, and the text stays what it was', () => {
  check([
    ['password="two words" user=ann', 'password="[REDACTED]" user=ann'],
    ["Password = 'two words' ok", "Password = '[REDACTED]' ok"],
    ['secret: "a\\"b c", next', 'secret: "[REDACTED]", next'],
    ["token='a b' x", "token='[REDACTED]' x"],
    ['?api_key=abc&page=2', '?api_key=[REDACTED]&page=2'],
    ['Server=x;Password=a,b;User=y', 'Server=x;Password=[REDACTED];User=y'],
    ['User{name=ann, password=abc}', 'User{name=ann, password=[REDACTED]}'],
    ['f(token=a[0]b)', 'f(token=[REDACTED])'],
    ['{"password"=>"X", "a"=>1}', '{"password"=>"[REDACTED]", "a"=>1}'],
    ["env['PASSWORD'] = 'x'", "env['PASSWORD'] = '[REDACTED]'"],
    ["password=b'x'", "password=b'[REDACTED]'"],
    ['password: Some("two words")', 'password: Some("[REDACTED]")'],
    ['password: "абв где" z', 'password: "[REDACTED]" z'],
    ['<db:password>two words</db:password>', '<db:password>[REDACTED]</db:password>'],
    ['API key: abc123 ok', 'API key: [REDACTED] ok'],
    ["{ smtp: { user: 'ann', pass: 'x' } }", "{ smtp: { user: 'ann', pass: '[REDACTED]' } }"],
    ['user.email=ann@example.com ok', 'user.email=[REDACTED] ok'],
    ['ctx.user.email=5', 'ctx.user.email=[REDACTED]'],
    ['userXemail=kept'],
    ["password='' token=null secret=true password=*** token:"],
    ['password=12345', 'password=[REDACTED]'],
    ['hits{password="two \\"words\\", three",path="/a"} 1', 'hits{password="[REDACTED]",path="/a"} 1'],
    ['{"hits","api.key"="abc"} 4', '{"hits","api.key"="[REDACTED]"} 4'],
  ]);
});

test('of lines as programs write them the secrets go, all of them, and nothing else', () => {
  for (const line of SECRET_LINES) {
    const plain = line.replaceAll(/«[^»]*»/g, '[REDACTED]');
    check([[line.replaceAll(/[«»]/g, ''), plain]]);
  }
});

test('lines that only speak of credentials stay as they are', () => {
  check(ORDINARY_LINES.map((line) => [line]));
});

test('of lines within JSON as many secrets go, and it stays JSON', () => {
  for (const line of [...SECRET_LINES, ...ORDINARY_LINES]) {
    const record = JSON.stringify({ log: line.replaceAll(/[«»]/g, ''), stream: 'stdout' });
    const plain: unknown = JSON.parse(redaction.text(record));
    assert.deepEqual(plain, { log: line.replaceAll(/«[^»]*»/g, '[REDACTED]'), stream: 'stdout' });
  }
});

test('names that are none of a credential leave their values alone', () => {
  for (const name of [
    ...['input_tokens', 'output_tokens', 'max_tokens', 'gen_ai.usage.input_tokens', 'token_count', 'tokenCount'],
    ...['TOKEN_COUNT', 'max_token', 'next_page_token', 'tokenizer', 'password_changed', 'passwordChanged', 'author'],
    ...['authority', 'key', 'primary_key', 'public_key', 'aws_access_key_id', 'secretary', 'k8s.secret.name', 'sid'],
    ...['token_type', 'token.expires_in', 'cookie_consent', 'session.count', 'keyboard', 'password-stdin', 'passenger'],
  ]) {
    assert.equal(redaction.isSecret(name), false, name);
    assert.equal(redaction.text(`${name}=kept`), `${name}=kept`);
  }
});

test('names of credentials are known in every way of writing them', () => {
  for (const name of [
    ...['token', 'access_token', 'accessToken', 'ID_TOKEN', 'api_key', 'apikey', 'X-Api-Key', 'secret', 'clientSecret'],
    ...['password', 'passwd', 'pwd', 'DB_PWD', 'db_pass', 'pass', 'passphrase', 'authorization', 'Proxy-Authorization'],
    ...['http.request.header.authorization', 'http.response.header.set-cookie', 'cookie', 'private_key', 'dbpassword'],
    ...['session.id', 'session.previous_id', 'sessionId', 'JSESSIONID', 'PGPASSWORD', 'aws_secret_access_key'],
    ...['password_reset_token', 'secret_id', 'AccountKey', 'csrftoken', 'credentials', 'X-Amz-Signature'],
  ]) {
    assert.equal(redaction.isSecret(name), true, name);
    assert.equal(redaction.text(`${name}=x`), `${name}=[REDACTED]`);
  }
});

test('headers go up to their end: of the line, of the text around them, or where the next begins', () => {
  check([
    ['Set-Cookie: sid=abc; Path=/; Expires=Wed, 09 Jun 2027 10:18:14 GMT\nnext', 'Set-Cookie: [REDACTED]\nnext'],
    ['Cookie: a=b; c="d"; e=f', 'Cookie: [REDACTED]'],
    ['"Cookie: a=b; c=d" ok', '"Cookie: [REDACTED]" ok'],
    ['{"log":"Cookie: a=b; c=d\\nnext","n":1}', '{"log":"Cookie: [REDACTED]\\nnext","n":1}'],
    ['authorization: ApiKey abc def', 'authorization: [REDACTED]'],
    ['Authorization: Digest username="a", realm="b", response="c"', 'Authorization: [REDACTED]'],
    ['Authorization: Bearer abc rest', 'Authorization: Bearer [REDACTED] rest'],
    [
      'Authorization=Bearer abc auth_token: Token abc x',
      'Authorization=Bearer [REDACTED] auth_token: Token [REDACTED] x',
    ],
    ['{ Authorization: abc, Accept: x }', '{ Authorization: [REDACTED], Accept: x }'],
    ['Basic dXNlcjpwYXNz', 'Basic [REDACTED]'],
    ['Basic authentication failed, Bearer certificates'],
  ]);
});

test('options of a command line lose their values, in one text and as a list', () => {
  check([
    ['app --password X --verbose', 'app --password [REDACTED] --verbose'],
    ['app --api-key "two words" x', 'app --api-key "[REDACTED]" x'],
    ['app -token X --token=Z', 'app -token [REDACTED] --token=[REDACTED]'],
    ['["run","--password","X","--port","80"]', '["run","--password","[REDACTED]","--port","80"]'],
    ["['--password', 'X']", "['--password', '[REDACTED]']"],
    ['"[\\"--password\\",\\"X\\"]"', '"[\\"--password\\",\\"[REDACTED]\\"]"'],
    ['--max-tokens 5 --password --verbose'],
  ]);
});

test('statements of SQL lose passwords', () => {
  check([
    ["ALTER USER a WITH PASSWORD 'it''s x'; SELECT 1", "ALTER USER a WITH PASSWORD '[REDACTED]'; SELECT 1"],
    ["CREATE USER a IDENTIFIED BY 'X' y", "CREATE USER a IDENTIFIED BY '[REDACTED]' y"],
    ["IDENTIFIED WITH mysql_native_password BY 'X'", "IDENTIFIED WITH mysql_native_password BY '[REDACTED]'"],
    ['CREATE USER a IDENTIFIED BY X;', 'CREATE USER a IDENTIFIED BY [REDACTED];'],
    ["SET PASSWORD = PASSWORD('x')", "SET PASSWORD = PASSWORD('[REDACTED]')"],
  ]);
});

test('addresses in texts lose passwords', () => {
  check([
    ['postgres://u:p@host/db redis://:x@h', 'postgres://u:[REDACTED]@host/db redis://:[REDACTED]@h'],
    ['postgres://u:p#s/w@host/db', 'postgres://u:[REDACTED]@host/db'],
    ['https://host:8080/p?email=a@b.c git@host:a/b'],
  ]);
});

test('tokens are known by what they look like', () => {
  // Put together here, so that no scanner takes this file for a leak.
  const [word, upper] = ['aB3'.repeat(14), 'ABCD'.repeat(4)];
  for (const token of [
    ...[`ghp_${word}`, `gho_${word}`, `github_pat_${word}`, `glpat-${word}`, `xoxb-${word}`, `xoxp-${word}`],
    ...[`AKIA${upper}`, `sk-${word}`, `sk-proj-${word}`, `sk_live_${word}`, `eyJ${word}.eyJ${word}.${word}`],
  ]) {
    check([
      [`see ${token}, and`, 'see [REDACTED], and'],
      [`a\\n${token}`, 'a\\n[REDACTED]'],
    ]);
  }
  const key = 'aB3/+'.repeat(8);
  check([
    [`aws_secret_access_key = ${key}`, 'aws_secret_access_key = [REDACTED]'],
    [`aws_secret_access_key ${key}`, 'aws_secret_access_key [REDACTED]'],
    ['risk-assessment-of-tomorrow sk-learn-is-not-a-token-of-anybody eyJ.a.b'],
  ]);
});

const [BEGIN, END] = ['-----BEGIN RSA PRIVATE KEY-----', '-----END RSA PRIVATE KEY-----'];
const BODY = 'MIIabc+/'.repeat(8);

test('private keys go, and lines stay lines', () => {
  check([
    [`${BEGIN}\n${BODY}\nAB==\n${END}\nrest of it`, `${BEGIN}\n[REDACTED]\n[REDACTED]\n${END}\nrest of it`],
    [`{"k":"${BEGIN}\\n${BODY}\\n${END}\\n","b":1}`, `{"k":"${BEGIN}\\n[REDACTED]\\n${END}\\n","b":1}`],
    [`1 F ${BEGIN}\n2 F ${BODY}\n3 F AB\n4 F ${END}`, `1 F ${BEGIN}\n2 F [REDACTED]\n3 F [REDACTED]\n4 F ${END}`],
    [
      [BEGIN, BODY, BODY, 'AB==', END].map((line) => `{"log":"${line}\\n","time":"2026-11-26T10:00:00Z"}\n`).join(''),
      [BEGIN, '[REDACTED]', '[REDACTED]', '[REDACTED]', END]
        .map((line) => `{"log":"${line}\\n","time":"2026-11-26T10:00:00Z"}\n`)
        .join(''),
    ],
    [`1 F ${BEGIN}\n2 F ${BODY}\n3 F ${END}`, `1 F ${BEGIN}\n2 F [REDACTED]\n3 F ${END}`],
    [`${BEGIN}\\n${BODY}`, `${BEGIN}\\n[REDACTED]`],
    [`no ${BEGIN} in here\nand a line after it`],
  ]);
});

test('a credential that the end of a chunk cuts goes in both, wherever it is cut', () => {
  const text = 'a\nlogin {"password":"CANARY0123456789 CANARY"} Bearer CANARY0123456789 ok\ntoken=CANARY0123456789 b\n';
  for (let cut = 0; cut < text.length; cut++) {
    const chunks = new RedactedChunks(redaction);
    const plain = [text.slice(0, cut), text.slice(cut)].map((chunk) => chunks.next(chunk)).join('');
    // What is known by its looks alone may be too short before the cut.
    assert.doesNotMatch(plain.replace(/Bearer [CANRY0-9]{1,9}\[/, ''), /CANARY|RY0|456789/, `${cut}: ${plain}`);
    assert.ok(plain.startsWith('a\nlogin {"password":"') && plain.endsWith(' b\n') && plain.includes(' ok\n'), plain);
    assert.ok(chunks.isDone);
  }
  const long = new RedactedChunks(redaction);
  assert.equal(long.next(`token="${'x'.repeat(5000)}`), 'token="[REDACTED]');
  assert.equal(long.next('xxx'), '[REDACTED]');
  assert.equal(long.next('x" b'), '[REDACTED]" b');
});

test('private keys go that begin in one text and end in another: chunks of a file, records of a request', () => {
  const keys = new PrivateKeys();
  const chunks = [`a\n${BEGIN}\n${BODY}\n`, `${BODY}\nAB==\n`, `${END}\nb\n`, 'c\nword\n'];
  assert.deepEqual(
    chunks.map((chunk) => redaction.text(chunk, keys)),
    [`a\n${BEGIN}\n[REDACTED]\n`, '[REDACTED]\n[REDACTED]\n', `${END}\nb\n`, 'c\nword\n'],
  );
  const cut = new PrivateKeys();
  assert.deepEqual(
    [`"${BEGIN}\\n${BODY}`, `${BODY}\\n${BODY}\\n${END}\\n","a":1}`].map((chunk) => redaction.text(chunk, cut)),
    [`"${BEGIN}\\n[REDACTED]`, `[REDACTED]\\n${END}\\n","a":1}`],
  );
  const records = [BEGIN, BODY, END, 'end'].map((stringValue) => ({ body: { stringValue } }));
  assert.doesNotMatch(JSON.stringify(redaction.json({ logRecords: records })), /MIIabc/);
  assert.match(JSON.stringify(records), /"end"/);
});

test('members of JSON in a text go whole, however often it is quoted, and the rest of it stays as it was written', () => {
  const quoted = (value: unknown, times: number): string =>
    times === 0 ? JSON.stringify(value) : quoted({ body: JSON.stringify(value) }, times - 1);
  const deep = [0, 1, 2, 3].flatMap((times): Case[] => [
    [quoted({ password: 'two "w" \\ords\\', n: 1 }, times), quoted({ password: '[REDACTED]', n: 1 }, times)],
    [quoted({ token: ['a"', 1], n: 'b' }, times), quoted({ token: ['[REDACTED]', 1], n: 'b' }, times)],
    [quoted({ 'user.email': 5, n: 1 }, times), quoted({ 'user.email': '[REDACTED]', n: 1 }, times)],
  ]);
  check([
    ...deep,
    ['{"a": 1, "pwd": "two words", "b":2}', '{"a": 1, "pwd": "[REDACTED]", "b":2}'],
    ['{"token":12345,"big":12345678901234567890,"secret":true,"password":null}'],
    [
      '{"credentials":{"user":"ann","list":["}",1]},"x":true}',
      '{"credentials":{"user":"[REDACTED]","list":["[REDACTED]",1]},"x":true}',
    ],
    ['{"user.email":{"a":1},"b":2}', '{"user.email":"[REDACTED]","b":2}'],
    ['{"deep":{"list":[{"user.email":"a@b"}]}}', '{"deep":{"list":[{"user.email":"[REDACTED]"}]}}'],
    ['{"secret":["a","b"]}\n{"kept":1}\n', '{"secret":["[REDACTED]","[REDACTED]"]}\n{"kept":1}\n'],
    ['GET / {"session_id":"abc', 'GET / {"session_id":"[REDACTED]'],
    ['msg="{\\"password\\":\\"two words\\",\\"a\\":1}"', 'msg="{\\"password\\":\\"[REDACTED]\\",\\"a\\":1}"'],
    ['{"input_tokens":12}'],
  ]);
});

test('members are known, too, that JSON has as pairs, and where quotes are written as something else', () => {
  check([
    [
      '{"name":"DB_PASSWORD","value":"a b"},{"name":"x","value":"y"}',
      '{"name":"DB_PASSWORD","value":"[REDACTED]"},{"name":"x","value":"y"}',
    ],
    ['{"key":"token","value":{"stringValue":"x"}}', '{"key":"token","value":{"stringValue":"[REDACTED]"}}'],
    [
      '"{\\"name\\": \\"Cookie\\", \\"value\\": \\"a=b; c\\"}"',
      '"{\\"name\\": \\"Cookie\\", \\"value\\": \\"[REDACTED]\\"}"',
    ],
    ['{\\x22password\\x22:\\x22a b\\x22,\\x22n\\x22:1}', '{\\x22password\\x22:\\x22[REDACTED]\\x22,\\x22n\\x22:1}'],
    ['{\\u0022token\\u0022: \\u0022x\\u0022}', '{\\u0022token\\u0022: \\u0022[REDACTED]\\u0022}'],
    ['{&quot;secret&quot;:&quot;x&quot;}', '{&quot;secret&quot;:&quot;[REDACTED]&quot;}'],
    ['/?q=%7B%22pwd%22%3A%22x%22%7D', '/?q=%7B%22pwd%22%3A%22[REDACTED]%22%7D'],
    ['/?to=https%3A%2F%2Fh%2F%3Ftoken%3Dabc&n=1', '/?to=https%3A%2F%2Fh%2F%3Ftoken%3D[REDACTED]&n=1'],
  ]);
});

test('values that differ do afterwards, within one recording, and equal ones are equal wherever they stand', () => {
  const recording = new Redaction([], keyedPlaceholders());
  const page = recording.text('hits{password="a"} 1\nhits{password="b"} 2\nhits{password="a",path="/b"} 3');
  const values = Array.from(page.matchAll(/password="(\[REDACTED:[0-9a-f]{10}\])"/g), ([, value = '']) => value);
  assert.equal(values.length, 3);
  assert.notEqual(values[0], values[1]);
  assert.equal(values[0], values[2]);
  assert.equal(recording.value('session.id', 'a'), values[0]);
  const attribute = { key: 'token', value: { stringValue: 'a' } };
  assert.deepEqual(recording.json(attribute), { key: 'token', value: { stringValue: values[0] } });
  assert.equal(recording.text(page), page);
  assert.notEqual(new Redaction([], keyedPlaceholders()).value('session.id', 'a'), values[0], 'in another recording');
});

test('attributes lose their values wherever they are: of resources, scopes, points, and within values', () => {
  const attribute = (key: string, value: unknown): object => ({ key, value });
  const hidden = [attribute('user.email', { intValue: '4711' }), attribute('auth_token', { stringValue: 'canary' })];
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

test('values keep their type: numbers and booleans stay, lists stay lists, but what the user names goes', () => {
  const cases: readonly (readonly [key: string, value: object, plain?: object])[] = [
    ['gen_ai.usage.input_tokens', { intValue: '512' }],
    ['token', { intValue: '512' }],
    ['password_changed', { boolValue: true }],
    ['secret', { doubleValue: 0.5 }],
    ['cookie', { stringValue: 'true' }],
    ['password', { stringValue: '' }],
    ['token', { stringValue: '512' }, { stringValue: '[REDACTED]' }],
    ['secret', { bytesValue: 'AAEC' }, { bytesValue: Buffer.from('[REDACTED]').toString('base64') }],
    [
      'http.request.header.authorization',
      { arrayValue: { values: [{ stringValue: 'x' }, { intValue: '1' }] } },
      { arrayValue: { values: [{ stringValue: '[REDACTED]' }, { intValue: '1' }] } },
    ],
    [
      'process.command_args',
      { arrayValue: { values: ['--password', 'X', '--port', '80'].map((stringValue) => ({ stringValue })) } },
      { arrayValue: { values: ['--password', '[REDACTED]', '--port', '80'].map((stringValue) => ({ stringValue })) } },
    ],
    [
      'process.command_args',
      { arrayValue: { values: ['/usr/bin/mysql', '-u', 'a:b', '-pX'].map((stringValue) => ({ stringValue })) } },
      {
        arrayValue: { values: ['/usr/bin/mysql', '-u', 'a:b', '-p[REDACTED]'].map((stringValue) => ({ stringValue })) },
      },
    ],
    [
      'process.command_args',
      { arrayValue: { values: ['curl', '-s', '-u', 'a:X', 'b'].map((stringValue) => ({ stringValue })) } },
      { arrayValue: { values: ['curl', '-s', '-u', 'a:[REDACTED]', 'b'].map((stringValue) => ({ stringValue })) } },
    ],
    ['user.email', { intValue: '5' }, { stringValue: '[REDACTED]' }],
    ['User.Email', { boolValue: true }, { stringValue: '[REDACTED]' }],
  ];
  for (const [key, value, plain = value] of cases) {
    const before = structuredClone({ key, value });
    assert.deepEqual(redaction.json(before), { key, value: plain }, key);
  }
});
