import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileGlobs } from '../../../src/receivers/filelog/glob.ts';

function matches(pattern: string, path: string): boolean {
  return compileGlobs(pattern, '/base').some(({ regex }) => regex.test(path));
}

test('patterns match as the Collector matches them', () => {
  const yes = [
    ['/var/log/*.log', '/var/log/app.log'],
    ['/var/log/*.log', '/var/log/.hidden.log'],
    ['/var/log/**/*.log', '/var/log/app.log'],
    ['/var/log/**/*.log', '/var/log/a/b/app.log'],
    ['/var/**', '/var/a/b'],
    ['logs/?.log', '/base/logs/a.log'],
    ['./logs/../x.log', '/base/x.log'],
    ['/a/{b,c{1,2}}.log', '/a/c2.log'],
    ['/a/[a-c]x[!0-9]', '/a/bxz'],
    ['/a/\\*.log', '/a/*.log'],
    ['/a/b+(c).log', '/a/b+(c).log'],
    ['/a/line\nbreak*', '/a/line\nbreak.log'],
  ] as const;
  for (const [pattern, path] of yes) assert.ok(matches(pattern, path), `${pattern} takes ${path}`);
  const no = [
    ['/var/log/*.log', '/var/log/a/app.log'],
    ['/var/log/*.log', '/var/log/app.log.1'],
    ['/a/?.log', '/a/bb.log'],
    ['/a/[!b]', '/a/b'],
    ['/a/\\*.log', '/a/b.log'],
    ['/a.log', '/axlog'],
  ] as const;
  for (const [pattern, path] of no) assert.ok(!matches(pattern, path), `${pattern} refuses ${path}`);
});

test('a pattern that is not closed is refused', () => {
  for (const pattern of ['/a/[b', '/a/{b', '/a/[]', '/']) assert.throws(() => compileGlobs(pattern, '/'), SyntaxError);
});

test('the walk starts at the directory above the first pattern', () => {
  assert.equal(compileGlobs('/var/log/app/*.log', '/')[0]?.root, '/var/log/app');
  assert.equal(compileGlobs('/var/log/app.log', '/')[0]?.root, '/var/log');
  assert.equal(compileGlobs('**/x', '/base')[0]?.root, '/base');
});
