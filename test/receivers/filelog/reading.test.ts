import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/core/clock.ts';
import { rejected } from '../../../src/core/verdict.ts';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { LeapingClock } from '../../support/leaping-clock.ts';
import { until } from '../../support/until.ts';
import { NOW_MS } from './operating.ts';
import { bodies, createRig, records, startRig, tempDirectory, text, type RigOptions } from './support.ts';

async function readAll(
  t: Parameters<typeof tempDirectory>[0],
  content: string | Buffer,
  config: object = {},
  options: RigOptions = {},
) {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, content);
  const rig = await startRig(t, { include: [path], start_at: 'beginning', ...config }, options);
  await rig.stop();
  return { rig, records: records(rig.consumer.batches), bodies: bodies(rig.consumer) };
}

test('a record has the line, the file name, the observed time and the configured attributes', async (t) => {
  const config = {
    attributes: { team: 'a' },
    resource: { 'service.name': 'shop', port: 8080 },
    include_file_path: true,
    include_file_record_number: true,
    include_file_record_offset: true,
  };
  const clock = { ...systemClock, now: () => NOW_MS };
  const { records: all } = await readAll(t, 'hello\n', config, { clock });
  const [record] = all;
  assert.equal(all.length, 1);
  assert.equal(record?.body, 'hello');
  assert.equal(record.attributes.get('log.file.name'), 'app.log');
  assert.match(text(record.attributes.get('log.file.path')), /^\/.*\/app\.log$/);
  assert.equal(record.attributes.get('log.file.record_number'), 1);
  assert.equal(record.attributes.get('log.file.record_offset'), 0);
  assert.equal(record.attributes.get('team'), 'a');
  assert.deepEqual(Object.fromEntries(record.resource), { 'service.name': 'shop', port: '8080' });
  assert.equal(record.observedTimeUnixNano, BigInt(NOW_MS) * 1_000_000n);
  assert.equal(record.timeUnixNano, 0n);
});

test('line ends, blank lines and blanks around a line are treated as the Collector treats them', async (t) => {
  const trimmed = await readAll(t, 'a\r\n\n  b\t \n   \nc');
  assert.deepEqual(trimmed.bodies, ['a', 'b', 'c']);
  const kept = await readAll(t, 'a\r\n  b\t \n   \n', {
    preserve_leading_whitespaces: true,
    preserve_trailing_whitespaces: true,
  });
  assert.deepEqual(kept.bodies, ['a', '  b\t ', '   ']);
});

test('invalid UTF-8 becomes U+FFFD in its own line only', async (t) => {
  const content = Buffer.concat([Buffer.from('grün\nbad '), Buffer.from([0xff, 0xc3]), Buffer.from(' end\nnext ü\n')]);
  const { bodies: all } = await readAll(t, content);
  assert.deepEqual(all, ['grün', 'bad \ufffd\ufffd end', 'next ü']);
});

test('a line longer than max_log_size is split between characters, marked and counted', async (t) => {
  const { rig, records: all } = await readAll(t, `short\n${'ü'.repeat(1000)}\nlast\n`, { max_log_size: 999 });
  assert.deepEqual(
    all.map(({ body, attributes }) => [text(body).length, attributes.get('log.record.cut')]),
    [
      [5, undefined],
      [499, true],
      [499, true],
      [2, true],
      [4, undefined],
    ],
  );
  assert.equal(rig.context.meter.total('remora_filelog_long_lines'), 2);
});

test('a line of megabytes is cut without giving the file up, in both behaviours', async (t) => {
  const content = `first\n${'x'.repeat(5_000_000)}\nlast\n`;
  const split = await readAll(t, content);
  assert.equal(split.bodies.map(text).join('').length, 5_000_009);
  assert.equal(split.bodies.at(-1), 'last');
  assert.equal(split.bodies.length, 7);
  const truncated = await readAll(t, content, { max_log_size_behavior: 'truncate' });
  assert.deepEqual(
    truncated.bodies.map((body) => text(body).length),
    [5, 1024 * 1024, 4],
  );
});

test('a partial last line waits for its end, or for the flush period after it last grew', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const clock = new LeapingClock();
  const rig = await startRig(t, { include: [path], poll_interval: '5ms', force_flush_period: '1h' }, { clock });
  writeFileSync(path, 'one\ntw');
  await until(() => rig.consumer.items === 1, 'the whole line arrived');
  appendFileSync(path, 'o\nthree');
  await until(() => rig.consumer.items === 2, 'the completed line arrived');
  assert.deepEqual(bodies(rig.consumer), ['one', 'two']);
  clock.leap(3_600_000);
  await until(() => rig.consumer.items === 3, 'the partial line was flushed');
  appendFileSync(path, ' and a half\n');
  await until(() => rig.consumer.items === 4, 'its rest arrived');
  assert.deepEqual(bodies(rig.consumer), ['one', 'two', 'three', 'and a half']);
});

test('start_at end skips what was there at the start, and nothing of files that appear later', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'old.log'), 'skipped\n');
  const rig = await startRig(t, { include: [join(directory, '**/*.log')], exclude: [join(directory, '**/no*')] });
  appendFileSync(join(directory, 'old.log'), 'appended\n');
  mkdirSync(join(directory, 'deep/er'), { recursive: true });
  writeFileSync(join(directory, 'deep/er/new.log'), 'new\n');
  writeFileSync(join(directory, 'deep/no.log'), 'excluded\n');
  await until(() => rig.consumer.items >= 2, 'both lines arrived');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer).sort(), ['appended', 'new']);
});

test('a file under two names is read once, through a symbolic link too', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'real.log'), 'one\n');
  symlinkSync(join(directory, 'real.log'), join(directory, 'link.log'));
  symlinkSync(directory, join(directory, 'loop'));
  const rig = await startRig(t, { include: [join(directory, '**/*.log')], start_at: 'beginning' });
  await until(() => rig.consumer.items >= 1, 'the line arrived');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['one']);
});

test('a file that may not be read is counted and read once it may', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'secret\n');
  const isRoot = process.geteuid?.() === 0;
  chmodSync(path, isRoot ? 0o600 : 0);
  if (isRoot) {
    // Nothing is forbidden to root: the receiver runs as nobody, and the file is root's.
    chmodSync(directory, 0o755);
    process.seteuid?.(65_534);
    t.after(() => process.seteuid?.(0));
  }
  const rig = await startRig(t, { include: [path], start_at: 'beginning', poll_interval: '5ms' });
  await until(() => rig.context.meter.total('remora_filelog_unreadable') > 1, 'it was tried again');
  assert.equal(rig.consumer.items, 0);
  if (isRoot) process.seteuid?.(0);
  chmodSync(path, 0o644);
  if (isRoot) process.seteuid?.(65_534);
  await until(() => rig.consumer.items === 1, 'the line arrived');
  await rig.stop();
  if (isRoot) process.seteuid?.(0);
});

test('zeros that a writer leaves after a truncation are skipped and counted, whole lines behind them are not', async (t) => {
  const hole = Buffer.alloc(3 * 1024 * 1024);
  const content = Buffer.concat([hole, Buffer.from('one\n\0\0two\nth\0ree\n'), hole]);
  const { bodies: lines, rig } = await readAll(t, content, { max_log_size: '64KiB' });
  assert.deepEqual(lines, ['one', 'two', 'th\0ree']);
  assert.equal(rig.context.meter.total('remora_filelog_skipped_nul_bytes'), 2 * hole.length + 2);
  assert.equal(rig.context.meter.total('remora_filelog_long_lines'), 0);
});

test('a writer that goes on at its old offset after a copy-and-truncate loses no line', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], start_at: 'beginning', poll_interval: '5ms' });
  const stale = openSync(path, 'w');
  t.after(() => closeSync(stale));
  writeSync(stale, 'one\n');
  await until(() => rig.consumer.items === 1, 'the line arrived');
  truncateSync(path, 0);
  writeSync(stale, 'two\n');
  await until(() => rig.consumer.items === 2, 'the line behind the hole arrived');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['one', 'two']);
});

test('limits that could never be kept are refused', () => {
  for (const keys of [{ max_log_size: 0 }, { poll_interval: '0s' }]) {
    const parsed = filelogReceiver.parse({ include: ['/x'], ...keys });
    assert.ok(!parsed.ok && parsed.issues.some(({ message }) => message === 'must be more than 0'));
  }
});

test('lines refused for good are counted and reading goes on', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  rig.consumer.answer = () => rejected(new Error('no'));
  writeFileSync(path, 'one\ntwo\n');
  await until(() => rig.context.meter.total('remora_filelog_rejected_lines') === 2, 'both lines were counted');
  assert.equal(rig.context.meter.total('remora_filelog_unread_bytes'), 0);
});

test('stopping before the start, twice, and with a full pipeline ends in time', async (t) => {
  const directory = tempDirectory(t);
  const unstarted = await createRig({ include: [join(directory, '*.log')] });
  await unstarted.stop();
  await unstarted.stop();
  writeFileSync(join(directory, 'a.log'), 'one\n');
  const rig = await startRig(t, { include: [join(directory, '*.log')], start_at: 'beginning' });
  rig.consumer.answer = (_, abort) =>
    new Promise((resolve) =>
      abort.addEventListener('abort', () => resolve({ status: 'retry', reason: new Error('stopped') })),
    );
  await rig.stop(50);
  await rig.stop(50);
  assert.equal(rig.consumer.items, 0);
});

test('keys that are not available are refused by name, with what to do', () => {
  const issues = (config: object): string => {
    const parsed = filelogReceiver.parse({ include: ['/tmp/*.log'], ...config });
    return parsed.ok ? '' : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  };
  assert.equal(issues({}), '');
  assert.equal(issues({ retry_on_failure: { enabled: true }, compression: '', delete_after_read: false }), '');
  assert.match(issues({ compression: 'zstd' }), /^compression: /);
  assert.match(issues({ encoding: 'utf-7' }), /^encoding: .*utf-8/);
  assert.match(issues({ include: ['/a/[b'] }), /^include\.0: .*"\[" without "\]"/);
  assert.match(issues({ operators: [{ type: 'syslog_parser' }] }), /^operators\.0\.type: no such operator/);
  assert.match(issues({ operators: [{ type: 'regex_parser', regex: '(a' }] }), /^operators\.0\.regex: /);
  assert.match(issues({ operators: [{ type: 'regex_parser', regex: 'a(b)' }] }), /no named group/);
  assert.match(
    issues({ operators: [{ type: 'remove', field: 'level' }] }),
    /must start with body, attributes or resource/,
  );
  assert.match(
    issues({ operators: [{ type: 'time_parser', parse_from: 'attributes.t', layout: '%Q' }] }),
    /directive "%Q"/,
  );
});
