import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { diff } from '../../src/cli/diff.ts';
import { diffFixture, samplingConfig } from './diff-fixture.ts';

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function remora(...args: readonly string[]): Promise<Ended> {
  return remoraWith({}, ...args);
}

/** With these variables besides those of the tests. */
function remoraWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['src/main.ts', 'diff', ...args], { env: { ...process.env, ...env } });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output, errors })));
}

test('remora diff fails for what it is told to fail for, and only then', async (t) => {
  const { fixture, configs } = await diffFixture(t, 20);
  const usual = await remora(configs.all, configs.filter, '--fixture', fixture, '--format', 'markdown');
  assert.equal(usual.code, 0, usual.errors);
  assert.match(
    usual.output,
    /^### Effect of .*\n\n> \[!CAUTION\]\n> \*\*4 errors are lost\. 20 traces are broken\. Items -\d+ %, bytes -\d+ %\.\*\*\n/,
  );
  const failing = ['--fail-on', 'errors-lost,traces-broken'];
  const failed = await remora(configs.all, configs.filter, '--fixture', fixture, ...failing);
  assert.equal(failed.code, 1);
  assert.match(failed.errors, /failed: errors-lost: 4, traces-broken: 20/);
  assert.equal((await remora(configs.all, configs.all, '--fixture', fixture, ...failing)).code, 0);
});

test('remora diff says what is wrong with how it was called', async (t) => {
  const { fixture, configs } = await diffFixture(t, 1);
  const both = [configs.all, configs.tenth] as const;
  const usage = [
    [['--fixture', fixture], /Name two configurations/],
    [[...both, configs.all, '--fixture', fixture], /Name two configurations/],
    [[configs.all, '--new', configs.tenth, '--fixture', fixture], /Name two configurations/],
    [[configs.all, '--fixture', fixture], /Both sides are the same/],
    [['--old', configs.all, '--fixture', fixture], /Both sides are the same/],
    [[...both, '--against', 'main', '--fixture', fixture], /--against is about one configuration/],
    [[configs.all, '--against', '--output=x', '--fixture', fixture], /ambiguous|takes a revision/],
    [[configs.all, '--against=-p', '--fixture', fixture], /--against takes a revision of git/],
    [[...both], /Name a recording/],
    [[...both, '--fixture', fixture, '--fail-on', 'rain'], /--fail-on takes errors-lost/],
    [[...both, '--fixture', fixture, '--fail-on', 'errors-lost,'], /--fail-on takes errors-lost/],
    [[...both, '--fixture', fixture, '--format', 'pdf'], /--format takes text or markdown/],
    [[...both, '--fixture', fixture, '--env', '=1'], /--env takes NAME=value/],
    [[...both, '--fixture', fixture, '--new-env', 'A'], /--env takes NAME=value/],
    [[...both, '--fixture', fixture, '--top', '0'], /--top takes a number/],
  ] as const;
  for (const [args, message] of usage) await assert.rejects(diff(args), { name: 'TypeError', message });
});

test('remora diff tells all that is wrong with both configurations, as validate does, and replays nothing', async (t) => {
  const { fixture, configs, folder } = await diffFixture(t, 1);
  const valid = samplingConfig(100).replace('${env:UPSTREAM}', 'http://upstream:4318');
  const [one, two] = [join(folder, 'one.yaml'), join(folder, 'two.yaml')];
  await writeFile(one, valid.replace('percentage', 'percentag').replace('debug:', 'debug: { verbosity: 3 }'));
  await writeFile(two, valid.replace('traces:', 'traces: { receivers: [oltp] }\n    logs/more:'));
  // A second fixture does not tell the same again.
  const other = await diffFixture(t, 1);
  const { code, output, errors } = await remora(one, two, '--fixture', fixture, '--fixture', other.fixture);
  assert.equal(code, 2);
  assert.equal(output, '');
  const lines = errors.trimEnd().split('\n');
  assert.equal(lines.length, 4, errors);
  for (const line of lines) assert.match(line, /^error: \S+\/(?:one|two)\.yaml:\d+:\d+ \w+/);
  assert.match(
    errors,
    /one\.yaml:5:\d+ processors\.probabilistic_sampler\.sampling_percentag: unknown key, did you mean/,
  );
  assert.match(errors, /one\.yaml:8:\d+ exporters\.debug\.verbosity/);
  assert.match(
    errors,
    /two\.yaml:11:\d+ service\.pipelines\.traces\.receivers\[0\]: receiver "oltp" is not configured/,
  );
  assert.ok(
    lines.findLastIndex((line) => line.includes('one.yaml')) < lines.findIndex((line) => line.includes('two.yaml')),
  );
  const unset = await remora(configs.filter, configs.tenth, '--fixture', fixture);
  assert.match(unset.errors, /UPSTREAM is not set.*\nnote: variables are those of --env and of the manifest/s);
  const invalid = [
    [[configs.all, join(folder, 'none.yaml'), '--fixture', fixture], /^error: \S+none\.yaml: cannot be read/],
    [
      [configs.all, configs.tenth, '--fixture', fixture, '--exporter', 'backend'],
      /no exporter "backend" .* only otlphttp, debug/,
    ],
    [
      [configs.all, configs.tenth, '--fixture', folder, '--html', join(configs.all, 'page.html')],
      /page\.html: cannot be written/,
    ],
    [[configs.all, configs.tenth, '--fixture', join(folder, 'no')], /^error: \S+no: there is no such folder/],
  ] as const;
  for (const [args, message] of invalid) {
    const ended = await remora(...args);
    assert.match(ended.errors, message);
    assert.equal(ended.code, 2);
  }
});

test('a side is several configurations, and one configuration differs by its settings', async (t) => {
  const { fixture, configs, folder } = await diffFixture(t, 20);
  const over = join(folder, 'over.yaml');
  await writeFile(over, 'processors: { probabilistic_sampler: { sampling_percentage: 0 } }\n');
  const line = /^traces +60 +60 +0 +gone$/m;
  const several = await remora('--old', configs.all, '--new', configs.all, '--new', over, '--fixture', fixture);
  assert.match(several.output, line, several.errors);
  assert.match(several.output, /^new {2}\S+all\.yaml, \S+over\.yaml$/m);
  const setting = ['--new-set', 'processors.probabilistic_sampler.sampling_percentage=0', '--fixture', fixture];
  const set = await remora(configs.all, ...setting);
  assert.match(set.output, line, set.errors);
  assert.match(set.output, /^new {2}\S+all\.yaml with processors\.probabilistic_sampler\.sampling_percentage=0$/m);
});

test('a configuration may come through a pipe, which has its text once', async (t) => {
  const { fixture, configs } = await diffFixture(t, 5);
  const other = await diffFixture(t, 5, 'bank');
  const script = `"$0" src/main.ts diff <(cat "$1") "$1" --fixture "$2" --fixture "$3" --env UPSTREAM=http://upstream:4318`;
  const { stdout } = await promisify(execFile)('bash', [
    ...['-c', script, process.execPath],
    ...[configs.all, fixture, other.fixture],
  ]);
  assert.match(stdout, /^As much is delivered as before\. No error is lost\./);
});

/** A repository with the first of the configurations, committed to main. */
async function repository(t: TestContext) {
  const made = await diffFixture(t, 20);
  const git = (...args: readonly string[]) =>
    promisify(execFile)('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], { cwd: made.folder });
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', 'all.yaml');
  await git('commit', '--quiet', '-m', 'one');
  return { ...made, git };
}

test('a configuration is compared with what it was at a revision', async (t) => {
  const { fixture, configs } = await repository(t);
  await writeFile(configs.all, await readFile(configs.tenth, 'utf8').then((text) => text.replace(': 10,', ': 0,')));
  const { code, output, errors } = await remora(configs.all, '--against', 'main', '--fixture', fixture);
  assert.equal(code, 0, errors);
  assert.match(output, /^old {2}main:\S+all\.yaml\nnew {2}\/\S+all\.yaml$/m);
  assert.match(output, /^traces +60 +60 +0 +gone$/m);
});

test('a configuration that is new since the revision has nothing to be compared with, but has to be valid', async (t) => {
  const { fixture, configs } = await repository(t);
  const usual = ['--against', 'main', '--env', 'UPSTREAM=http://a.example', '--fixture', fixture];
  const { code, output, errors } = await remora(configs.tenth, ...usual);
  assert.deepEqual([code, errors], [0, '']);
  assert.match(output, /^\S+tenth\.yaml is not there at main: it is new, and there is nothing to compare it with\.\n$/);
  const partly = await remora('--new', configs.all, '--new', configs.tenth, ...usual);
  assert.match(partly.errors, /^error: --against: \S+tenth\.yaml is not there at main; name the old side with --old$/m);
  assert.equal(partly.code, 2);
  await writeFile(configs.tenth, 'receivers: { otpl: }\n');
  const invalid = await remora(configs.tenth, ...usual);
  assert.match(invalid.errors, /^error: .*tenth\.yaml:1:.*otpl/m);
  assert.equal(invalid.code, 2);
});

test('a configuration that was renamed since the revision is compared with what it was, tracked or not', async (t) => {
  const { fixture, configs, folder, git } = await repository(t);
  const changed = await readFile(configs.all, 'utf8').then((text) => text.replace(': 100,', ': 0,'));
  const moved = join(folder, 'pipelines', 'moved.yaml');
  await mkdir(dirname(moved));
  await rm(configs.all);
  await writeFile(moved, changed);
  const env = ['--env', 'UPSTREAM=http://a.example'];
  const compared = async (): Promise<void> => {
    const { code, output, errors } = await remora(moved, '--against', 'main', ...env, '--fixture', fixture);
    assert.equal(code, 0, errors);
    assert.match(output, /^old {2}main:\S+\/all\.yaml\nnew {2}\S+\/pipelines\/moved\.yaml$/m);
    assert.match(
      output,
      /^note: \S+moved\.yaml was \S+\/all\.yaml at main: git takes it for renamed, with \d+ % in common$/m,
    );
    assert.match(output, /^traces +60 +60 +0 +gone$/m);
  };
  const before = await git('status', '--porcelain');
  await compared();
  assert.equal((await git('status', '--porcelain')).stdout, before.stdout, 'the index stays as it is');
  await git('add', '--all');
  await git('commit', '--quiet', '-m', 'two');
  await git('branch', 'later');
  await git('reset', '--quiet', '--soft', 'HEAD~1');
  await compared();
  // The folder that it was in is gone.
  await writeFile(configs.all, changed);
  await rm(dirname(moved), { recursive: true });
  const back = await remora(configs.all, '--against', 'later', ...env, '--fixture', fixture);
  assert.equal(back.code, 0, back.errors);
  assert.match(back.output, /^old {2}later:\S+\/pipelines\/moved\.yaml$/m);
});

test('a configuration with nothing like it at the revision is new, also where another one went', async (t) => {
  const { fixture, configs } = await repository(t);
  await rm(configs.all);
  const { code, output, errors } = await remora(
    ...[configs.filter, '--against', 'main', '--env', 'UPSTREAM=http://a.example', '--fixture', fixture],
  );
  assert.deepEqual([code, errors], [0, '']);
  assert.match(output, /filter\.yaml is not there at main: it is new/);
});

test('why nothing can be read at a revision is told with what to do', async (t) => {
  const { fixture, configs, folder } = await repository(t);
  const told = async (revision: string, env: Readonly<Record<string, string>>, path = configs.all): Promise<string> => {
    const { code, errors } = await remoraWith(env, path, '--against', revision, '--fixture', fixture);
    assert.equal(code, 2, errors);
    return errors;
  };
  assert.match(
    await told('origin/main', {}),
    /^error: --against: git does not know origin\/main; in GitHub Actions check out with "fetch-depth: 0", .*\n$/,
  );
  assert.match(
    await told('main', { PATH: folder }),
    /^error: --against: git is not installed here; where it is, run "git show main:\.\/\S+ > old\.yaml", and then "remora diff old\.yaml \S+"\n$/,
  );
  const others = { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  assert.match(
    await told('main', others),
    /^error: --against: git: detected dubious ownership in repository at '.+'; run "git config --global --add safe\.directory \/.+" as this user, or where/,
  );
  const outside = { GIT_CEILING_DIRECTORIES: dirname(folder) };
  await rm(join(folder, '.git'), { recursive: true });
  assert.match(await told('main', outside), /^error: --against: git: not a git repository/);
});

test('an outage of an exporter that one side calls otherwise is told, instead of happening to the other side alone', async (t) => {
  const { fixture, configs, folder } = await diffFixture(t, 20);
  const renamed = join(folder, 'renamed.yaml');
  await writeFile(renamed, (await readFile(configs.all, 'utf8')).replaceAll('otlphttp', 'otlphttp/b'));
  const path = join(fixture, 'manifest.yaml');
  const manifest = await readFile(path, 'utf8');
  const phase = (name: string): string => `  - { exporter: ${name}, from: 10s, answer: unreachable }\n`;
  const withPhases = (text: string): Promise<void> => writeFile(path, `${manifest}upstream:\n${text}`);
  const env = ['--env', 'UPSTREAM=http://upstream:4318', '--fixture', fixture];

  await withPhases(phase('otlphttp'));
  for (const [side, sides] of [
    ['new', [configs.all, renamed]],
    ['old', [renamed, configs.all]],
  ] as const) {
    const { code, output, errors } = await remora(...sides, ...env);
    assert.equal(code, 2);
    assert.equal(output, '');
    assert.match(
      errors,
      /^error: \S+manifest\.yaml:10:17 upstream\[0\]\.exporter: the \w+ configuration has no exporter "otlphttp", .*leave "exporter" out when it is for all/,
    );
    assert.ok(errors.includes(`the ${side} configuration`) && errors.includes('add a phase for otlphttp/b'), errors);
  }
  // Of a configuration that has neither, it is not known what should happen.
  await withPhases(phase('otlphttp/c'));
  assert.equal((await remora(configs.all, configs.tenth, ...env)).code, 2);
  for (const text of [phase('otlphttp') + phase('otlphttp/b'), phase('otlphttp').replace('exporter: otlphttp, ', '')]) {
    await withPhases(text);
    const both = await remora(configs.all, renamed, ...env);
    assert.equal(both.code, 0, both.errors);
    assert.match(both.output, /As much is delivered as before/);
  }
});

test('a diff that is to fail for what was never there proves nothing, and says so', async (t) => {
  const { fixture, configs } = await diffFixture(t, 20);
  const nothing = 'probabilistic_sampler: { sampling_percentage: 0 }';
  const none = (await readFile(configs.all, 'utf8')).replace(/probabilistic_sampler: \{.*\}/, nothing);
  await writeFile(configs.tenth, none.replace('    logs: ', '    logs/none: ').replace(/ {4}logs.*\n/, ''));
  const args = ['--fixture', fixture, '--env', 'UPSTREAM=http://upstream:4318'];
  const gate = await remora(configs.tenth, configs.all, ...args, '--fail-on', 'errors-lost,traces-broken');
  assert.equal(gate.code, 2);
  assert.match(
    gate.errors,
    /^error: --fail-on errors-lost: the old configuration delivers no error .*proves nothing$/m,
  );
  assert.match(gate.errors, /^error: --fail-on traces-broken: the old configuration delivers no trace .*whole/m);
  assert.equal((await remora(configs.tenth, configs.all, ...args)).code, 0);
  // A forgotten file of requests is not "No error is lost".
  await rm(join(fixture, 'requests.jsonl'));
  const empty = await remora(configs.all, configs.all, ...args);
  assert.equal(empty.code, 2);
  assert.match(empty.errors, /^error: \S+manifest\.yaml:1: the fixture has no input: .*was it committed\?$/m);
});
