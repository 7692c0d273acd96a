import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { LineCounts } from '../support/line-counts.ts';
import { lineUpstream, numbersOf } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * Debian's logrotate at work on the logs of five programs, each rotated and written in another way.
 *
 * `LOGROTATE_SECONDS=300 LOGROTATE_LINES=20000 node --test test/scenario/logrotate.test.ts` is the full form, with so many
 * lines a second from each program.
 *
 * What holds: of a file that is rotated by rename, every line arrives once. Of one that is copied and truncated, none
 * arrives twice, and every line that is in the file or in one of its copies arrives, as long as a copy stays uncompressed
 * (`delaycompress`) until it was found: what had not been read of the file is read from the copy. What was written after
 * the copy and before the truncation is lost, which logrotate documents; only Remora may have been fast enough for it.
 */
const SECONDS = Number(process.env['LOGROTATE_SECONDS'] ?? 6);
const PER_SECOND = Number(process.env['LOGROTATE_LINES'] ?? 2000);
const COUNT = SECONDS * PER_SECOND;
const WRITER = fileURLToPath(new URL('../support/writer.ts', import.meta.url));
const PROGRAMS = [
  { name: 'created', how: 'reopen', rules: 'create' },
  { name: 'compressed', how: 'reopen', rules: 'create\n  compress\n  delaycompress' },
  { name: 'sized', how: 'reopen', rules: 'create\n  maxsize 100k' },
  { name: 'truncated', how: 'append', rules: 'copytruncate\n  compress\n  delaycompress' },
  { name: 'stale', how: 'stale', rules: 'copytruncate' },
] as const;

function hasLogrotate(): boolean {
  return spawnSync('logrotate', ['--version']).error === undefined;
}

/** Who is root is asked for by logrotate where others may write, as in a temporary directory. */
const AS_ROOT = process.getuid?.() === 0 ? '\n  su root root' : '';

function config(directory: string): string {
  return PROGRAMS.map(
    ({ name, rules }) => `
${directory}/${name}/app.log {${AS_ROOT}
  daily
  rotate 1000
  missingok
  ${rules}
}
`,
  ).join('');
}

const ENOUGH_ROTATIONS = 4;

/**
 * What must be so before the next rotation, however slow the machine is: what was rotated last was read, since the next
 * one compresses it, and programs that open anew have done so.
 */
function isSettled(directory: string, counts: LineCounts, isOver: boolean): boolean {
  return PROGRAMS.every(({ name, how }) => {
    const [file, last] = [join(directory, name, 'app.log'), join(directory, name, 'app.log.1')];
    if (existsSync(last) && !numbersOf(readFileSync(last)).every((number) => counts.has(number))) return false;
    return isOver || how !== 'reopen' || (existsSync(file) && statSync(file).size > 0);
  });
}

/** Rotates until `over`; the number of rotations. Files with a size are left to it to decide every other time. */
async function rotating(directory: string, counts: LineCounts, isOver: () => boolean): Promise<number> {
  const path = join(directory, 'logrotate.conf');
  writeFileSync(path, config(directory), { mode: 0o644 });
  let rotations = 0;
  while (!isOver() || rotations < ENOUGH_ROTATIONS) {
    await pause(Math.max(700, SECONDS * 20));
    await until(() => isSettled(directory, counts, isOver()), 'what was rotated was read');
    const force = rotations % 2 === 0 ? ['--force'] : [];
    const run = spawn('logrotate', [...force, '--state', join(directory, 'logrotate.state'), path]);
    let said = '';
    run.stderr.on('data', (part: Buffer) => (said += part.toString()));
    await once(run, 'close');
    assert.equal(run.exitCode, 0, said);
    rotations += 1;
  }
  return rotations;
}

async function writing(directory: string): Promise<void> {
  const programs = PROGRAMS.map(async ({ name, how }, index) => {
    const args = [join(directory, name, 'app.log'), index * COUNT, COUNT, PER_SECOND, how].map(String);
    const program = spawn(process.execPath, [WRITER, ...args], { stdio: 'inherit' });
    await once(program, 'close');
    assert.equal(program.exitCode, 0);
  });
  await Promise.all(programs);
}

/** Numbers of the lines that are in the files of a program, whatever logrotate made of them. */
function kept(directory: string): Set<number> {
  const numbers = new Set<number>();
  for (const file of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, file));
    for (const number of numbersOf(file.endsWith('.gz') ? gunzipSync(bytes) : bytes)) numbers.add(number);
  }
  return numbers;
}

function check(t: Test, directory: string, counts: LineCounts): void {
  for (const [index, { name, rules }] of PROGRAMS.entries()) {
    const numbers = Array.from({ length: COUNT }, (_, n) => index * COUNT + n);
    const onDisk = kept(join(directory, name));
    const missing = numbers.filter((number) => onDisk.has(number) && !counts.has(number));
    const unseen = numbers.filter((number) => !onDisk.has(number) && !counts.has(number));
    const repeated = numbers.filter((number) => counts.get(number) > 1);
    t.diagnostic(
      `${name}: ${COUNT} lines, ${missing.length} on disk did not arrive, ${unseen.length} lost by logrotate, ${repeated.length} repeated`,
    );
    assert.deepEqual(repeated.slice(0, 5), [], `${name}: lines arrived twice`);
    assert.deepEqual(missing.slice(0, 5), [], `${name}: lines are missing`);
    if (rules.startsWith('create')) assert.deepEqual(unseen.slice(0, 5), [], `${name}: lines are nowhere`);
  }
}

test(
  `logrotate for ${SECONDS} s against five programs of ${PER_SECOND} lines a second`,
  { skip: hasLogrotate() ? false : 'logrotate is not installed (apt-get install logrotate)' },
  async (t) => {
    const upstream = await lineUpstream();
    t.after(() => upstream[Symbol.asyncDispose]());
    const directory = await temporaryDirectory(t);
    for (const { name } of PROGRAMS) await mkdir(join(directory, name), { mode: 0o755 });
    const metricsPort = await freePort();
    const remora = await startRemora(t, {
      configs: [
        `
receivers: { filelog: { include: [${directory}/*/app.log], start_at: beginning, storage: file_storage, poll_interval: 50ms } }
exporters: { otlphttp: { endpoint: ${upstream.url}, compression: none, sending_queue: { sizer: bytes, queue_size: 16777216 } } }
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service: { extensions: [file_storage], pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } } }
`,
      ],
      sets: [metricsOn(metricsPort)],
    });
    let isOver = false;
    const written = writing(directory);
    // What is copied and truncated before it was read for the first time cannot be told from any other file.
    await until(() => PROGRAMS.every((_, index) => upstream.counts.has(index * COUNT)), 'every program has begun');
    const rotations = rotating(directory, upstream.counts, () => isOver);
    await written;
    isOver = true;
    const count = await rotations;
    const metric = async (name: string): Promise<number> => (await metricsPage(metricsPort)).value(name) ?? 0;
    await until(async () => (await metric('remora_filelog_unread_bytes')) === 0, 'everything is read');
    t.diagnostic(`${count} rotations; ${await metric('remora_filelog_lost_bytes_total')} bytes counted as lost`);
    const ended = await remora.stop();
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ledgerOf(ended).closed, ended.stderr);
    check(t, directory, upstream.counts);
    assert.ok(count >= ENOUGH_ROTATIONS);
  },
);
