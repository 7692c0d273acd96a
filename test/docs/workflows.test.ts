import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { isRecord } from '../../src/config/records.ts';
import { fixtureFolder, MANIFEST, spansLine } from '../replay/fixture-folder.ts';
import { temporaryDirectory } from '../support/remora.ts';
import { blocksOf, documents, ROOT, textOf, type Block } from './documents.ts';

/** What the pages say of CI and of pods is run, but for the container around it. */

async function blocks(begin: string): Promise<Block[]> {
  const pages = await Promise.all(documents().map(async (path) => blocksOf(path, await textOf(path))));
  return pages.flat().filter(({ text }) => text.startsWith(begin));
}

/** The commands of a list of steps, or of a whole workflow with one job. */
function commandsOf(text: string): string[] {
  const parsed: unknown = parse(text);
  const jobs = isRecord(parsed) && isRecord(parsed['jobs']) ? Object.values(parsed['jobs']) : [];
  const steps: unknown = Array.isArray(parsed) ? parsed : isRecord(jobs[0]) ? jobs[0]['steps'] : undefined;
  assert.ok(Array.isArray(steps));
  return steps.flatMap((step: unknown) => {
    assert.ok(isRecord(step) && (typeof step['run'] === 'string' || typeof step['uses'] === 'string'));
    return typeof step['run'] === 'string' ? [step['run']] : [];
  });
}

/** A repository with a pipeline and a recording, as it is on a runner; its `docker` runs this checkout, without git. */
async function repository(t: TestContext): Promise<string> {
  const recorded = await fixtureFolder(t, { 'requests.jsonl': spansLine(1, [{ trace: 1, id: 1, isError: true }]) });
  const folder = await temporaryDirectory(t);
  const fixture = join(folder, 'fixtures/checkout');
  await cp(recorded, fixture, { recursive: true });
  await cp(join(fixture, 'config.yaml'), join(folder, 'pipeline.yaml'));
  await writeFile(join(fixture, 'manifest.yaml'), MANIFEST.replace('[config.yaml]', '[../../pipeline.yaml]'));
  const run = `exec env PATH=/nowhere '${process.execPath}' '${join(ROOT, 'src/main.ts')}' "$@"`;
  await mkdir(join(folder, 'bin'));
  await writeFile(
    join(folder, 'bin/docker'),
    `#!/bin/sh\nset -e\nwhile [ "$1" != "$REMORA" ]; do shift; done\nshift\n${run}\n`,
  );
  await chmod(join(folder, 'bin/docker'), 0o755);
  execFileSync(process.execPath, [join(ROOT, 'src/main.ts'), 'replay', '--update'], { cwd: folder });
  const git = (...args: readonly string[]): Buffer =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], { cwd: folder });
  git('init', '--quiet', '--initial-branch=main');
  git('add', 'pipeline.yaml', 'fixtures');
  git('commit', '--quiet', '-m', 'one');
  git('update-ref', 'refs/remotes/origin/main', 'HEAD');
  return folder;
}

function runStep(command: string, folder: string): { status: number | null; output: string } {
  const env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    REMORA: 'registry.example/remora',
    GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
  };
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', command], { cwd: folder, env, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('the steps of CI in the pages pass for what is unchanged, and fail for a change that loses something', async (t) => {
  const folder = await repository(t);
  const all = await blocks('# GitHub Actions');
  assert.ok(all.some(({ path }) => path === 'README.md') && all.some(({ path }) => path === 'docs/replay.md'));
  const commands = all.flatMap(({ text }) => commandsOf(text));
  assert.ok(commands.length >= 3);
  for (const command of commands) {
    const { status, output } = runStep(command, folder);
    assert.equal(status, 0, `${command}\n${output}`);
  }
  assert.match(await readFile(join(folder, 'summary.md'), 'utf8'), /^### Effect of .*\n\n\*\*As much is delivered/);
  assert.match(await readFile(join(folder, 'out/effect.html'), 'utf8'), /^<!doctype html>/);
  assert.match(await readFile(join(folder, 'out/replay.xml'), 'utf8'), /failures="0"/);
  const pipeline = join(folder, 'pipeline.yaml');
  const changed = (await readFile(pipeline, 'utf8')).replace(
    'traces: { receivers: [otlp],',
    'traces: { receivers: [otlp/other],',
  );
  await writeFile(
    pipeline,
    changed.replace('  filelog:', '  otlp/other: { protocols: { http: { endpoint: 127.0.0.1:1 } } }\n  filelog:'),
  );
  const replay = commands.find((command) => command.includes('replay --github'));
  assert.ok(replay !== undefined);
  const failed = runStep(replay, folder);
  assert.equal(failed.status, 1, failed.output);
  assert.match(failed.output, /^::error file=fixtures\/checkout\/manifest\.yaml,/m);
});

test('the sidecar in the pages that records names options and files that there are', async () => {
  const [block, ...others] = (await blocks('# Kubernetes')).filter(({ path }) => path === 'docs/replay.md');
  assert.ok(block !== undefined && others.length === 0);
  const parsed: unknown = parse(block.text);
  const container: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  assert.ok(isRecord(container) && Array.isArray(container['args']));
  const [command, ...args] = container['args'].map(String);
  assert.equal(command, 'record');
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), 'record', '--help'], { encoding: 'utf8' });
  const options = args.filter((arg) => arg.startsWith('--'));
  assert.ok(options.includes('--then-run'));
  for (const option of options) assert.ok(stdout.includes(option), option);
  const path = /^\/app\/(pipelines\/\S+)$/.exec(args[args.indexOf('--config') + 1] ?? '')?.[1] ?? '';
  assert.ok((await textOf(path)).length > 0);
  // What the image runs by itself stays as it is.
  assert.ok(!('command' in container));
});
