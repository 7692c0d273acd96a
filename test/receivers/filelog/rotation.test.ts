import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { retry, ACCEPTED } from '../../../src/core/verdict.ts';
import { until } from '../../support/until.ts';
import { bodies, startRig, tempDirectory } from './support.ts';

function assertEachOnce(seen: readonly unknown[], count: number): void {
  const times = new Uint8Array(count);
  for (const body of seen) {
    const number = Number(String(body).slice('line '.length));
    times[number] = (times[number] ?? 0) + 1;
  }
  const wrong = [...times.entries()].filter(([, n]) => n !== 1).slice(0, 10);
  assert.deepEqual(wrong, [], 'lines that did not arrive exactly once');
  assert.equal(seen.length, count);
}

function lines(from: number, count: number): string {
  let text = '';
  for (let i = from; i < from + count; i++) text += `line ${i}\n`;
  return text;
}

test('200,000 lines arrive exactly once while the file is renamed away every 5,000', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], poll_interval: '20ms' });
  for (let n = 0; n < 200_000; n += 1000) {
    appendFileSync(path, lines(n, 1000));
    if (n % 5000 === 4000) renameSync(path, `${path}.${n}`);
    if (n % 3000 === 0) await setImmediate();
  }
  await until(() => rig.consumer.items >= 200_000, 'all lines arrived');
  await rig.stop();
  assertEachOnce(bodies(rig.consumer), 200_000);
  assert.equal(rig.context.meter.total('remora_filelog_rotations'), 40);
});

test('200,000 lines arrive exactly once while the file is truncated in place after being read', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  for (let n = 0; n < 200_000; n += 5000) {
    appendFileSync(path, lines(n, 5000));
    await until(() => rig.consumer.items === n + 5000, `lines up to ${n + 5000} arrived`);
    truncateSync(path, 0);
  }
  await rig.stop();
  assertEachOnce(bodies(rig.consumer), 200_000);
});

test('a file that keeps growing after it was renamed is read on', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  writeFileSync(path, lines(0, 10));
  await until(() => rig.consumer.items === 10, 'the first lines arrived');
  renameSync(path, join(directory, 'elsewhere'));
  writeFileSync(path, lines(10, 10));
  appendFileSync(join(directory, 'elsewhere'), lines(20, 10));
  await until(() => rig.consumer.items === 30, 'all lines arrived');
  await rig.stop();
  assertEachOnce(bodies(rig.consumer), 30);
});

test('descriptors are kept through several rotations while the pipeline takes nothing', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  rig.consumer.answer = () => retry(new Error('full'), 10);
  for (let n = 0; n < 50_000; n += 5000) {
    appendFileSync(path, lines(n, 5000));
    await setImmediate();
    renameSync(path, `${path}.${n}`);
  }
  await until(() => rig.context.meter.total('otelcol_fileconsumer_open_files') === 10, 'all files are held open');
  assert.equal(rig.consumer.items, 0);
  assert.ok(rig.context.meter.total('remora_filelog_unread_bytes') > 500_000);
  rig.consumer.answer = () => ACCEPTED;
  await until(() => rig.consumer.items >= 50_000, 'all lines arrived');
  await rig.stop();
  assertEachOnce(bodies(rig.consumer), 50_000);
  assert.equal(rig.context.meter.total('remora_filelog_unread_bytes'), 0);
});

test('a file that was created, filled and renamed away several times between two looks is read each time', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  // Numbered as logrotate does it: each rotation moves the older ones one further.
  for (let n = 0; n < 5; n++) {
    writeFileSync(path, lines(n * 10, 10));
    for (let age = n; age > 0; age--) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
    renameSync(path, `${path}.1`);
  }
  await until(() => rig.consumer.items >= 50, 'all lines arrived');
  await rig.stop();
  assertEachOnce(bodies(rig.consumer), 50);
});

test('files that are created one after the other are not taken for renames', async (t) => {
  const directory = tempDirectory(t);
  const rig = await startRig(t, { include: [join(directory, 'app.log')], poll_interval: '5ms' });
  writeFileSync(join(directory, 'app.log'), 'line 0\n');
  writeFileSync(join(directory, 'app-error.log'), 'not asked for\n');
  writeFileSync(join(directory, 'app.log.1.gz'), 'not asked for\n');
  await until(() => rig.consumer.items === 1, 'the line arrived');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['line 0']);
});

for (const way of ['', ' that a link leads to']) {
  test(`what was not read of a file${way} that is copied and truncated is read from the copy`, async (t) => {
    const directory = tempDirectory(t);
    const path = join(directory, 'app.log');
    const link = join(directory, 'links', 'web.log');
    mkdirSync(dirname(link));
    symlinkSync(path, link);
    const rig = await startRig(t, { include: [way === '' ? path : link], poll_interval: '5ms' });
    writeFileSync(path, lines(0, 1000));
    await until(() => rig.consumer.items === 1000, 'the first lines arrived');
    rig.consumer.answer = () => retry(new Error('full'), 10);
    appendFileSync(path, lines(1000, 50_000));
    await until(() => rig.context.meter.total('remora_filelog_unread_bytes') > 500_000, 'the file was seen to grow');
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
    appendFileSync(path, lines(51_000, 10));
    rig.consumer.answer = () => ACCEPTED;
    await until(() => rig.consumer.items >= 51_010, 'all lines arrived');
    await rig.stop();
    assertEachOnce(bodies(rig.consumer), 51_010);
    assert.equal(rig.context.meter.total('remora_filelog_lost_bytes'), 0);
  });
}
