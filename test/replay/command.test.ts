import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { remoraCommand } from '../support/remora.ts';
import { appendLine, CONFIG, fixtureFolder, INPUT, MANIFEST, spansLine } from './fixture-folder.ts';

/** `remora replay` as CI runs it. */
function replay(t: TestContext, ...args: string[]) {
  return remoraCommand(t, ['replay', ...args]);
}

/** A fixture whose output is expected as it is. */
async function expectedFolder(t: TestContext): Promise<string> {
  const folder = await fixtureFolder(t);
  assert.equal((await replay(t, folder, '--update')).code, 0);
  return folder;
}

/** Another value of an attribute, and one span less. */
const CHANGED =
  spansLine(1, [{ trace: 1, id: 1, attributes: { 'http.route': '/<b>&"' } }]) + spansLine(2, [{ trace: 2, id: 2 }]);

test('what nobody expects yet fails, --update expects it, then it passes', async (t) => {
  const folder = await fixtureFolder(t);
  const first = await replay(t, folder);
  assert.equal(first.code, 1);
  assert.match(first.stdout, /FAILED {3}app\/app .*\n.*expected\n.*outcome\n.*--update/);
  const update = await replay(t, folder, '--update');
  assert.equal(update.code, 0);
  assert.match(update.stdout, /1 replay: 0 passed, 0 failed, 0 invalid, 1 updated/);
  const names = [
    'metrics.txt',
    'otlphttp.logs.jsonl',
    'otlphttp.metrics.jsonl',
    'otlphttp.traces.jsonl',
    'outcome.json',
  ];
  assert.deepEqual((await readdir(join(folder, 'expected/app'))).sort(), names);
  const again = await replay(t, folder);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /ok {7}app\/app/);
  const before = await readFile(join(folder, 'expected/app/outcome.json'));
  assert.match((await replay(t, folder, '--update')).stdout, /1 passed, .* 0 updated/);
  assert.deepEqual(await readFile(join(folder, 'expected/app/outcome.json')), before);
});

test('what differs is named in the text, in the annotation and in well-formed XML', async (t) => {
  const folder = await expectedFolder(t);
  await writeFile(join(folder, 'requests.jsonl'), CHANGED);
  const junit = join(dirname(folder), 'junit.xml');
  const { code, stdout } = await replay(t, folder, '--github', '--junit', junit);
  assert.equal(code, 1);
  assert.match(stdout, /exporter otlphttp traces\n +~ span 0{15}1 of trace 0{31}1 "GET \/cart"\n/);
  assert.match(stdout, / +- span 0{15}3 of trace 0{31}3/);
  const annotation = stdout.split('\n').find((line) => line.startsWith('::error'));
  assert.match(
    annotation ?? '',
    /^::error file=[^,]*manifest\.yaml,title=replay app\/app%3A traces%3A 1 missing%2C 1 changed; .*::/,
  );
  assert.match(annotation ?? '', /%0A/);
  const xml = await readFile(junit, 'utf8');
  assert.deepEqual(elementsOf(xml), ['testsuites', 'testsuite', 'testcase', 'failure']);
  assert.match(xml, /tests="1" failures="1" errors="0"/);
  assert.match(xml, /&lt;b&gt;&amp;/);
});

test('several fixtures run in processes of their own, and are told in the reports in order', async (t) => {
  const first = await fixtureFolder(t, { 'manifest.yaml': MANIFEST.replace(/replays[^]*/, TWO) });
  const second = await fixtureFolder(t, { 'requests.jsonl': '{\n' }, 'broken');
  const junit = join(dirname(first), 'reports', 'replay', 'junit.xml');
  assert.equal((await replay(t, first, '--update', '--parallel', '2')).code, 0);
  const { code, stdout } = await replay(t, first, second, '--parallel', '3', '--junit', junit, '--github');
  assert.equal(code, 2);
  assert.match(stdout, /INVALID {2}broken\/app\n +.*requests\.jsonl:1: is not JSON/);
  assert.match(stdout, /3 replays: 2 passed, 0 failed, 1 invalid/);
  assert.match(stdout, /^::error .*title=replay broken\/app%3A invalid::/m);
  const xml = await readFile(junit, 'utf8');
  assert.deepEqual(
    Array.from(xml.matchAll(/<testcase.*? name="(.*?)"/g), ([, name]) => name),
    ['app/one', 'app/two', 'broken/app'],
  );
  assert.deepEqual(elementsOf(xml), ['testsuites', 'testsuite', 'testcase', 'testcase', 'testcase', 'error']);
  const filtered = await replay(t, first, second, '--filter', 'app/t');
  assert.equal(filtered.code, 0);
  assert.match(filtered.stdout, /1 replay: 1 passed/);
});

const TWO = 'replays:\n  one: { config: [config.yaml] }\n  two: { config: [config.yaml], expect: digest }\n';

test('a digest tells that something differs, and keeps no items', async (t) => {
  const folder = await fixtureFolder(t, {
    'manifest.yaml': MANIFEST.replace('config.yaml]', 'config.yaml], expect: digest'),
  });
  assert.equal((await replay(t, folder, '--update')).code, 0);
  assert.deepEqual((await readdir(join(folder, 'expected/app'))).sort(), ['metrics.txt', 'outcome.json']);
  assert.equal((await replay(t, folder)).code, 0);
  await writeFile(join(folder, 'requests.jsonl'), CHANGED);
  const { code, stdout } = await replay(t, folder);
  assert.equal(code, 1);
  assert.match(stdout, /exporter otlphttp traces\n +~ 3 items expected, 2 came/);
});

test('exit codes: 2 for what is not valid, and 2 for a wrong use', async (t) => {
  const folder = await fixtureFolder(t, { 'config.yaml': `${CONFIG}colour: red\n` });
  const invalid = await replay(t, folder);
  assert.equal(invalid.code, 2);
  assert.match(invalid.stdout, /config\.yaml:\d+:1 colour/);
  const none = await replay(t, join(folder, 'none'));
  assert.equal(none.code, 2);
  assert.match(none.stderr, /there is no such folder/);
  for (const args of [['--limit', 'soon'], ['--parallel', '0'], ['--colour']]) {
    const { code, stderr } = await replay(t, folder, ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /--(limit|parallel|colour)/);
  }
});

test('a report that cannot be written is told, and its exit code is none of a replay', async (t) => {
  const folder = await expectedFolder(t);
  const { code, stdout, stderr } = await replay(t, folder, '--junit', '/proc/nobody/junit.xml');
  assert.match(stdout, /1 replay: 1 passed/);
  assert.match(stderr, /^error: \/proc\/nobody\/junit\.xml: cannot be written \(ENOENT[^\n]*\)$/m);
  assert.equal(code, 2);
});

test('a manifest with a mistake is in the reports, and the other fixtures are replayed', async (t) => {
  const folder = await expectedFolder(t);
  const broken = await fixtureFolder(t, { 'manifest.yaml': `${MANIFEST}colour: red\n` }, 'broken');
  const { code, stdout } = await replay(t, folder, folder, broken, '--github');
  assert.equal(code, 2);
  assert.match(stdout, /ok {7}app\/app/);
  assert.match(stdout, /INVALID {2}broken\n +.*manifest\.yaml:7:1 colour/);
  assert.match(stdout, /2 replays: 1 passed, 0 failed, 1 invalid/);
  assert.match(stdout, /^::error .*title=replay broken%3A invalid::/m);
});

test('--limit stops a replay that goes on beyond it', async (t) => {
  const { code, stdout } = await replay(t, await fixtureFolder(t), '--limit', '10s');
  assert.equal(code, 2);
  assert.match(stdout, /beyond the bound of 10s of virtual time/);
});

/** The elements in order of their start; throws where the XML is not well-formed. */
function elementsOf(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  const rest = xml.replaceAll(
    /<\?xml [^?]*\?>|<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g,
    (_, slash, name: string, attributes = '', empty) => {
      if (slash === '/') assert.equal(open.pop(), name);
      else if (typeof name === 'string') {
        names.push(name);
        if (empty === '') open.push(name);
      }
      return String(attributes);
    },
  );
  assert.doesNotMatch(rest, /<|&(?!(amp|lt|gt|quot);)/);
  assert.deepEqual(open, []);
  return names;
}

test('files that nobody read are told, fail nothing by themselves, and are part of what is expected', async (t) => {
  const other = ['b', 'c', 'd', 'e'].map((name) => appendLine(4, 'lost\n', `/var/log/other/${name}.log`)).join('');
  const files = `${INPUT['files.jsonl']}${other}`;
  const folder = await fixtureFolder(t, { 'files.jsonl': files });
  const updated = await replay(t, folder, '--update');
  const note =
    '    note: nobody read /var/log/other/b.log, /var/log/other/c.log, /var/log/other/d.log and 1 more files\n';
  assert.ok(updated.stdout.includes(note), updated.stdout);
  const passed = await replay(t, folder);
  assert.equal(passed.code, 0);
  assert.ok(passed.stdout.includes(note), passed.stdout);
  // The include of the configuration no longer has the file that it had.
  await writeFile(join(folder, 'config.yaml'), CONFIG.replace('/var/log/app/*.log', '/var/log/App/*.log'));
  const failed = await replay(t, folder);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /unreadFiles\n +\[0\]: "\/var\/log\/other\/b\.log" -> "\/var\/log\/app\/app\.log"/);
});
