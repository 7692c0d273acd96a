import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Expander } from '../../src/config/expand.ts';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { toValue } from '../../src/config/positions.ts';
import { formatProblem, Problems } from '../../src/config/problem.ts';
import type { Files } from './load.ts';

type Env = Readonly<Record<string, string>>;

async function expand(text: string, env: Env = {}, files: Files = {}) {
  const problems = new Problems();
  const node = parseYaml({ file: 'a.yaml', text }, problems);
  assert.ok(node);
  const readFile = (path: string) => {
    const content = files[path];
    return content === undefined ? Promise.reject(new Error('no such file')) : Promise.resolve(content);
  };
  const expanded = await new Expander({ env, readFile }, problems).expand(node);
  return {
    node: expanded,
    value: toValue(expanded),
    errors: problems.errors.map(formatProblem),
    warnings: problems.warnings.map(formatProblem),
  };
}

const valueOf = async (text: string, env?: Env, files?: Files) => {
  const { value, errors } = await expand(text, env, files);
  assert.deepEqual(errors, []);
  return value;
};

test('variables are put in with and without the env: prefix and with defaults', async () => {
  const env = { HOST: 'db', EMPTY: '' };
  assert.equal(await valueOf('${env:HOST}', env), 'db');
  assert.equal(await valueOf('${HOST}', env), 'db');
  assert.equal(await valueOf('http://${HOST}:${env:PORT:-80}/${EMPTY}', env), 'http://db:80/');
  assert.equal(await valueOf('${NOPE:-fallback}', env), 'fallback');
  assert.equal(await valueOf('a${EMPTY:-fallback}', env), 'a', 'set but empty is set');
});

test('a whole value is read as YAML, inside text it is text', async () => {
  const env = { N: '8080', LIST: '[a, 2]', MAP: '{x: {y: true}}', TRUE: 'true' };
  assert.equal(await valueOf('${N}', env), 8080);
  assert.equal(await valueOf('${TRUE}', env), true);
  assert.equal(await valueOf('"${N}"', env), 8080, 'quotes around it change nothing, as in the Collector');
  assert.equal(await valueOf(':${N}', env), ':8080');
  assert.deepEqual(await valueOf('${LIST}', env), ['a', 2]);
  assert.deepEqual(await valueOf('${MAP}', env), { x: { y: true } });
});

test('a whole value keeps its text for fields that want text', async () => {
  for (const text of ['8080', '0123', 'true', '1e5', '[a]', '{a: b}', 'null', '~']) {
    const { node } = await expand('${X}', { X: text });
    assert.equal(node.text, text);
  }
});

test('text that only looks like YAML stays as it is', async () => {
  for (const text of ['"quoted"', 'a # b', '#hash', '@at', '[unclosed', '%x', 'a\\b']) {
    assert.equal(await valueOf('${X}', { X: text }), text);
  }
});

test('two dollars are one, and what is no expansion stays', async () => {
  assert.equal(await valueOf('$$'), '$');
  assert.equal(await valueOf('$${HOST}'), '${HOST}');
  assert.equal(await valueOf('$$${HOST}', { HOST: 'h' }), '$h');
  assert.equal(await valueOf('a$b ${unclosed'), 'a$b ${unclosed');
  assert.equal(await valueOf('^(.*)$'), '^(.*)$');
});

test('expansions may stand inside expansions, and unused defaults are not looked at', async () => {
  const env = { A: '${B}', B: 'b', NAME: 'B', KIND: 'A' };
  assert.equal(await valueOf('${A}', env), 'b');
  assert.equal(await valueOf('x${${NAME}}', env), 'xb');
  assert.equal(await valueOf('${env:NOPE:-${B}}', env), 'b');
  assert.equal(await valueOf('${B:-${NOPE}}', env), 'b');
  assert.equal(await valueOf('${env:${KIND}}', env), 'b');
});

test('files and inline YAML are put in', async () => {
  const files = { 'token.txt': 's3cret\n', 'part.yaml': 'a: 1\nb: ["${X}"]\n' };
  assert.equal(await valueOf('Bearer ${file:token.txt}', {}, files), 'Bearer s3cret');
  assert.equal(await valueOf('${file:token.txt}', {}, files), 's3cret');
  assert.deepEqual(await valueOf('p: ${file:part.yaml}', { X: '7' }, files), { p: { a: 1, b: [7] } });
  assert.deepEqual(await valueOf('"${yaml:{a: [1, 2]}}"'), { a: [1, 2] });
});

test('values from a YAML file know their place in it', async () => {
  const { node } = await expand('p: ${file:part.yaml}', {}, { 'part.yaml': 'a: 1\nb:\n  c: 2\n' });
  assert.ok(node.kind === 'map');
  const part = node.entries.get('p')?.value;
  assert.ok(part?.kind === 'map');
  assert.deepEqual(part.entries.get('b')?.keyAt, { file: 'part.yaml', line: 2, column: 1 });
});

test('an unset variable, a bad name, a missing file and an unknown source are errors at their place', async () => {
  const { errors } = await expand('a: ${env:HOTS}\nb: [x, "${1}"]\nc: ${file:no.txt}\nd: ${vault:x}\ne: ${env:}\n', {
    HOST: 'x',
  });
  assert.deepEqual(errors, [
    'a.yaml:1:4 a: the environment variable HOTS is not set, did you mean "HOST"?',
    'a.yaml:2:8 b[1]: "1" is not the name of an environment variable; write $${1} for the text itself',
    'a.yaml:3:4 c: ${file:no.txt} cannot be read (no such file)',
    'a.yaml:4:4 d: "vault" is not a source of values; write env:, file: or yaml:',
    'a.yaml:5:4 e: "" is not the name of an environment variable; write $${env:} for the text itself',
  ]);
});

test('a naked variable is left alone with a warning', async () => {
  const { value, warnings } = await expand('a: $HOST\nb: $1 $body $$HOST\n');
  assert.deepEqual(value, { a: '$HOST', b: '$1 $body $HOST' });
  assert.deepEqual(warnings, [
    'a.yaml:1:4 a: $HOST is not expanded; write ${env:HOST} for the variable or $$HOST for the text itself',
  ]);
});

test('circles and expansions that multiply end with one error', async () => {
  const circle = await expand('a: ${A}', { A: 'x${B}', B: '${A}' });
  assert.equal(circle.errors.length, 1);
  assert.match(circle.errors[0] ?? '', /a\.yaml:1:4 a: \$\{[AB]\} expands to itself/);
  const env: Record<string, string> = { V0: 'x'.repeat(100) };
  for (let i = 1; i < 40; i++) env[`V${i}`] = `\${V${i - 1}}\${V${i - 1}}`;
  const bomb = await expand('a: ${V39}', env);
  assert.equal(bomb.errors.length, 1);
  assert.match(bomb.errors[0] ?? '', /more than \d+ (expansions|characters)/);
});
