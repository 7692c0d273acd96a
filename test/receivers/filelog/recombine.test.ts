import assert from 'node:assert/strict';
import { appendFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { HurriedClock } from '../../support/hurried-clock.ts';
import { LeapingClock } from '../../support/leaping-clock.ts';
import { until } from '../../support/until.ts';
import { issuesOf } from './operating.ts';
import { bodies, frozenStorage, records, startRig, storageIn, tempDirectory, text, type Rig } from './support.ts';

/** The bodies of the records that come of a file with these lines; the last one by flushing. */
async function combined(
  t: TestContext,
  operator: Record<string, unknown>,
  lines: readonly string[],
): Promise<unknown[]> {
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  const operators = [{ type: 'recombine', force_flush_period: '1h', ...operator }];
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
  await until(() => rig.context.meter.total('remora_filelog_unread_bytes') === 0, 'the file is read');
  await rig.stop();
  return bodies(rig.consumer);
}

const LOGS = ['log2', 'log3', 'log4', 'log5', 'log1', 'log6', 'log7', 'log1', 'log8', 'log1'];

test('the documented cases of max_unmatched_batch_size', async (t) => {
  const first = { is_first_entry: "body == 'log1'" };
  const last = { is_last_entry: "body == 'log1'" };
  assert.deepEqual(await combined(t, { ...first, max_unmatched_batch_size: 0 }, LOGS), [
    'log2\nlog3\nlog4\nlog5',
    'log1\nlog6\nlog7',
    'log1\nlog8',
    'log1',
  ]);
  assert.deepEqual(await combined(t, { ...first, max_unmatched_batch_size: 1 }, LOGS), [
    ...['log2', 'log3', 'log4', 'log5'],
    ...['log1\nlog6\nlog7', 'log1\nlog8', 'log1'],
  ]);
  assert.deepEqual(await combined(t, { ...first, max_unmatched_batch_size: 3 }, LOGS), [
    ...['log2\nlog3\nlog4', 'log5'],
    ...['log1\nlog6\nlog7', 'log1\nlog8', 'log1'],
  ]);
  assert.deepEqual(await combined(t, { ...last, max_unmatched_batch_size: 3 }, LOGS), [
    ...['log2\nlog3\nlog4', 'log5\nlog1'],
    ...['log6\nlog7\nlog1', 'log8\nlog1'],
  ]);
});

test('a bound in lines or bytes ends a record, which is marked and counted', async (t) => {
  for (const [reason, bound] of [
    ['lines', { max_batch_size: 2 }],
    ['bytes', { max_log_size: 6 }],
  ] as const) {
    const path = join(tempDirectory(t), 'app.log');
    writeFileSync(path, 'first\n  a\n  b\nnext\n');
    const operators = [{ type: 'recombine', is_first_entry: 'body matches "^\\\\S"', ...bound }];
    const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
    await until(() => rig.context.meter.total('remora_filelog_unread_bytes') === 0, 'the file is read');
    await rig.stop();
    const all = records(rig.consumer.batches);
    assert.deepEqual(
      all.map(({ body }) => body),
      ['first\n  a', '  b', 'next'],
    );
    assert.deepEqual(
      all.map(({ attributes }) => attributes.get('log.record.cut')),
      [true, undefined, undefined],
    );
    const count = rig.context.meter.value('remora_filelog_incomplete_records', { receiver: 'filelog', reason });
    assert.equal(count, 1);
  }
});

const TRACE = [
  '2026-01-01 10:00:00 ERROR failed',
  'java.lang.IllegalStateException: no',
  '\tat com.example.App.run(App.java:10)',
  'Caused by: java.io.IOException: disk',
  '\t... 3 more',
];

test('stack traces of a preset are one record with the line before them', async (t) => {
  const lines = ['2026-01-01 09:59:59 INFO fine', ...TRACE, '2026-01-01 10:00:01 INFO on'];
  const wanted = [lines[0], TRACE.join('\n'), lines.at(-1)];
  for (const preset of ['java', ['python', 'java'], 'all']) {
    assert.deepEqual(await combined(t, { preset }, lines), wanted);
    // The same as one operator among others.
    assert.deepEqual(await combined(t, { preset, output: 'noop' }, lines), wanted);
  }
});

test('a record that does not grow is sent after the flush period', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, `${TRACE.join('\n')}\n`);
  const operators = [{ type: 'recombine', preset: 'java', force_flush_period: '20ms' }];
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
  await until(() => rig.consumer.items === 1, 'the trace arrived');
  assert.deepEqual(bodies(rig.consumer), [TRACE.join('\n')]);
  assert.equal(rig.context.meter.total('remora_filelog_held_bytes'), 0);
});

function waiting(rig: Rig): number {
  return rig.context.meter.total('remora_filelog_held_bytes');
}

test('a trace that a rotation cuts is one record, also over a crash', async (t) => {
  for (const isCrash of [false, true]) {
    const path = join(tempDirectory(t), 'app.log');
    const storage = storageIn(tempDirectory(t));
    const operators = [{ type: 'recombine', preset: 'java', force_flush_period: '1h' }];
    const config = { include: [path], start_at: 'beginning', operators };
    writeFileSync(path, `before\n${TRACE.slice(0, 3).join('\n')}\n`);
    let rig = await startRig(t, config, { storage });
    await until(() => rig.consumer.items === 1 && waiting(rig) > 0, 'half of the trace waits');
    if (isCrash) {
      const isSaved = async (): Promise<boolean> => String(await storage.read()).includes('pending');
      await until(isSaved, 'the checkpoint names what waits');
      // What a killed process would have delivered no more, and written no more.
      rig.consumer.answer = () => retry(new Error('killed'));
      const copy = await frozenStorage(t, storage);
      renameSync(path, `${path}.1`);
      writeFileSync(path, `${TRACE.slice(3).join('\n')}\nafter\n`);
      rig = await startRig(t, config, { storage: copy });
    } else {
      renameSync(path, `${path}.1`);
      writeFileSync(path, `${TRACE.slice(3).join('\n')}\nafter\n`);
    }
    await until(() => bodies(rig.consumer).includes(TRACE.join('\n')), 'the whole trace arrived');
    await rig.stop();
    assert.deepEqual(bodies(rig.consumer), [...(isCrash ? [] : ['before']), TRACE.join('\n'), 'after']);
  }
});

test('half a record with a last entry to come survives a clean restart', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  const storage = storageIn(tempDirectory(t));
  const operators = [
    { type: 'recombine', is_last_entry: 'body endsWith ";"', combine_with: ' ', force_flush_period: '1h' },
  ];
  const config = { include: [path], start_at: 'beginning', operators };
  writeFileSync(path, 'select 1;\nselect\n');
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 1 && waiting(first) > 0, 'the first statement arrived');
  await first.stop();
  assert.deepEqual(bodies(first.consumer), ['select 1;']);
  appendFileSync(path, '2;\n');
  const second = await startRig(t, config, { storage });
  await until(() => second.consumer.items === 1, 'the second statement arrived');
  assert.deepEqual(bodies(second.consumer), ['select 2;']);
});

test('what waited is sent line by line, however much it is, when the next run joins no lines', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  const storage = storageIn(tempDirectory(t));
  const lines = Array.from({ length: 700 }, (_, i) => `${i} ${'x'.repeat(1000)}`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  const config = { include: [path], start_at: 'beginning' };
  const joins = { is_last_entry: 'body == "end"', max_unmatched_batch_size: 0, force_flush_period: '1h' };
  const operators = [{ type: 'recombine', ...joins }];
  const first = await startRig(t, { ...config, operators }, { storage });
  await until(() => first.context.meter.total('remora_filelog_unread_bytes') === 0, 'all of it waits');
  await first.stop();
  assert.deepEqual(bodies(first.consumer), []);
  const second = await startRig(t, config, { storage });
  await until(() => second.consumer.items === lines.length, 'every line arrived');
  assert.deepEqual(bodies(second.consumer), lines);
});

test('the streams of a container are joined each for itself, blank lines of a trace included', async (t) => {
  const at = '2024-04-13T07:59:37.505201169Z';
  const go = ['panic: boom', '', 'goroutine 1 [running]:', 'main.main()', '\t/app/main.go:4 +0x1d', 'exit status 2'];
  const path = join(tempDirectory(t), 'app.log');
  const lines = go.flatMap((line, i) => [`${at} stderr F ${line}`, `${at} stdout F out ${i}`]);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  const operators = [{ type: 'container' }, { type: 'recombine', preset: 'go', force_flush_period: '20ms' }];
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
  await until(() => rig.consumer.items === go.length + 1, 'everything arrived');
  const trace = records(rig.consumer.batches).find(({ body }) => typeof body === 'string' && body.startsWith('panic'));
  assert.equal(trace?.body, go.join('\n'));
  assert.equal(trace.attributes.get('log.iostream'), 'stderr');
});

test('the way of older configurations for Kubernetes: a parser, then recombine, then the body is moved', async (t) => {
  const at = '2016-10-06T00:17:09.669794202Z';
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, `${at} stdout F whole\n${at} stdout P one \n${at} stderr F other\n${at} stdout F two\n`);
  const operators = [
    { type: 'regex_parser', regex: '^(?P<time>[^ ]+) (?P<stream>\\w+) (?P<logtag>\\w) (?P<log>.*)$' },
    {
      type: 'recombine',
      combine_field: 'attributes.log',
      combine_with: '',
      is_last_entry: "attributes.logtag == 'F'",
      source_identifier: 'attributes.stream',
    },
    { type: 'move', from: 'attributes.log', to: 'body' },
  ];
  const config = { include: [path], start_at: 'beginning', operators, preserve_trailing_whitespaces: true };
  const rig = await startRig(t, config);
  await until(() => rig.consumer.items === 3, 'everything arrived');
  assert.deepEqual(bodies(rig.consumer), ['whole', 'other', 'one two']);
});

test('the configuration is refused where it does not say which lines belong together, or says it twice', () => {
  const one = 'exactly one of is_first_entry, is_last_entry and preset tells which lines belong together';
  assert.deepEqual(issuesOf([{ type: 'recombine' }]), [`0: ${one}`]);
  assert.deepEqual(issuesOf([{ type: 'recombine', preset: 'java', is_last_entry: 'true' }]), [`0: ${one}`]);
  for (const preset of ['cobol', ['java', 'cobol']]) {
    assert.deepEqual(issuesOf([{ type: 'recombine', preset }]), ['0.preset: Invalid input']);
  }
});

test('a blank line that begins a record ends the one before it', async (t) => {
  const lines = ['one', 'two', '', 'three', 'four', '', 'five'];
  assert.deepEqual(await combined(t, { is_first_entry: 'body == ""' }, lines), ['one\ntwo', 'three\nfour', 'five']);
});

test('lines that wait for ever are sent when their file was removed, and it is closed', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, 'one\n');
  const clock = new HurriedClock(50);
  const operators = [{ type: 'recombine', preset: 'java', force_flush_period: 0 }];
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators }, { clock });
  const { meter } = rig.context;
  await until(() => meter.total('remora_filelog_held_bytes') > 0, 'the line waits');
  unlinkSync(path);
  await until(() => meter.total('otelcol_fileconsumer_open_files') === 0, 'the file is closed');
  assert.deepEqual(bodies(rig.consumer), ['one']);
});

test('what waits is bounded over all files, nothing of it is lost, and in the end nothing waits', async (t) => {
  const directory = tempDirectory(t);
  const line = `2024-04-13T07:59:37.5Z stdout P ${'x'.repeat(10_000)}\n`;
  for (let n = 0; n < 50; n++) writeFileSync(join(directory, `${n}.log`), line.repeat(50));
  const operators = [{ type: 'container' }, { type: 'recombine', preset: 'java', force_flush_period: '1h' }];
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', operators, force_flush_period: '1h' };
  const clock = new LeapingClock();
  const rig = await startRig(t, config, { clock });
  const { meter } = rig.context;
  let most = 0;
  rig.consumer.answer = () => {
    most = Math.max(most, meter.total('remora_filelog_held_bytes'));
    return ACCEPTED;
  };
  const gotBytes = (): number => bodies(rig.consumer).reduce((sum: number, body) => sum + text(body).length, 0);
  await until(() => meter.total('remora_filelog_unread_bytes') === 0, 'all is read');
  // What one operator lets go of waits in the next.
  await until(() => (clock.leap(3_600_000), meter.total('remora_filelog_held_bytes') === 0), 'nothing waits');
  await until(() => gotBytes() >= 25_000_000, 'all arrived');
  assert.ok(most > 15 * 2 ** 20 && most <= 16 * 2 ** 20 + 10_000, `${most} bytes waited`);
  assert.ok(meter.total('remora_filelog_incomplete_records') > 0);
});
